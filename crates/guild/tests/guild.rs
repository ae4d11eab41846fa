//! A guild's rules, by table and by property.

use proptest::prelude::*;
use voicehall_guild::{Command, Guild, GuildError, MemberRecord, Moderation, TemplateIds, from_template};
use voicehall_protocol::gateway::{GuildChange, ModerateAction};
use voicehall_protocol::ids::{ChannelId, GuildId, RoleId, UserId, VoiceSessionId};
use voicehall_protocol::model::{self, ChannelKind, Permissions, Role, User};
use voicehall_protocol::rtp::{SourceId, SourceKind};
use voicehall_protocol::ticket::SessionBits;

const VOICE: ChannelId = ChannelId(3);
const TEXT: ChannelId = ChannelId(4);
const OWNER: UserId = UserId(10);
const ANN: UserId = UserId(11);
const BOB: UserId = UserId(12);
const STRANGER: UserId = UserId(99);

fn person(id: UserId) -> User {
    User { id, name: format!("person {id}"), guest: true }
}

fn join(id: UserId, owner: bool) -> Command {
    Command::Join { user: person(id), owner }
}

fn open(user: UserId, channel: ChannelId, session: u64) -> Command {
    Command::VoiceOpen {
        user,
        channel,
        session: VoiceSessionId(session),
        source: SourceId::new(session as u32, SourceKind::Microphone),
        self_mute: false,
        self_deaf: false,
    }
}

/// The template with an owner and two members.
fn guild() -> Guild {
    let ids = TemplateIds { guild: GuildId(1), everyone: RoleId(2), voice: VOICE, text: TEXT };
    let mut guild = from_template("Test".to_owned(), ids);
    for (id, owner) in [(OWNER, true), (ANN, false), (BOB, false)] {
        guild.apply(join(id, owner)).unwrap();
    }
    guild
}

fn refused(guild: &Guild, command: Command, error: GuildError) {
    let mut after = guild.clone();
    assert_eq!(after.apply(command), Err(error));
    assert_eq!(&after, guild, "a refused command changes nothing");
}

#[test]
fn the_template_has_a_voice_and_a_text_channel() {
    let guild = guild();
    let kinds: Vec<_> = guild.snapshot().channels.iter().map(|channel| channel.kind).collect();
    assert_eq!(kinds, [ChannelKind::Voice, ChannelKind::Text]);
    assert_eq!(guild.owner(), Some(OWNER));
}

#[test]
fn what_is_not_allowed_is_refused() {
    use GuildError as E;
    let mut guild = guild();
    guild.apply(open(ANN, VOICE, 1)).unwrap();
    let rename = |by| Command::Rename { by, name: "x".to_owned() };
    let delete = |by, channel| Command::DeleteChannel { by, channel };
    let moderate = |by, user| Command::VoiceModerate { by, user, action: ModerateAction::Mute };
    let table = [
        (rename(ANN), E::Forbidden(Permissions::MANAGE_GUILD)),
        (rename(STRANGER), E::NotMember),
        (delete(ANN, VOICE), E::Forbidden(Permissions::MANAGE_CHANNELS)),
        (delete(OWNER, ChannelId(77)), E::NoSuchChannel),
        (open(ANN, TEXT, 2), E::WrongChannelKind),
        (open(ANN, ChannelId(77), 2), E::NoSuchChannel),
        (open(STRANGER, VOICE, 2), E::NotMember),
        (moderate(BOB, ANN), E::Forbidden(Permissions::MODERATE_VOICE)),
        (moderate(OWNER, BOB), E::NotInVoice),
        (moderate(OWNER, STRANGER), E::NoSuchMember),
        (Command::Remove { by: BOB, user: ANN }, E::Forbidden(Permissions::KICK)),
        (Command::Remove { by: OWNER, user: OWNER }, E::TargetIsOwner),
        (Command::Remove { by: OWNER, user: STRANGER }, E::NoSuchMember),
        (Command::VoiceLeave { user: BOB }, E::NotInVoice),
        (Command::VoiceSelf { user: BOB, self_mute: true, self_deaf: false }, E::NotInVoice),
        (Command::SetOnline { user: STRANGER, online: true }, E::NotMember),
    ];
    for (command, error) in table {
        refused(&guild, command, error);
    }
}

#[test]
fn nobody_but_the_owner_moderates_the_owner() {
    let moderators = Role { id: RoleId(50), name: "mods".to_owned(), permissions: Permissions::all() };
    let mut state = guild().snapshot().clone();
    state.roles.push(moderators);
    let members = [OWNER, ANN].map(|id| MemberRecord {
        user: person(id),
        roles: if id == ANN { vec![RoleId(50)] } else { Vec::new() },
        moderation: Moderation::default(),
    });
    let mut guild = Guild::from_parts(state, members);
    assert_eq!(guild.permissions(ANN), Some(Permissions::all()));
    guild.apply(open(OWNER, VOICE, 1)).unwrap();
    refused(
        &guild,
        Command::VoiceModerate { by: ANN, user: OWNER, action: ModerateAction::Disconnect },
        GuildError::TargetIsOwner,
    );
    refused(&guild, Command::Remove { by: ANN, user: OWNER }, GuildError::TargetIsOwner);
}

