//! A counting allocator for tests. Linking this crate makes it the program's allocator, so a test
//! that uses [`allocations`] has nothing to set up.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// How often the current thread allocates and frees while it does `work`. Growing or shrinking in
/// place counts as both.
pub fn allocations(work: impl FnOnce()) -> u64 {
    let before = COUNT.get();
    work();
    COUNT.get() - before
}

thread_local! {
    // Constant and without a destructor, so that reading it allocates nothing itself.
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: hands everything on to the system's allocator. What is not overridden here, the trait
// expresses by these two.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[cfg(test)]
mod tests {
    use super::allocations;
    use std::hint::black_box;
    use std::sync::Barrier;

    #[test]
    fn allocating_and_freeing_are_counted() {
        let kept = black_box(Box::new(1));
        assert_eq!(allocations(|| drop(black_box(Box::new(1)))), 2);
        assert_eq!(allocations(|| drop(kept)), 1);
        assert_eq!(allocations(|| ()), 0);
    }

    #[test]
    fn growing_is_counted() {
        let mut bytes = black_box(vec![0_u8; 1]);
        assert!(allocations(|| bytes.reserve_exact(1_000)) > 0);
    }

    #[test]
    fn other_threads_are_not_counted() {
        let barrier = Barrier::new(2);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                barrier.wait();
                drop(black_box(Box::new(1)));
                barrier.wait();
            });
            let counted = allocations(|| {
                barrier.wait();
                barrier.wait();
            });
            assert_eq!(counted, 0);
        });
    }
}
