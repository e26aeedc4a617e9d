//! The suites of the project, run beside the server.

use tokio::sync::oneshot;

use crate::engine::Profile;
use crate::project::{Project, ProjectError};
use crate::suite::{self, RunOptions, RunOutcome};

/// What a run gave, with the databases called by their names on the server.
pub(super) type Outcome = Result<RunOutcome, ProjectError>;

/// Runs of the suites, one at a time.
pub(super) struct Tests {
    profile: Profile,
    /// The run under way.
    running: Option<oneshot::Receiver<Outcome>>,
    /// The project that was saved meanwhile.
    next: Option<Project>,
    /// Whether suites are run at all.
    wanted: bool,
}

impl Tests {
    pub(super) fn new(profile: Profile) -> Self {
        Self { profile, running: None, next: None, wanted: false }
    }

    /// Runs the suites for the first time.
    pub(super) fn start(&mut self, project: Project) {
        self.wanted = true;
        self.again(project);
    }

    /// Runs the suites again, once the run under way has ended.
    pub(super) fn again(&mut self, project: Project) {
        if !self.wanted {
            return;
        }
        if self.running.is_some() {
            self.next = Some(project);
            return;
        }
        let options = RunOptions {
            profile: self.profile,
            jobs: std::thread::available_parallelism().map_or(1, usize::from),
            ..RunOptions::default()
        };
        let (done, running) = oneshot::channel();
        // Not on the runtime, whose end would wait for it.
        std::thread::spawn(move || {
            let outcome = suite::run(&project, &options).map(|outcome| named(outcome, &project));
            // Nobody waits for it any more when the server ended.
            let _ = done.send(outcome);
        });
        self.running = Some(running);
    }

    /// Waits for the end of the run under way, and starts the next one.
    pub(super) async fn finished(&mut self) -> Outcome {
        let outcome = match &mut self.running {
            Some(running) => running.await,
            None => std::future::pending().await,
        };
        self.running = None;
        if let Some(project) = self.next.take() {
            self.again(project);
        }
        match outcome {
            Ok(outcome) => outcome,
            // The thread failed, and has said so itself.
            Err(_) => Ok(RunOutcome::default()),
        }
    }
}

/// The same with databases called by their names: a suite may use the name of the folder.
fn named(mut outcome: RunOutcome, project: &Project) -> RunOutcome {
    for suite in &mut outcome.suites {
        if let Some(database) = project.database(&suite.database) {
            suite.database.clone_from(&database.name);
        }
    }
    outcome
}