#[test]
fn permissions_of_all_roles_are_added_up() {
    let mut state = guild().snapshot().clone();
    state.roles.push(Role { id: RoleId(50), name: "a".to_owned(), permissions: Permissions::KICK });
    state.roles.push(Role {
        id: RoleId(51),
        name: "b".to_owned(),
        permissions: Permissions::PRIORITY_SPEAKER,
    });
    let member = |id, roles: &[u64]| MemberRecord {
        user: person(id),
        roles: roles.iter().copied().map(RoleId).collect(),
        moderation: Moderation::default(),
    };
    let everyone = state.roles[0].permissions;
    let guild = Guild::from_parts(state, [member(ANN, &[50, 51]), member(BOB, &[])]);
    assert_eq!(guild.permissions(ANN), Some(everyone | Permissions::KICK | Permissions::PRIORITY_SPEAKER));
    assert_eq!(guild.permissions(BOB), Some(everyone));
    assert_eq!(guild.permissions(STRANGER), None);
    assert!(guild.session_bits(ANN, false, false).unwrap().contains(SessionBits::PRIORITY));
    assert!(!guild.session_bits(BOB, false, false).unwrap().contains(SessionBits::PRIORITY));
}

#[test]
fn the_bits_follow_own_choice_and_moderation() {
    let mut guild = guild();
    guild.apply(open(ANN, VOICE, 1)).unwrap();
    let state_bits = SessionBits::MUTED | SessionBits::DEAFENED;
    let bits = |guild: &Guild, mute, deaf| guild.session_bits(ANN, mute, deaf).unwrap() & state_bits;
    assert_eq!(bits(&guild, false, false), SessionBits::empty());
    assert_eq!(bits(&guild, true, false), SessionBits::MUTED);
    assert_eq!(bits(&guild, false, true), state_bits, "deafening mutes too");
    let act = |action| Command::VoiceModerate { by: OWNER, user: ANN, action };
    guild.apply(act(ModerateAction::Mute)).unwrap();
    assert_eq!(bits(&guild, false, false), SessionBits::MUTED);
    guild.apply(act(ModerateAction::Deafen)).unwrap();
    guild.apply(act(ModerateAction::Unmute)).unwrap();
    assert_eq!(bits(&guild, false, false), state_bits);
}

#[test]
fn a_mute_by_a_moderator_outlasts_the_session() {
    let mut guild = guild();
    guild.apply(open(ANN, VOICE, 1)).unwrap();
    guild.apply(Command::VoiceModerate { by: OWNER, user: ANN, action: ModerateAction::Mute }).unwrap();
    guild.apply(Command::VoiceLeave { user: ANN }).unwrap();
    guild.apply(open(ANN, VOICE, 2)).unwrap();
    assert!(guild.voice_state(ANN).unwrap().server_mute);
    let restored = MemberRecord { user: person(ANN), roles: Vec::new(), moderation: guild.moderation(ANN) };
    let after_restart = Guild::from_parts(guild.snapshot().clone(), [restored]);
    assert!(after_restart.session_bits(ANN, false, false).unwrap().contains(SessionBits::MUTED));
}

#[test]
fn a_new_voice_session_takes_the_place_of_the_old_one() {
    let mut guild = guild();
    guild.apply(open(ANN, VOICE, 1)).unwrap();
    let steps = guild.apply(open(ANN, VOICE, 2)).unwrap();
    assert!(matches!(&steps[..], [step] if matches!(step.change, GuildChange::VoiceStateSet { .. })));
    assert!(guild.apply(Command::VoiceClose { session: VoiceSessionId(1) }).unwrap().is_empty());
    assert_eq!(guild.voice_state(ANN).unwrap().session, VoiceSessionId(2));
}

fn video(session: u64, camera: bool, screen: bool) -> Command {
    Command::VoiceVideo { session: VoiceSessionId(session), camera, screen }
}

fn shown(guild: &Guild, user: UserId) -> (bool, bool) {
    let state = guild.voice_state(user).unwrap();
    (state.camera, state.screen)
}

