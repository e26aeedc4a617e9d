//! The thread that JavaScript runs on, and the watch over it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use super::guard::{self, ThreadId};
use super::{EngineError, Limits, Profile, Vm, memory};

/// boa's parser and compiler recurse: deep nesting needs far more than the usual 8 MB. The pages
/// are only reserved, not used.
const STACK: usize = 256 << 20;

/// How often a waiting caller looks whether a call has run over its time.
const WATCH: Duration = Duration::from_millis(20);

type Job = Box<dyn FnOnce(&mut Vm) + Send>;

/// What the thread tells about itself: odd while user code runs, a new number for every call.
#[derive(Debug, Default)]
pub(super) struct Progress(AtomicU64);

impl Progress {
    pub(super) fn enter(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn leave(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Leaves, if user code runs now; tells whether it did.
    pub(super) fn pause(&self) -> bool {
        let runs = self.0.load(Ordering::Relaxed) % 2 == 1;
        if runs {
            self.leave();
        }
        runs
    }
}

#[derive(Debug)]
struct Worker {
    jobs: Sender<Job>,
    progress: Arc<Progress>,
    memory_exceeded: Arc<AtomicBool>,
    stack_overflowed: Arc<AtomicBool>,
    thread: Arc<ThreadId>,
}

/// A JavaScript engine on a thread of its own.
///
/// The thread starts with the first job. When a job breaks a limit its thread is given up, and the
/// next job starts a fresh one: what a job needs it compiles itself.
#[derive(Debug)]
pub struct Engine {
    profile: Profile,
    limits: Limits,
    worker: Option<Worker>,
}

impl Engine {
    /// An engine that behaves as `profile`, within `limits`.
    #[must_use]
    pub fn new(profile: Profile, limits: Limits) -> Self {
        Self { profile, limits, worker: None }
    }

    /// The engine this one behaves as.
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// The bounds on what its functions may use.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Runs `job` on the engine's thread and waits for its result.
    ///
    /// # Errors
    /// [`EngineError::Timeout`] or [`EngineError::Exit`] when a call of the job broke a limit, and
    /// [`EngineError::Internal`] when the engine panicked.
    pub fn run<T: Send + 'static>(
        &mut self,
        job: impl FnOnce(&mut Vm) -> T + Send + 'static,
    ) -> Result<T, EngineError> {
        let worker = match self.worker.take() {
            Some(worker) => worker,
            None => start(self.profile, self.limits)?,
        };
        let (answer, answers) = mpsc::channel();
        let job: Job = Box::new(move |vm| {
            let result = catch_unwind(AssertUnwindSafe(|| job(vm)));
            // The caller may have given up; then nobody wants the result.
            let _ = answer.send(result);
        });
        if worker.jobs.send(job).is_err() {
            return Err(EngineError::Internal("its thread has ended".into()));
        }
        let mut seen = worker.progress.0.load(Ordering::Relaxed);
        let mut since = Instant::now();
        loop {
            match answers.recv_timeout(WATCH) {
                Ok(Ok(result)) => {
                    self.worker = Some(worker);
                    return Ok(result);
                }
                Ok(Err(panic)) => return Err(EngineError::Internal(panic_message(&*panic))),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(EngineError::Internal("its thread has ended".into()));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            if worker.memory_exceeded.load(Ordering::Acquire) {
                return Err(EngineError::MEMORY);
            }
            if worker.stack_overflowed.load(Ordering::Acquire) {
                return Err(EngineError::RECURSION);
            }
            let now = worker.progress.0.load(Ordering::Relaxed);
            if now != seen || now % 2 == 0 {
                seen = now;
                since = Instant::now();
            } else if since.elapsed() >= self.limits.call_time {
                worker.thread.give_up();
                return Err(EngineError::Timeout);
            }
        }
    }
}

fn start(profile: Profile, limits: Limits) -> Result<Worker, EngineError> {
    let (sender, jobs) = mpsc::channel::<Job>();
    let progress = Arc::new(Progress::default());
    let memory_exceeded = Arc::new(AtomicBool::new(false));
    let stack_overflowed = Arc::new(AtomicBool::new(false));
    let (of_thread, exceeded) = (Arc::clone(&progress), Arc::clone(&memory_exceeded));
    let thread = Arc::new(ThreadId::default());
    let (overflowed, id) = (Arc::clone(&stack_overflowed), Arc::clone(&thread));
    thread::Builder::new()
        .name("couchctl-engine".into())
        .stack_size(STACK)
        .spawn(move || {
            guard::guard_this_thread(STACK, overflowed);
            id.set();
            memory::limit_this_thread(limits.memory, exceeded);
            let mut vm = Vm::new(profile, limits, of_thread);
            for job in jobs {
                job(&mut vm);
            }
        })
        .map_err(|error| EngineError::Internal(format!("no thread for it: {error}")))?;
    Ok(Worker { jobs: sender, progress, memory_exceeded, stack_overflowed, thread })
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown panic".into())
}
