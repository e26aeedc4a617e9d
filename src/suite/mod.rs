//! Suites: unit tests of design documents.

mod compare;
mod laws;
mod outcome;
mod runner;
mod snapshot;

pub use outcome::{
    CaseOutcome, DiffLine, Failure, Finding, Level, RunOutcome, SuiteOutcome, Verdict,
};
pub use runner::{RunOptions, run};
