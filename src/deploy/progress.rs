//! What `_active_tasks` tells of builds: finer than `_info`, but only to administrators of the server.

use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::server::{ActiveTask, RemoteDatabase};

/// How old an answer may be.
const AGE: Duration = Duration::from_millis(500);

/// The tasks of a server that build indexes of one database, asked at most so often for all builds
/// together, and no more after a refusal.
pub(super) struct Tasks {
    database: RemoteDatabase,
    state: Mutex<State>,
}

enum State {
    Unasked,
    Known(Instant, Vec<ActiveTask>),
    Refused,
}

impl Tasks {
    pub(super) fn new(database: &RemoteDatabase) -> Self {
        Self { database: database.clone(), state: Mutex::new(State::Unasked) }
    }

    /// How many changes a build still has to do, where tasks account for all of `counted`, those that
    /// `_info` counts.
    pub(super) async fn pending(&self, id: &str, counted: u64) -> Option<u64> {
        if counted == 0 {
            return None;
        }
        let mut state = self.state.lock().await;
        let ask = match &*state {
            State::Refused => return None,
            State::Unasked => true,
            State::Known(when, _) => when.elapsed() > AGE,
        };
        if ask {
            *state = match self.database.server().active_tasks().await {
                Ok(tasks) => State::Known(Instant::now(), tasks),
                Err(_) => State::Refused,
            };
        }
        let State::Known(_, tasks) = &*state else { return None };
        let mine = tasks.iter().filter(|task| {
            task.kind == "indexer"
                && task.database_name() == Some(self.database.name())
                && task.design_document.as_deref() == Some(id)
        });
        let (mut done, mut total) = (0, 0);
        for task in mine {
            done += task.changes_done.unwrap_or(0);
            total += task.total_changes.unwrap_or(0);
        }
        (total >= counted).then(|| total.saturating_sub(done).min(counted))
    }
}
