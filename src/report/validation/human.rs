//! For people.

use std::fmt::Write;

use crate::report::human::plural;
use crate::report::terminal::{Style, escape};
use crate::schema::stream::InvalidDocument;
use crate::schema::{Cause, Summary};

/// So many invalid documents need no overview.
const FEW: u64 = 5;

/// How many causes are shown.
const CAUSES: usize = 20;

/// The invalid documents that were kept, then what they have in common, then the numbers.
#[must_use]
pub fn report(summary: &Summary, style: Style) -> String {
    let mut text = String::new();
    for invalid in &summary.documents {
        document(invalid, style, &mut text);
    }
    // Writing to a string cannot fail, here and below.
    if summary.omitted() > 0 {
        let more = plural(summary.omitted() as usize, "more invalid document");
        let _ = writeln!(text, "{}", style.faint(&format!("and {more}")));
    }
    if summary.omitted() > 0 || summary.counts.invalid > FEW {
        let _ = writeln!(text, "\ncauses:");
        for found in summary.causes.iter().take(CAUSES) {
            cause(found, style, &mut text);
        }
        if summary.causes.len() > CAUSES || summary.more_causes {
            let _ = writeln!(text, "  and more; `--format json` tells them");
        }
    }
    let counts = summary.counts;
    let mut numbers = if counts.invalid > 0 {
        let documents = plural(counts.documents() as usize, "document");
        format!("{}: {} of {documents}", style.bad("invalid"), counts.invalid)
    } else {
        let documents = plural(counts.valid as usize, "document");
        format!("{}: {documents} valid", style.good("ok"))
    };
    if counts.ignored > 0 {
        let _ = write!(numbers, ", {} ignored", counts.ignored);
    }
    let gap = if text.is_empty() { "" } else { "\n" };
    let _ = writeln!(text, "{gap}{numbers} ({:.2} s)", summary.duration.as_secs_f64());
    text
}

fn document(invalid: &InvalidDocument, style: Style, text: &mut String) {
    let name = invalid.id.as_deref().unwrap_or("(no _id)");
    let place = format!("{}:{}", escape(&invalid.source), invalid.line);
    let schema = invalid.schema.as_deref().map(escape).unwrap_or_default();
    let _ = writeln!(
        text,
        "{} {}  {schema}  {}",
        style.bad("✗"),
        style.strong(&escape(name)),
        style.faint(&place)
    );
    for (line, violation) in &invalid.violations {
        let place = match *line {
            line if line == invalid.line => String::new(),
            line => style.faint(&format!("  line {line}")),
        };
        let _ = writeln!(text, "    {}{place}", escape(&violation.shown()));
    }
}

fn cause(cause: &Cause, style: Style, text: &mut String) {
    let schema = cause.schema.as_deref().map(|schema| format!("{} ", escape(schema)));
    let example = match &cause.id {
        Some(id) => format!("first `{}`, {}:{}", escape(id), escape(&cause.source), cause.line),
        None => format!("first {}:{}", escape(&cause.source), cause.line),
    };
    let _ = writeln!(
        text,
        "  {:>8}  {}`{}`: expected {}  {}",
        cause.documents,
        schema.unwrap_or_default(),
        escape(&cause.pointer),
        escape(&cause.expected),
        style.faint(&example)
    );
}
