//! Suites run: unit tests of design documents.
//!
//! [`run`] takes the suites of a [`crate::project`] and gives an outcome, plain data that every report
//! is made from. A case calls one function and gets an answer; what the case expects is compared with
//! the answer, and with nothing else.

mod answer;
mod compare;
mod judge;
mod laws;
mod outcome;
mod run;
mod snapshot;

pub use outcome::{
    CaseOutcome, DiffLine, Failure, Finding, Level, RunOutcome, SuiteOutcome, Verdict,
};
pub use run::{RunOptions, run};
