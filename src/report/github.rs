//! Annotations for GitHub: one workflow command per failure, shown at the line it is about.

use std::fmt::Write;

use crate::suite::{Level, RunOutcome, Verdict};

/// The commands, a line each; nothing when all is well.
#[must_use]
pub fn annotations(outcome: &RunOutcome) -> String {
    let mut text = String::new();
    for suite in &outcome.suites {
        let file = suite.file.display().to_string();
        for case in &suite.cases {
            let Verdict::Failed(failures) = &case.verdict else { continue };
            for failure in failures {
                let mut message = failure.message.clone();
                for line in failure.diff.iter().flatten() {
                    let _ = write!(message, "\n{} {}", line.sign, line.text);
                }
                command("error", &file, Some(case.line), &case.name, &message, &mut text);
            }
        }
        for finding in &suite.findings {
            let level = match finding.level {
                Level::Error => "error",
                Level::Warning => "warning",
            };
            let title = match finding.view.as_str() {
                "" => finding.code.to_owned(),
                view => format!("{} ({view})", finding.code),
            };
            command(level, &file, None, &title, &finding.message, &mut text);
        }
    }
    text
}

/// Appends one workflow command.
pub fn command(
    level: &str,
    file: &str,
    line: Option<usize>,
    title: &str,
    message: &str,
    text: &mut String,
) {
    let line = line.map(|line| format!(",line={line}")).unwrap_or_default();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "::{level} file={}{line},title={}::{}",
        property(file),
        property(title),
        data(message)
    );
}

/// Escaping as the runner's toolkit defines it: without it a message could issue commands.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
