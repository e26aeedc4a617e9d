//! The outcome of suites for programs: one JSON object, described in `docs/`.

use serde_json::{Value, json};

use crate::project::ProjectError;
use crate::suite::{DiffLine, Failure, Level, RunOutcome, SuiteOutcome, Verdict};

/// The version of the shape; it changes when a member changes its meaning or goes away.
const VERSION: u32 = 1;

/// The report, pretty-printed, with a line feed at its end.
#[must_use]
pub fn report(outcome: &RunOutcome) -> String {
    let report = json!({
        "version": VERSION,
        "command": "test",
        "passed": outcome.passed(),
        "failed": outcome.failed(),
        "skipped": outcome.skipped(),
        "filtered": outcome.filtered,
        "warnings": outcome.findings(Level::Warning),
        "errors": outcome.findings(Level::Error),
        "duration_ms": milliseconds(outcome.duration),
        "suites": outcome.suites.iter().map(suite).collect::<Vec<_>>(),
    });
    format!("{report:#}\n")
}

/// Why there is no report: what is wrong with the project, for the page of the sandbox.
#[must_use]
pub fn problems(error: &ProjectError) -> String {
    let problems: Vec<Value> = error
        .problems
        .iter()
        .map(|problem| json!({ "message": problem.to_string(), "hint": problem.hint() }))
        .collect();
    json!({ "version": VERSION, "command": "test", "problems": problems }).to_string()
}

fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn suite(suite: &SuiteOutcome) -> Value {
    let cases: Vec<Value> = suite
        .cases
        .iter()
        .map(|case| {
            let (verdict, failures, reason) = match &case.verdict {
                Verdict::Passed => ("passed", Vec::new(), None),
                Verdict::Updated => ("updated", Vec::new(), None),
                Verdict::Failed(failures) => {
                    ("failed", failures.iter().map(failure).collect(), None)
                }
                Verdict::Skipped(reason) => ("skipped", Vec::new(), Some(reason)),
            };
            json!({
                "name": case.name,
                "line": case.line,
                "kind": case.kind,
                "function": case.function,
                "verdict": verdict,
                "failures": failures,
                "reason": reason,
                "log": case.log,
                "duration_ms": milliseconds(case.duration),
            })
        })
        .collect();
    let findings: Vec<Value> = suite
        .findings
        .iter()
        .map(|finding| {
            json!({
                "code": finding.code,
                "level": level(finding.level),
                "view": finding.view,
                "message": finding.message,
                "details": finding.details,
            })
        })
        .collect();
    json!({
        "file": suite.file.display().to_string(),
        "database": suite.database,
        "design": suite.design,
        "duration_ms": milliseconds(suite.duration),
        "cases": cases,
        "findings": findings,
    })
}

/// The name of a level in reports.
#[must_use]
pub fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
    }
}

fn failure(failure: &Failure) -> Value {
    json!({
        "message": failure.message,
        "diff": failure.diff.as_ref().map(|diff| diff.iter().map(line).collect::<Vec<_>>()),
        "hint": failure.hint,
    })
}

fn line(line: &DiffLine) -> String {
    format!("{} {}", line.sign, line.text)
}
