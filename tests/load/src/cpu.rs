//! The processor time of threads of this process, by their names.

use std::fs;
use std::time::Duration;

/// Clock ticks a second in `/proc`; fixed in Linux' interface to programs.
const TICKS_PER_SECOND: f64 = 100.0;

/// Processor time so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct ThreadCpu {
    /// In all.
    pub total: Duration,
    /// Ticks in user space; coarse, so that a share needs seconds of load.
    pub user_ticks: f64,
    /// Ticks in the kernel.
    pub system_ticks: f64,
}

impl ThreadCpu {
    /// Of all threads whose names start so (`/proc` keeps 15 characters).
    ///
    /// # Errors
    /// Where there is no `/proc`.
    pub fn of_threads(name: &str) -> std::io::Result<Self> {
        let mut cpu = Self::default();
        for task in fs::read_dir("/proc/self/task")? {
            let task = task?.path();
            if !fs::read_to_string(task.join("comm"))?.starts_with(name) {
                continue;
            }
            // First field: nanoseconds on a processor.
            let schedstat = fs::read_to_string(task.join("schedstat"))?;
            let run = schedstat.split_whitespace().next().and_then(|field| field.parse().ok());
            cpu.total += Duration::from_nanos(run.unwrap_or(0));
            // Fields 14 and 15; the second may hold spaces and ends in a parenthesis.
            let stat = fs::read_to_string(task.join("stat"))?;
            let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
            let mut fields = after_name.split_whitespace().skip(11).map(|field| field.parse().unwrap_or(0.0));
            cpu.user_ticks += fields.next().unwrap_or(0.0);
            cpu.system_ticks += fields.next().unwrap_or(0.0);
        }
        Ok(cpu)
    }

    /// Time since an earlier reading: in all, and in user space.
    pub fn since(&self, earlier: &Self) -> (Duration, Duration) {
        let total = self.total.saturating_sub(earlier.total);
        let user = self.user_ticks - earlier.user_ticks;
        let system = self.system_ticks - earlier.system_ticks;
        let ticks = Duration::from_secs_f64((user + system).max(1.0) / TICKS_PER_SECOND);
        let share = (user / TICKS_PER_SECOND / ticks.as_secs_f64()).clamp(0.0, 1.0);
        (total, total.mul_f64(share))
    }
}