#[test]
fn a_session_shows_what_it_says_until_it_is_over() {
    let mut guild = guild();
    assert!(guild.apply(video(1, true, false)).unwrap().is_empty(), "there is no such session");
    guild.apply(open(ANN, VOICE, 1)).unwrap();
    assert_eq!(guild.apply(video(1, true, false)).unwrap().len(), 1);
    assert_eq!(shown(&guild, ANN), (true, false));
    assert!(guild.apply(video(1, true, false)).unwrap().is_empty(), "nothing new");
    guild.apply(Command::VoiceSelf { user: ANN, self_mute: true, self_deaf: true }).unwrap();
    assert_eq!(shown(&guild, ANN), (true, false), "sound is another matter");
    guild.apply(video(1, false, true)).unwrap();
    assert_eq!(shown(&guild, ANN), (false, true));
    guild.apply(open(ANN, VOICE, 2)).unwrap();
    assert_eq!(shown(&guild, ANN), (false, false), "the new session has said nothing");
    assert!(guild.apply(video(1, true, true)).unwrap().is_empty(), "the old one was replaced");
}

#[test]
fn only_what_somebody_may_send_is_shown() {
    let mut state = guild().snapshot().clone();
    state.roles[0].permissions -= Permissions::STREAM;
    let member = MemberRecord { user: person(ANN), roles: Vec::new(), moderation: Moderation::default() };
    let mut guild = Guild::from_parts(state, [member]);
    guild.apply(open(ANN, VOICE, 1)).unwrap();
    guild.apply(video(1, true, true)).unwrap();
    assert_eq!(shown(&guild, ANN), (true, false));
}

#[test]
fn whoever_is_barred_from_video_shows_none_until_they_are_not() {
    let mut guild = guild();
    let moderate = |by, user, action| Command::VoiceModerate { by, user, action };
    guild.apply(open(ANN, VOICE, 1)).unwrap();
    guild.apply(video(1, true, true)).unwrap();
    let missing = GuildError::Forbidden(Permissions::MODERATE_VOICE);
    refused(&guild, moderate(BOB, ANN, ModerateAction::BarVideo), missing);
    refused(&guild, moderate(OWNER, BOB, ModerateAction::BarVideo), GuildError::NotInVoice);
    let bits = |guild: &Guild| guild.session_bits(ANN, false, false).unwrap();
    assert!(bits(&guild).may_send(SourceKind::Camera) && bits(&guild).may_send(SourceKind::Screen));
    guild.apply(moderate(OWNER, ANN, ModerateAction::BarVideo)).unwrap();
    assert!(guild.voice_state(ANN).unwrap().video_barred);
    assert_eq!(shown(&guild, ANN), (false, false));
    assert!(!bits(&guild).may_send(SourceKind::Camera) && !bits(&guild).may_send(SourceKind::Screen));
    assert!(bits(&guild).may_send(SourceKind::Microphone));
    guild.apply(video(1, true, false)).unwrap();
    assert_eq!(shown(&guild, ANN), (false, false));
    guild.apply(moderate(OWNER, ANN, ModerateAction::UnbarVideo)).unwrap();
    assert_eq!(shown(&guild, ANN), (true, false), "what it said last");
    guild.apply(moderate(OWNER, ANN, ModerateAction::BarVideo)).unwrap();
    guild.apply(Command::VoiceClose { session: VoiceSessionId(1) }).unwrap();
    guild.apply(open(ANN, VOICE, 2)).unwrap();
    assert!(guild.voice_state(ANN).unwrap().video_barred, "it outlasts the session");
}

#[test]
fn deleting_a_channel_empties_it_first() {
    let mut guild = guild();
    guild.apply(open(ANN, VOICE, 1)).unwrap();
    guild.apply(open(BOB, VOICE, 2)).unwrap();
    let steps = guild.apply(Command::DeleteChannel { by: OWNER, channel: VOICE }).unwrap();
    assert_eq!(steps.len(), 3);
    assert_eq!(steps[2].change, GuildChange::ChannelRemoved { channel: VOICE });
    assert!(guild.snapshot().voice_states.is_empty());
}

/// What a client does with a change, written apart from the guild's own code.
fn follow(view: &mut model::Guild, change: GuildChange) {
    fn put<T>(list: &mut Vec<T>, at: Option<usize>, value: T) {
        match at {
            Some(at) => list[at] = value,
            None => list.push(value),
        }
    }
    match change {
        GuildChange::MemberSet { member } => {
            let at = view.members.iter().position(|known| known.user.id == member.user.id);
            put(&mut view.members, at, member);
        }
        GuildChange::MemberRemoved { user } => view.members.retain(|known| known.user.id != user),
        GuildChange::ChannelSet { channel } => {
            let at = view.channels.iter().position(|known| known.id == channel.id);
            put(&mut view.channels, at, channel);
        }
        GuildChange::ChannelRemoved { channel } => view.channels.retain(|known| known.id != channel),
        GuildChange::VoiceStateSet { state } => {
            let at = view.voice_states.iter().position(|known| known.user == state.user);
            put(&mut view.voice_states, at, state);
        }
        GuildChange::VoiceStateRemoved { user } => view.voice_states.retain(|known| known.user != user),
        GuildChange::Renamed { name } => view.name = name,
        GuildChange::OwnerSet { owner } => view.owner = Some(owner),
    }
    view.version += 1;
}

