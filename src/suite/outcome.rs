//! What running suites gives: plain data, from which every report is made.

use std::path::PathBuf;
use std::time::Duration;

/// What all suites of a run gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunOutcome {
    /// The suites, in the order of their files.
    pub suites: Vec<SuiteOutcome>,
    /// Cases that a filter left out.
    pub filtered: usize,
    /// Wall-clock time of the run.
    pub duration: Duration,
}

/// What one suite gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SuiteOutcome {
    /// Its file, relative to the project.
    pub file: PathBuf,
    /// The database whose design document it tests.
    pub database: String,
    /// The design document, without `_design/`; of a suite of a schema its type, `.schema` behind it.
    pub design: String,
    /// Its cases, in the order of the file.
    pub cases: Vec<CaseOutcome>,
    /// What the view laws found.
    pub findings: Vec<Finding>,
    /// Wall-clock time.
    pub duration: Duration,
}

/// What one case gave.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseOutcome {
    /// Its name.
    pub name: String,
    /// Line in the suite's file, counted from 1.
    pub line: usize,
    /// What kind of function it is about: the key that names it, or `schema`.
    pub kind: &'static str,
    /// The name of that function, where there are several.
    pub function: Option<String>,
    /// The verdict.
    pub verdict: Verdict,
    /// What the functions logged while they ran for it.
    pub log: Vec<String>,
    /// Wall-clock time.
    pub duration: Duration,
}

/// Whether a case passed.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// As expected.
    Passed,
    /// As expected, once a snapshot was written.
    Updated,
    /// Not as expected.
    Failed(Vec<Failure>),
    /// Left out, for the reason the suite gives.
    Skipped(String),
}

/// One thing that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// In one line.
    pub message: String,
    /// Expected and actual, line by line.
    pub diff: Option<Vec<DiffLine>>,
    /// The next step, where there is an obvious one.
    pub hint: Option<String>,
}

/// A line of a diff between what is expected (`-`) and what is there (`+`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffLine {
    /// `-`, `+` or a space.
    pub sign: char,
    /// The line.
    pub text: String,
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Deserves a look; does not fail the run.
    Warning,
    /// Fails the run.
    Error,
}

/// A law of CouchDB's views that a function breaks on the fixtures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// A stable name: `map-throws`, `reduce-depends-on-split`, …
    pub code: &'static str,
    /// How much it matters.
    pub level: Level,
    /// The view it was found at; empty where it is about the documents.
    pub view: String,
    /// In one line.
    pub message: String,
    /// Examples: documents, values.
    pub details: Vec<String>,
}

impl SuiteOutcome {
    /// Whether a case failed or a law is broken.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        self.cases.iter().any(|case| matches!(case.verdict, Verdict::Failed(_)))
            || self.findings.iter().any(|finding| finding.level == Level::Error)
    }
}

impl RunOutcome {
    /// Cases with a verdict of this kind.
    fn count(&self, is: impl Fn(&Verdict) -> bool) -> usize {
        self.suites.iter().flat_map(|suite| &suite.cases).filter(|case| is(&case.verdict)).count()
    }

    /// The number of cases that passed.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.count(|verdict| matches!(verdict, Verdict::Passed | Verdict::Updated))
    }

    /// The number of cases that failed.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.count(|verdict| matches!(verdict, Verdict::Failed(_)))
    }

    /// The number of cases that their suite skips.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.count(|verdict| matches!(verdict, Verdict::Skipped(_)))
    }

    /// The number of snapshots that were written.
    #[must_use]
    pub fn updated(&self) -> usize {
        self.count(|verdict| matches!(verdict, Verdict::Updated))
    }

    /// The findings of this level.
    #[must_use]
    pub fn findings(&self, level: Level) -> usize {
        let findings = self.suites.iter().flat_map(|suite| &suite.findings);
        findings.filter(|finding| finding.level == level).count()
    }

    /// Whether the run fails.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        self.failed() > 0 || self.findings(Level::Error) > 0
    }
}
