//! Annotations for GitHub: one workflow command for each thing that is wrong.

use crate::report::github::command;
use crate::schema::Summary;

/// The commands, a line each; nothing when all is well.
#[must_use]
pub fn annotations(summary: &Summary) -> String {
    let mut text = String::new();
    for document in &summary.documents {
        let title = document.id.as_deref().unwrap_or("document without an id");
        for (line, violation) in &document.violations {
            command("error", &document.source, Some(*line), title, &violation.shown(), &mut text);
        }
    }
    text
}
