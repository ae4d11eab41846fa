//! Who gets what: worked out anew whenever views, sources, permissions or key frames change it, and
//! told only to those for whom it changed.

use super::ChannelVideo;
use super::allocate::{Allocation, Step, Want, allocate};
use super::source::{Layer, Route, Source};
use super::watch::{Watch, WatchSlot};
use crate::channel::Channel;
use crate::session::Session;
use crate::{Event, Outbox};
use std::time::Instant;
use voicehall_protocol::rtp::{SCREEN_AUDIO_SLOTS, SourceId, SourceKind, VIDEO_LAYERS, VIDEO_SLOTS};
use voicehall_protocol::video::{SlotState, SlotView, View};

/// What is needed of one source, while it is being counted.
type Demand = [Option<u8>; VIDEO_LAYERS];

/// Works out a channel's routes.
pub(crate) fn plan(
    channel: &mut Channel,
    sessions: &[Option<Box<Session>>],
    now: Instant,
    outbox: &mut dyn Outbox,
) {
    for source in channel.video.sources.iter_mut().flatten() {
        source.sound_routes.clear();
        source.layers.iter_mut().for_each(|layer| layer.routes.clear());
        std::mem::swap(&mut source.watchers, &mut source.watchers_before);
        source.watchers.clear();
        source.demand_before = std::mem::take(&mut source.demand);
    }
    let Channel { receivers, video, .. } = channel;
    for (place, receiver) in receivers.iter_mut().enumerate() {
        let Some(watch) = receiver.watch.as_deref_mut() else { continue };
        let Some(session) = sessions.get(receiver.session as usize).and_then(Option::as_ref) else {
            continue;
        };
        let watcher = session.speaker.source;
        let allocation = divide(watch, receiver.session, video);
        let mut changed = false;
        for (number, slot) in watch.slots.iter_mut().enumerate() {
            let told = slot.view.map(|view| {
                let at = video.places.get(&view.source).copied();
                let source =
                    at.and_then(|at| Some((at, video.sources.get_mut(at as usize)?.as_deref_mut()?)));
                let route = Route { receiver: place as u32, slot: number as u8 };
                show(
                    slot,
                    &view,
                    source.filter(|(_, source)| source.owner != receiver.session),
                    allocation.steps[number],
                    route,
                    watcher,
                    now,
                )
            });
            changed |= slot.told != told;
            slot.told = told;
        }
        sounds(watch, place as u32, video);
        if changed {
            outbox.event(Event::Slots { session: session.id });
        }
    }
    for source in channel.video.sources.iter_mut().flatten() {
        let Some(owner) = sessions.get(source.owner as usize).and_then(Option::as_ref) else { continue };
        settle(source, now);
        source.watchers.sort_unstable();
        source.watchers.dedup();
        if source.demand != source.demand_before {
            outbox.event(Event::Demand { session: owner.id });
        }
        if source.watchers != source.watchers_before {
            outbox.event(Event::Watchers { session: owner.id });
        }
    }
}

/// Divides what a receiver's line carries among its views.
fn divide(watch: &mut Watch, session: u32, video: &ChannelVideo) -> Allocation {
    let wants: [Want; VIDEO_SLOTS] = std::array::from_fn(|number| {
        let slot = &watch.slots[number];
        let Some(view) = slot.view else { return Want::default() };
        let mut want = Want::new(view.priority, view.source.kind() == SourceKind::Screen);
        let source =
            video.places.get(&view.source).and_then(|at| video.sources.get(*at as usize)?.as_deref());
        if let Some(source) = source.filter(|source| source.allowed && source.owner != session) {
            source.offer(&view, slot.given, &mut want);
        }
        want
    });
    let line = watch.estimate.bits_per_second();
    let allocation = allocate(&wants, line);
    watch.planned_bits = line;
    watch.short_of = allocation.short_of;
    allocation
}

/// Gives a slot its layer, and says how it stands.
fn show(
    slot: &mut WatchSlot,
    view: &View,
    source: Option<(u32, &mut Source)>,
    step: Option<Step>,
    route: Route,
    watcher: SourceId,
    now: Instant,
) -> SlotView {
    let stand = |layer: Option<u8>, state| SlotView { slot: view.slot, source: view.source, layer, state };
    let Some((place, source)) = source else {
        slot.stop();
        return stand(None, SlotState::Ended);
    };
    if !source.allowed {
        slot.stop();
        return stand(None, SlotState::Forbidden);
    }
    if slot.stream.layer().is_some_and(|layer| layer.serial != source.serial) {
        slot.stream.stop();
    }
    let Some(step) = step else {
        slot.stop();
        let any = source.layers.iter().any(Layer::is_there);
        return stand(None, if any { SlotState::NoBandwidth } else { SlotState::Waiting });
    };
    source.watchers.push(watcher);
    let choice = source.choose(step.layer, now);
    let need = |demand: &mut Demand, number: u8| {
        let rate = &mut demand[usize::from(number)];
        *rate = (*rate).max(Some(view.frame_rate));
    };
    need(&mut source.demand, choice.wanted);
    need(&mut source.demand, choice.shown);
    slot.aim(Some(source.layer_id(place, choice.shown)));
    slot.thin = step.thin;
    slot.given = Some((step.layer, step.thin));
    let shown = slot.stream.layer().map(|layer| layer.number);
    source.layers[usize::from(choice.shown)].routes.push(route);
    // Until the key frame comes, the old layer goes on.
    if let Some(old) = shown.filter(|old| *old != choice.shown) {
        source.layers[usize::from(old)].routes.push(route);
        need(&mut source.demand, old);
    }
    if slot.waits() {
        source.layers[usize::from(choice.shown)].key.want();
    }
    stand(shown, if shown.is_some() { SlotState::Live } else { SlotState::Waiting })
}

/// Gives the sound of each screen that is seen a slot, the one that it has if there is one.
fn sounds(watch: &mut Watch, receiver: u32, video: &mut ChannelVideo) {
    let seen = |watch: &Watch, screen: SourceId| {
        watch.slots.iter().any(|slot| slot.target.is_some() && slot.view.is_some_and(|v| v.source == screen))
    };
    for number in 0..SCREEN_AUDIO_SLOTS {
        let kept = watch.sounds[number].screen.filter(|screen| seen(watch, *screen));
        watch.sounds[number].screen = kept;
    }
    for number in 0..watch.slots.len() {
        let slot = &watch.slots[number];
        let Some(view) = slot.view.filter(|view| view.source.kind() == SourceKind::Screen) else { continue };
        let has = watch.sounds.iter().any(|sound| sound.screen == Some(view.source));
        if slot.target.is_some()
            && !has
            && let Some(free) = watch.sounds.iter_mut().find(|sound| sound.screen.is_none())
        {
            free.screen = Some(view.source);
        }
    }
    for (number, sound) in watch.sounds.iter().enumerate() {
        let place = sound.screen.and_then(|screen| video.places.get(&screen));
        if let Some(source) = place.and_then(|place| video.sources[*place as usize].as_deref_mut()) {
            source.sound_routes.push(Route { receiver, slot: number as u8 });
        }
    }
}

/// Notes since when each layer is needed, and gives back what is not.
fn settle(source: &mut Source, now: Instant) {
    for (layer, demand) in source.layers.iter_mut().zip(source.demand) {
        match demand {
            Some(_) => layer.needed_at = layer.needed_at.or(Some(now)),
            None => {
                layer.needed_at = None;
                layer.cache.clear();
                layer.key.came();
            }
        }
    }
}
