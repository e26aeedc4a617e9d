//! A bound on the memory of the engine's threads.
//!
//! boa has no memory limit, and an allocation that fails ends the process. So the allocator counts
//! what user code holds on its thread, and once that is more than the limit, it raises the
//! thread's flag and stops the thread inside the allocator for good: the waiting caller sees the
//! flag and reports the function. What the thread held stays allocated, which the limit bounds.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

thread_local! {
    /// Whether user code runs on this thread now.
    static COUNTING: Cell<bool> = const { Cell::new(false) };
    /// What user code allocated and did not free. Documents and rows are allocated outside of user
    /// code but freed by the collector inside of it, so this never falls below zero.
    static HELD: Cell<isize> = const { Cell::new(0) };
    static LIMIT: Cell<isize> = const { Cell::new(isize::MAX) };
    static EXCEEDED: Cell<*const AtomicBool> = const { Cell::new(std::ptr::null()) };
}

/// An allocator that stops an engine thread which holds more memory than its limit.
///
/// A program that runs functions it does not trust installs it around its allocator:
/// `#[global_allocator] static ALLOCATOR: GuardedAllocator<System> = GuardedAllocator(System);`.
/// Without it the engine works the same but memory is not limited.
#[derive(Debug)]
pub struct GuardedAllocator<A>(pub A);

/// Sets this thread's limit; `exceeded` is raised when user code holds more than `limit` bytes.
pub(super) fn limit_this_thread(limit: usize, exceeded: Arc<AtomicBool>) {
    // The flag must outlive the thread, which never ends once it has been stopped.
    EXCEEDED.set(Arc::into_raw(exceeded));
    LIMIT.set(isize::try_from(limit).unwrap_or(isize::MAX));
}

/// Tells that user code starts or ends on this thread; gives what was the case before.
pub(super) fn count_this_thread(counting: bool) -> bool {
    COUNTING.replace(counting)
}

/// What user code of this thread holds, in bytes.
pub(super) fn held() -> isize {
    HELD.get()
}

/// Goes back to what user code held earlier: what it built since is in other hands.
pub(super) fn reset_held(held: isize) {
    HELD.set(held);
}

fn count(bytes: isize) {
    if !COUNTING.get() {
        return;
    }
    let now = HELD.get().saturating_add(bytes).max(0);
    HELD.set(now);
    if now > LIMIT.get() {
        stop();
    }
}

#[cold]
fn stop() {
    LIMIT.set(isize::MAX);
    let flag = EXCEEDED.get();
    if flag.is_null() {
        return;
    }
    // SAFETY: the pointer comes from an `Arc` that was never released.
    unsafe { (*flag).store(true, Ordering::Release) };
    loop {
        std::thread::park();
    }
}

#[expect(clippy::cast_possible_wrap, reason = "a layout's size is at most isize::MAX")]
// SAFETY: every call is passed on unchanged to the wrapped allocator; counting allocates nothing.
unsafe impl<A: GlobalAlloc> GlobalAlloc for GuardedAllocator<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller keeps the contract of the wrapped allocator.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller keeps the contract of the wrapped allocator.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller keeps the contract of the wrapped allocator.
        unsafe { self.0.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        // SAFETY: the caller keeps the contract of the wrapped allocator.
        unsafe { self.0.realloc(pointer, layout, size) }
    }
}
