//! Suites: unit tests of design documents.

mod compare;
mod error;
mod file;
mod laws;
mod outcome;
mod runner;
mod snapshot;

pub use error::SuiteError;
pub use file::{Case, CaseKind, Expectation, Fixtures, Suite, ValidateCase};
pub use outcome::{
    CaseOutcome, DiffLine, Failure, Finding, Level, RunOutcome, SuiteOutcome, Verdict,
};
pub use runner::{RunOptions, run};
