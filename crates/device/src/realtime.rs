//! Realtime scheduling: on a busy machine, sound that is late is not heard at all.
//!
//! Whoever may ask the system for it asks directly. Where that is refused, as to most people on
//! Linux, RealtimeKit is asked; where that is absent too, a thread runs as any other.

#[cfg(target_os = "linux")]
use thread_priority::unix::{
    RealtimeThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};
#[cfg(target_os = "linux")]
use thread_priority::{Error, ThreadPriority};

/// Of the threads that call back: low among realtime threads, below the sound server's, whose work
/// is shorter and more urgent.
#[cfg(target_os = "linux")]
const CALLBACK_PRIORITY: u8 = 10;

/// Of the media thread, whose work is longer than a callback's.
#[cfg(target_os = "linux")]
const MEDIA_PRIORITY: u8 = 5;

/// What the media thread moves at once: 10 ms at 48 kHz.
const MEDIA_FRAMES: u32 = 480;
const MEDIA_RATE_HZ: u32 = 48_000;

/// Raises the calling thread, one that the system calls back on. To be called once; it is a single
/// system call that never waits. Where it is refused, cpal asks RealtimeKit from a thread of its own.
pub(crate) fn raise_callback() {
    #[cfg(target_os = "linux")]
    // Nothing can be done about a refusal here, not even to log it.
    let _ = raise(CALLBACK_PRIORITY);
}

/// Raises the calling thread, the one that processes, mixes and codes. Returns at once; where the
/// system has to be asked at length, the priority comes a moment later.
pub fn raise_media() {
    #[cfg(target_os = "linux")]
    {
        if raise(MEDIA_PRIORITY).is_ok() {
            return;
        }
        ask_for_media();
    }
    #[cfg(not(target_os = "linux"))]
    if let Err(error) =
        audio_thread_priority::promote_current_thread_to_real_time(MEDIA_FRAMES, MEDIA_RATE_HZ)
    {
        tracing::info!(%error, "the media thread has no priority");
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
fn ask_for_media() {
    let Ok(media) = audio_thread_priority::get_current_thread_info() else { return };
    let asking = std::thread::Builder::new().name("realtime".to_owned()).spawn(move || {
        let answer = audio_thread_priority::promote_thread_to_real_time(media, MEDIA_FRAMES, MEDIA_RATE_HZ);
        if let Err(error) = answer {
            tracing::info!(%error, "the media thread has no priority");
        }
    });
    if let Err(error) = asking {
        tracing::info!(%error, "nobody could ask for the media thread's priority");
    }
}
