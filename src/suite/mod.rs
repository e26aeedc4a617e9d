//! Suites: unit tests of design documents.

mod compare;
mod laws;
mod outcome;

pub use outcome::{
    CaseOutcome, DiffLine, Failure, Finding, Level, RunOutcome, SuiteOutcome, Verdict,
};
