//! What the operating system does about an engine thread that misbehaves.
//!
//! boa recurses on the native stack where it counts nothing: in its parser, through proxies of
//! proxies, through functions bound again and again. Rust ends the process when a stack overflows.
//! On Unix, a thread of the engine is stopped for good instead, as where it holds too much memory:
//! the waiting caller sees its flag and reports what a server reports of a couchjs whose stack
//! overflowed. Elsewhere the process still ends.
//!
//! A thread that was given up because it loops cannot be ended. On Linux it gets only the processor
//! time that nobody else wants.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

/// Guards the calling thread, whose stack has `stack` bytes and has hardly been used; `overflowed` is
/// raised when it overflows.
pub(super) fn guard_this_thread(stack: usize, overflowed: Arc<AtomicBool>) {
    #[cfg(unix)]
    unix::guard_this_thread(stack, overflowed);
    #[cfg(not(unix))]
    let _ = (stack, overflowed);
}

/// The system's id of a thread, once it runs.
#[derive(Debug, Default)]
pub(super) struct ThreadId(AtomicI32);

impl ThreadId {
    /// Notes that it is the calling thread's.
    pub(super) fn set(&self) {
        #[cfg(target_os = "linux")]
        // SAFETY: the call has no preconditions.
        self.0.store(unsafe { libc::gettid() }, Ordering::Relaxed);
    }

    /// Lets every other thread go first.
    pub(super) fn give_up(&self) {
        let thread = self.0.load(Ordering::Relaxed);
        #[cfg(target_os = "linux")]
        if thread != 0 {
            let parameters = libc::sched_param { sched_priority: 0 };
            // Where it is refused the thread goes on as before.
            // SAFETY: the pointer is to a live value.
            unsafe { libc::sched_setscheduler(thread, libc::SCHED_IDLE, &raw const parameters) };
        }
        #[cfg(not(target_os = "linux"))]
        let _ = thread;
    }
}

#[cfg(unix)]
mod unix {
    use std::cell::Cell;
    use std::ptr;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, OnceLock};

    use libc::{c_int, c_void, sigaction, siginfo_t};

    /// How far the end of a stack may be from where it is computed to be: the thread's first frames
    /// and the guard page are not known exactly.
    const NEAR: usize = 1 << 20;

    thread_local! {
        static OVERFLOWED: Cell<*const AtomicBool> = const { Cell::new(ptr::null()) };
        /// The highest and the lowest address of the stack.
        static STACK: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
    }

    /// Linux and macOS tell of an overflow by different signals.
    const SIGNALS: [c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];

    /// What was installed before, beside [`SIGNALS`].
    static PREVIOUS: OnceLock<[sigaction; 2]> = OnceLock::new();

    pub(super) fn guard_this_thread(stack: usize, overflowed: Arc<AtomicBool>) {
        PREVIOUS.get_or_init(|| SIGNALS.map(install));
        let here = ptr::from_ref(&stack) as usize;
        STACK.set((here, here.saturating_sub(stack)));
        OVERFLOWED.set(Arc::into_raw(overflowed));
        provide_signal_stack();
    }

    fn install(signal: c_int) -> sigaction {
        // SAFETY: all-zero is a valid `sigaction`; both pointers are to live values, and the handler
        // has the type that `SA_SIGINFO` asks for.
        unsafe {
            let mut previous: sigaction = std::mem::zeroed();
            let mut ours: sigaction = std::mem::zeroed();
            ours.sa_sigaction = handle as extern "C" fn(_, _, _) as usize;
            ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            libc::sigemptyset(&raw mut ours.sa_mask);
            sigaction(signal, &raw const ours, &raw mut previous);
            previous
        }
    }

    /// A handler needs a stack of its own. Rust gives one to its threads, but only where the program's
    /// `main` is Rust's.
    fn provide_signal_stack() {
        // SAFETY: all-zero is a valid `stack_t`; the pointers are to live values, and the memory given
        // is never freed.
        unsafe {
            let mut stack: libc::stack_t = std::mem::zeroed();
            libc::sigaltstack(ptr::null(), &raw mut stack);
            if stack.ss_flags & libc::SS_DISABLE != 0 {
                let memory = Box::leak(vec![0_u8; 64 << 10].into_boxed_slice());
                stack.ss_sp = memory.as_mut_ptr().cast();
                stack.ss_size = memory.len();
                stack.ss_flags = 0;
                libc::sigaltstack(&raw const stack, ptr::null_mut());
            }
        }
    }

    extern "C" fn handle(signal: c_int, info: *mut siginfo_t, _context: *mut c_void) {
        let flag = OVERFLOWED.get();
        let (top, lowest) = STACK.get();
        // SAFETY: the kernel passes a valid `siginfo_t`, which has an address for these signals.
        let address = unsafe { (*info).si_addr() } as usize;
        if flag.is_null() || address.abs_diff(lowest) > NEAR {
            // No overflow of ours: the instruction is run again and meets who was there before.
            if let Some(previous) = PREVIOUS.get()
                && let Some(position) = SIGNALS.iter().position(|known| *known == signal)
            {
                // SAFETY: the action was given by the system.
                unsafe { sigaction(signal, &raw const previous[position], ptr::null_mut()) };
            }
            return;
        }
        let (start, end) = (lowest + NEAR, top.saturating_sub(NEAR));
        let page = 64 << 10;
        let start = start.next_multiple_of(page);
        // SAFETY: the thread never runs on this part of its stack again, and nobody else uses it. The
        // flag comes from an `Arc` that was never released.
        unsafe {
            libc::madvise(start as *mut c_void, end.saturating_sub(start), libc::MADV_DONTNEED);
            (*flag).store(true, Ordering::Release);
            loop {
                libc::pause();
            }
        }
    }
}
