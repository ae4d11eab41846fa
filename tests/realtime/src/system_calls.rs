//! Work that may make no system call. Whatever waits makes one: for a lock that is taken, for a
//! condition, for a file or a log, for time.

use nix::libc;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};
use std::collections::BTreeMap;
use std::env::consts::ARCH;

/// Whether `work` runs to its end without a system call, but for those that tell the time where the
/// kernel's page for it (vDSO) does not know it.
///
/// The work is done in a copy of this process, which the kernel kills at the first other call; what the
/// work changes is not seen here. It may not wait for other threads: the copy has none.
///
/// # Panics
/// When the system offers no such filter, or the copy ends otherwise, as by a panic of `work` that got
/// that far.
pub fn keeps_to_itself(work: impl FnOnce()) -> bool {
    let filter = filter();
    // SAFETY: between here and its end the copy runs only `work`, whose whole point is that it takes no
    // lock, and neither allocates nor frees; a copy that hangs all the same is a test that hangs.
    match unsafe { fork() }.expect("a process can be made") {
        ForkResult::Child => {
            let filtered = apply_filter(&filter).is_ok();
            if filtered {
                work();
            }
            // SAFETY: ends the copy at once, and runs nothing of the test program's.
            unsafe { libc::_exit(i32::from(!filtered)) }
        }
        ForkResult::Parent { child } => match waitpid(child, None).expect("it is our child") {
            WaitStatus::Exited(_, 0) => true,
            WaitStatus::Signaled(_, Signal::SIGSYS, _) => false,
            other => panic!("the work ended with {other:?}"),
        },
    }
}

/// Kills the process at any call but those that end it or tell the time.
fn filter() -> BpfProgram {
    let allowed = [libc::SYS_exit_group, libc::SYS_clock_gettime];
    let rules: BTreeMap<i64, _> = allowed.into_iter().map(|number| (number, Vec::new())).collect();
    let arch = TargetArch::try_from(ARCH).expect("a processor that filters exist for");
    let filter = SeccompFilter::new(rules, SeccompAction::KillProcess, SeccompAction::Allow, arch);
    filter.and_then(BpfProgram::try_from).expect("a small filter")
}

#[cfg(test)]
mod tests {
    use super::keeps_to_itself;
    use std::hint::black_box;
    use std::sync::Mutex;
    use std::time::{Duration, Instant};

    #[test]
    fn work_of_its_own_is_let_through() {
        assert!(keeps_to_itself(|| {
            black_box((0..1_000).map(|n: u32| black_box(n)).sum::<u32>());
            black_box(Instant::now());
        }));
    }

    #[test]
    fn waiting_and_telling_are_found_out() {
        let taken = Mutex::new(());
        let guard = taken.lock().unwrap();
        assert!(!keeps_to_itself(|| drop(black_box(taken.lock()))));
        drop(guard);
        assert!(!keeps_to_itself(|| std::thread::sleep(Duration::from_nanos(1))));
        assert!(!keeps_to_itself(|| drop(std::fs::metadata("/"))));
        assert!(!keeps_to_itself(std::thread::yield_now));
    }
}