fn any_user() -> impl Strategy<Value = UserId> {
    prop_oneof![Just(OWNER), Just(ANN), Just(BOB), Just(STRANGER)]
}

fn any_channel() -> impl Strategy<Value = ChannelId> {
    prop_oneof![Just(VOICE), Just(TEXT), (20u64..24).prop_map(ChannelId)]
}

fn any_action() -> impl Strategy<Value = ModerateAction> {
    use ModerateAction as A;
    let all = [A::Mute, A::Unmute, A::Deafen, A::Undeafen, A::BarVideo, A::UnbarVideo, A::Disconnect];
    prop::sample::select(all.to_vec())
}

fn any_command() -> impl Strategy<Value = Command> {
    let kind = prop_oneof![Just(ChannelKind::Voice), Just(ChannelKind::Text)];
    prop_oneof![
        (any_user(), any::<bool>()).prop_map(|(user, owner)| join(user, owner)),
        (any_user(), any_user()).prop_map(|(by, user)| Command::Remove { by, user }),
        (any_user(), any::<bool>()).prop_map(|(user, online)| Command::SetOnline { user, online }),
        (any_user(), "[a-z]{1,8}").prop_map(|(by, name)| Command::Rename { by, name }),
        (any_user(), any_channel(), "[a-z]{1,8}", kind)
            .prop_map(|(by, id, name, kind)| Command::CreateChannel { by, id, name, kind }),
        (any_user(), any_channel()).prop_map(|(by, channel)| Command::DeleteChannel { by, channel }),
        (any_user(), any_channel(), 1u64..6)
            .prop_map(|(user, channel, session)| open(user, channel, session)),
        (1u64..6).prop_map(|session| Command::VoiceClose { session: VoiceSessionId(session) }),
        (1u64..6, any::<bool>(), any::<bool>())
            .prop_map(|(session, camera, screen)| video(session, camera, screen)),
        (any_user(), any::<bool>(), any::<bool>())
            .prop_map(|(user, self_mute, self_deaf)| Command::VoiceSelf { user, self_mute, self_deaf }),
        any_user().prop_map(|user| Command::VoiceLeave { user }),
        (any_user(), any_user(), any_action()).prop_map(|(by, user, action)| Command::VoiceModerate {
            by,
            user,
            action
        }),
    ]
}

proptest! {
    #[test]
    fn a_snapshot_and_the_changes_after_it_are_the_state(
        commands in prop::collection::vec(any_command(), 0..60),
        snapshot_at in 0usize..60,
    ) {
        let mut guild = guild();
        let mut view = guild.snapshot().clone();
        for (index, command) in commands.into_iter().enumerate() {
            if index == snapshot_at {
                view = guild.snapshot().clone();
            }
            let before = guild.clone();
            match guild.apply(command) {
                Ok(steps) => for step in steps {
                    prop_assert_eq!(step.version, view.version + 1, "versions have no gap");
                    follow(&mut view, step.change);
                },
                Err(_) => prop_assert_eq!(&guild, &before),
            }
            prop_assert_eq!(&view, guild.snapshot());
        }
    }

    #[test]
    fn whoever_is_in_voice_is_a_member_in_a_voice_channel_with_the_bits_shown(
        commands in prop::collection::vec(any_command(), 0..60),
    ) {
        let mut guild = guild();
        for command in commands {
            let _ = guild.apply(command);
            for state in &guild.snapshot().voice_states {
                prop_assert!(guild.may_connect(state.user, state.channel).is_ok());
                let bits = guild.session_bits(state.user, state.self_mute, state.self_deaf).unwrap();
                let mute = state.self_mute || state.server_mute || state.self_deaf || state.server_deaf;
                prop_assert_eq!(bits.contains(SessionBits::MUTED), mute);
                prop_assert_eq!(bits.contains(SessionBits::VIDEO_BARRED), state.video_barred);
                prop_assert!(!state.camera || bits.may_send(SourceKind::Camera));
                prop_assert!(!state.screen || bits.may_send(SourceKind::Screen));
                prop_assert_eq!(
                    bits.contains(SessionBits::DEAFENED), state.self_deaf || state.server_deaf
                );
            }
            let mut users: Vec<_> = guild.snapshot().voice_states.iter().map(|s| s.user).collect();
            users.sort();
            users.dedup();
            prop_assert_eq!(users.len(), guild.snapshot().voice_states.len());
        }
    }
}
