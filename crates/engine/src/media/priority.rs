//! The media thread's priority: on a busy machine, sound that is late is not heard at all.

use thread_priority::{Error, ThreadPriority};

/// Asks the system to run this thread before ordinary ones. Where that is not allowed, the thread
/// runs as any other.
pub(super) fn raise() {
    if let Err(error) = try_raise() {
        tracing::debug!(?error, "the media thread has no priority");
    }
}

#[cfg(unix)]
fn try_raise() -> Result<(), Error> {
    use thread_priority::unix::{
        RealtimeThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
    };
    /// Low among realtime threads: below the sound server's, whose work is shorter and more urgent.
    const PRIORITY: u8 = 5;
    let priority =
        ThreadPriority::Crossplatform(PRIORITY.try_into().map_err(|_| Error::Priority("out of range"))?);
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
    set_thread_priority_and_policy(thread_native_id(), priority, policy)
}

#[cfg(not(unix))]
fn try_raise() -> Result<(), Error> {
    thread_priority::set_current_thread_priority(ThreadPriority::Max)
}
