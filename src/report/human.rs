//! The outcome of suites for people.

use std::fmt::Write;

use super::terminal::{Style, escape, escape_lines};
use crate::suite::{CaseOutcome, Finding, Level, RunOutcome, SuiteOutcome, Verdict};

/// What a reader wants to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Colours.
    pub style: Style,
    /// Every case, and what passing cases logged.
    pub verbose: bool,
}

/// One suite: a line when all is well, more when not.
#[must_use]
pub fn suite(suite: &SuiteOutcome, options: Options) -> String {
    let style = options.style;
    let mut text = String::new();
    let failed =
        suite.cases.iter().filter(|case| matches!(case.verdict, Verdict::Failed(_))).count();
    let broken = suite.findings.iter().any(|finding| finding.level == Level::Error);
    let mark = if failed > 0 || broken { style.bad("✗") } else { style.good("✓") };
    let name = format!("{}/{}", escape(&suite.database), escape(&suite.design));
    let cases = suite.cases.len();
    let count = if failed > 0 {
        format!("{failed} of {} failed", plural(cases, "case"))
    } else {
        plural(cases, "case")
    };
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(
        text,
        "{mark} {}  {}  {}",
        style.strong(&name),
        count,
        style.faint(&escape(&suite.file.display().to_string()))
    );
    for case in &suite.cases {
        case_lines(case, options, &mut text);
    }
    for finding in &suite.findings {
        finding_lines(finding, style, &mut text);
    }
    text
}

fn case_lines(case: &CaseOutcome, options: Options, text: &mut String) {
    let style = options.style;
    let name = escape(&case.name);
    match &case.verdict {
        Verdict::Passed if options.verbose => {
            let _ = writeln!(text, "    {} {name}", style.good("ok"));
        }
        Verdict::Passed => {}
        Verdict::Updated => {
            let _ = writeln!(text, "    {} {name}", style.warn("snapshot written"));
        }
        Verdict::Skipped(reason) => {
            let _ = writeln!(text, "    {} {name}: {}", style.warn("skipped"), escape(reason));
        }
        Verdict::Failed(failures) => {
            let line = style.faint(&format!("line {}", case.line));
            let _ = writeln!(text, "    {} {name}  {line}", style.bad("FAILED"));
            for failure in failures {
                let _ = writeln!(text, "      {}", escape(&failure.message));
                for line in failure.diff.iter().flatten() {
                    let line_text = format!("{} {}", line.sign, escape(&line.text));
                    let coloured = match line.sign {
                        '-' => style.bad(&line_text),
                        '+' => style.good(&line_text),
                        _ => line_text,
                    };
                    let _ = writeln!(text, "      {coloured}");
                }
                if let Some(hint) = &failure.hint {
                    let _ = writeln!(text, "      hint: {}", escape(hint));
                }
            }
        }
    }
    if matches!(case.verdict, Verdict::Failed(_)) || options.verbose {
        for message in &case.log {
            for line in escape_lines(message).lines() {
                let _ = writeln!(text, "      {} {line}", style.faint("log:"));
            }
        }
    }
}

fn finding_lines(finding: &Finding, style: Style, text: &mut String) {
    let level = match finding.level {
        Level::Error => style.bad("error"),
        Level::Warning => style.warn("warning"),
    };
    let view = match finding.view.as_str() {
        "" => String::new(),
        view => format!(" view `{}`:", escape(view)),
    };
    let message = escape(&finding.message);
    let _ = writeln!(text, "    {level}[{}]{view} {message}", finding.code);
    for detail in &finding.details {
        let _ = writeln!(text, "      {}", escape(detail));
    }
}

/// The last lines of a run.
#[must_use]
pub fn summary(outcome: &RunOutcome, options: Options) -> String {
    let style = options.style;
    let mut parts =
        vec![format!("{} passed", outcome.passed()), format!("{} failed", outcome.failed())];
    for (count, what) in [
        (outcome.skipped(), "skipped"),
        (outcome.updated(), "snapshots written"),
        (outcome.filtered, "filtered out"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    let findings = outcome.suites.iter().flat_map(|suite| &suite.findings);
    let fixtures = findings.filter(|finding| finding.view.is_empty()).count();
    if fixtures > 0 {
        parts.push(plural(fixtures, "invalid fixture"));
    }
    let errors = outcome.findings(Level::Error) - fixtures;
    if errors > 0 {
        parts.push(plural(errors, "broken law"));
    }
    let warnings = outcome.findings(Level::Warning);
    if warnings > 0 {
        parts.push(plural(warnings, "warning"));
    }
    let verdict = if outcome.is_failure() { style.bad("failed") } else { style.good("ok") };
    format!(
        "\n{verdict}: {} in {} ({:.2} s)\n",
        parts.join(", "),
        plural(outcome.suites.len(), "suite"),
        outcome.duration.as_secs_f64()
    )
}

/// `1 case`, `2 cases`.
#[must_use]
pub fn plural(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
