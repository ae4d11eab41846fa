//! Whether the machine itself stood still. A virtual machine's processors are taken away for some
//! milliseconds at times, and no program on it can do anything about that: what was measured
//! meanwhile says something of the machine, and nothing of the program.

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use thread_priority::unix::{
    RealtimeThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};
use thread_priority::{ThreadPriority, ThreadPriorityValue};

/// How often each processor is looked at.
const PERIOD: Duration = Duration::from_millis(1);

/// Above the programs under test, and above the sound server.
const PRIORITY: u8 = 90;

/// Watches every processor with a thread that runs before all others.
pub struct Machine {
    stop: Arc<AtomicBool>,
    stalled_us: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Machine {
    /// Starts to watch.
    ///
    /// # Panics
    /// Without the right to run realtime threads, which the tests have.
    #[must_use]
    pub fn watch() -> Self {
        let (stop, stalled_us) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let processors = std::thread::available_parallelism().expect("the processors can be counted").get();
        let threads = (0..processors).map(|processor| {
            let (stop, stalled_us) = (Arc::clone(&stop), Arc::clone(&stalled_us));
            std::thread::spawn(move || {
                stay_on(processor);
                raise();
                while !stop.load(Ordering::Relaxed) {
                    let asleep = Instant::now();
                    std::thread::sleep(PERIOD);
                    let late = asleep.elapsed().saturating_sub(PERIOD);
                    stalled_us
                        .fetch_max(u64::try_from(late.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
                }
            })
        });
        let threads = threads.collect();
        Self { stop, stalled_us, threads }
    }

    /// The longest time for which a processor stood still since this was asked last.
    #[must_use]
    pub fn stalled_meanwhile(&self) -> Duration {
        Duration::from_micros(self.stalled_us.swap(0, Ordering::Relaxed))
    }

    /// The longest time for which a processor stood still.
    ///
    /// # Panics
    /// When a thread that watches has.
    #[must_use]
    pub fn stalled(self) -> Duration {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().expect("a watching thread runs to its end"));
        Duration::from_micros(self.stalled_us.load(Ordering::Relaxed))
    }
}

fn stay_on(processor: usize) {
    let mut only = CpuSet::new();
    only.set(processor).expect("few processors");
    sched_setaffinity(Pid::from_raw(0), &only).expect("a thread can be put on a processor");
}

fn raise() {
    let priority = ThreadPriorityValue::try_from(PRIORITY).expect("a priority");
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Crossplatform(priority), policy)
        .expect("the tests may run realtime threads");
}
