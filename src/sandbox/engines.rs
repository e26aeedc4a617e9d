//! Engines for the functions of requests, kept warm between them.

use std::sync::{Mutex, PoisonError};

use crate::engine::{Engine, EngineError, Limits, Profile, Vm};

/// Idle engines that are kept.
const KEPT: usize = 4;

/// Uses after which an engine is given up: what sources and realms it has seen is not kept for ever.
const USES: usize = 2000;

/// Engines of one server.
#[derive(Debug)]
pub(super) struct Engines {
    profile: Profile,
    limits: Limits,
    idle: Mutex<Vec<(Engine, usize)>>,
}

impl Engines {
    pub(super) fn new(profile: Profile, limits: Limits) -> Self {
        Self { profile, limits, idle: Mutex::new(Vec::new()) }
    }

    /// The engine that runs plain `javascript`.
    pub(super) fn profile(&self) -> Profile {
        self.profile
    }

    /// Lends an engine to `work`, which may take its time: not to be called on a thread that serves
    /// connections.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Engine) -> T) -> T {
        let idle = self.lock().pop();
        let (mut engine, uses) =
            idle.unwrap_or_else(|| (Engine::new(self.profile, self.limits), 0));
        let result = work(&mut engine);
        let mut idle = self.lock();
        if idle.len() < KEPT && uses < USES {
            idle.push((engine, uses + 1));
        }
        result
    }

    /// Runs a job in the engine for a design document's language.
    pub(super) fn run<T: Send + 'static>(
        &self,
        language: &str,
        job: impl FnOnce(&mut Vm) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        match self.profile.for_language(language) {
            Some(profile) if profile == self.profile => {
                self.with(|engine| engine.run(job).and_then(|result| result))
            }
            Some(profile) => Engine::new(profile, self.limits).run(job).and_then(|result| result),
            None => Err(EngineError::Thrown {
                error: "unknown_query_language".into(),
                reason: language.into(),
            }),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Engine, usize)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
