//! Realtime scheduling: on a busy machine, sound that is late is not heard at all.
//!
//! Whoever may ask the system for it asks directly. Where that is refused, as to most people on
//! Linux, RealtimeKit is asked; where that is absent too, a thread runs as any other.

#[cfg(target_os = "linux")]
use thread_priority::unix::{
    NormalThreadSchedulePolicy, RealtimeThreadSchedulePolicy, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};
#[cfg(target_os = "linux")]
use thread_priority::{Error, ThreadPriority};

/// Of a stream's threads: low among realtime threads, below the sound server's, whose work
/// is shorter and more urgent.
#[cfg(target_os = "linux")]
const CALLBACK_PRIORITY: u8 = 10;

/// Of the media thread, whose work is longer than a callback's.
#[cfg(target_os = "linux")]
const MEDIA_PRIORITY: u8 = 5;

/// Of the thread that seals, sends and receives packets.
#[cfg(target_os = "linux")]
const NETWORK_PRIORITY: u8 = 3;

/// How often a raised thread works, which some systems want to know: every 10 ms at 48 kHz.
const PERIOD_FRAMES: u32 = 480;
const RATE_HZ: u32 = 48_000;

/// Makes something whose threads shall run before ordinary ones: a stream of sound, of whose threads
/// the one that calls back is only the last. On Linux they begin as the one that made them. Where the
/// system refuses that, cpal asks RealtimeKit for the one that calls back.
pub(crate) fn with_raised_threads<T>(make: impl FnOnce() -> T) -> T {
    #[cfg(target_os = "linux")]
    let raised = raise(CALLBACK_PRIORITY).is_ok();
    let made = make();
    #[cfg(target_os = "linux")]
    if raised {
        lower();
    }
    made
}

/// Raises the calling thread, the one that stands in for a device and keeps its time. Like
/// [`raise_media`].
pub fn raise_device() {
    #[cfg(target_os = "linux")]
    raise_or_ask(CALLBACK_PRIORITY);
    #[cfg(not(target_os = "linux"))]
    promote();
}

/// Raises the calling thread, the one that processes, mixes and codes. Returns at once; where the
/// system has to be asked at length, the priority comes a moment later.
pub fn raise_media() {
    #[cfg(target_os = "linux")]
    raise_or_ask(MEDIA_PRIORITY);
    #[cfg(not(target_os = "linux"))]
    promote();
}

/// Raises the calling thread, the one that packets come and go through. Like [`raise_media`].
pub fn raise_network() {
    #[cfg(target_os = "linux")]
    raise_or_ask(NETWORK_PRIORITY);
    #[cfg(not(target_os = "linux"))]
    promote();
}

/// Makes the calling thread an ordinary one: on Linux a thread begins as the one that made it.
pub fn lower() {
    #[cfg(target_os = "linux")]
    {
        let ordinary = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other);
        // Nobody is refused less than they have.
        let _ = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, ordinary);
    }
}

#[cfg(not(target_os = "linux"))]
fn promote() {
    if let Err(error) = audio_thread_priority::promote_current_thread_to_real_time(PERIOD_FRAMES, RATE_HZ) {
        tracing::info!(%error, "a thread has no priority");
    }
}

#[cfg(target_os = "linux")]
fn raise_or_ask(priority: u8) {
    if raise(priority).is_err() {
        ask();
    }
}

#[cfg(target_os = "linux")]
fn raise(priority: u8) -> Result<(), Error> {
    let priority =
        ThreadPriority::Crossplatform(priority.try_into().map_err(|_| Error::Priority("out of range"))?);
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
    set_thread_priority_and_policy(thread_native_id(), priority, policy)
}

/// Asks RealtimeKit on a thread of its own, for its answer may take long.
#[cfg(target_os = "linux")]
fn ask() {
    let Ok(thread) = audio_thread_priority::get_current_thread_info() else { return };
    let asking = std::thread::Builder::new().name("realtime".to_owned()).spawn(move || {
        let answer = audio_thread_priority::promote_thread_to_real_time(thread, PERIOD_FRAMES, RATE_HZ);
        if let Err(error) = answer {
            tracing::info!(%error, "a thread has no priority");
        }
    });
    if let Err(error) = asking {
        tracing::info!(%error, "nobody could ask for a thread's priority");
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use thread_priority::unix::thread_schedule_policy;

    #[test]
    fn a_thread_that_was_made_by_a_raised_one_can_be_lowered() {
        std::thread::spawn(|| {
            // Where it is refused there is nothing to lower.
            let raised = raise(MEDIA_PRIORITY).is_ok();
            let inherited = std::thread::spawn(|| {
                let before = thread_schedule_policy().unwrap();
                lower();
                (before, thread_schedule_policy().unwrap())
            });
            let (before, after) = inherited.join().unwrap();
            assert_eq!(matches!(before, ThreadSchedulePolicy::Realtime(_)), raised);
            assert!(matches!(after, ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other)));
        })
        .join()
        .unwrap();
    }
}
