//! A plan as Markdown: for a comment on a pull request.

use std::fmt::Write;

use super::{grouped, is_quiet, words};
use crate::deploy::ViewRows;
use crate::deploy::plan::{DatabasePlan, DesignPlan, MemberChange, Plan, SecurityChange, Status};
use crate::report::terminal::{Style, escape};

/// GitHub refuses comments of more than 65,536 characters; what follows the diffs needs some of them.
const MOST: usize = 60_000;

/// The plan, with a heading.
#[must_use]
pub fn report(plan: &Plan) -> String {
    let mut text = format!("### couchctl plan\n\n{}.\n", words::summary(plan));
    let mut quiet = 0;
    let mut left_out = 0;
    for group in grouped(plan) {
        if is_quiet(group.first) {
            quiet += 1 + group.others.len();
            continue;
        }
        let section = database(group.first, group.others.len());
        if text.len() + section.len() > MOST {
            left_out += 1 + group.others.len();
        } else {
            text.push_str(&section);
        }
    }
    if quiet > 0 {
        let _ = writeln!(text, "\nAs in the project: {quiet} more database{}.", plural(quiet));
    }
    if left_out > 0 {
        let _ = writeln!(
            text,
            "\nToo long to be shown: {left_out} more database{}. `couchctl diff` shows all.",
            plural(left_out)
        );
    }
    text
}

/// Rows that would change, database by database.
#[must_use]
pub fn rows<'a>(databases: impl Iterator<Item = (&'a str, &'a [ViewRows])>) -> String {
    let mut text = String::new();
    for (database, views) in databases.filter(|(_, views)| !views.is_empty()) {
        let report = super::rows::report(database, views, Style::default());
        let lines: Vec<String> = report.lines().map(str::to_owned).collect();
        let fence = fence(&lines);
        let _ =
            writeln!(text, "\nRows that change in {}:\n\n{fence}\n{report}{fence}", code(database));
    }
    text
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

fn database(database: &DatabasePlan, others: usize) -> String {
    let mut text = format!("\n#### {}", code(&database.name));
    if others > 0 {
        let _ = write!(text, " and {others} more like it");
    }
    if database.create {
        text.push_str(", to be created");
    }
    text.push_str("\n\n");
    for problem in &database.problems {
        let _ = writeln!(text, "> **Problem:** {}", inline(&problem.to_string()));
    }
    if !database.problems.is_empty() {
        text.push('\n');
    }
    text.push_str("| design document | | index |\n|---|---|---|\n");
    let shown = |design: &&DesignPlan| {
        design.status != Status::Unchanged || !words::warnings(design).is_empty()
    };
    for design in database.designs.iter().filter(shown) {
        let index = words::index(design, database).unwrap_or_default();
        let mut cells = vec![inline(&index)];
        cells.extend(design.search.iter().filter_map(words::search).map(|line| inline(&line)));
        let mut status = vec![words::status(design.status).to_owned()];
        status
            .extend(words::warnings(design).iter().map(|warning| format!("⚠ {}", inline(warning))));
        let _ = writeln!(
            text,
            "| {} | {} | {} |",
            code(words::name(&design.id)),
            status.join("<br>"),
            cells.into_iter().filter(|cell| !cell.is_empty()).collect::<Vec<_>>().join("<br>")
        );
    }
    let unchanged =
        database.designs.iter().filter(|design| design.status == Status::Unchanged).count();
    if unchanged > 0 {
        let _ = writeln!(text, "| {unchanged} more | unchanged | |");
    }
    for leftover in &database.leftovers {
        let _ =
            writeln!(text, "| {} | left by an interrupted push, deleted | |", code(&leftover.id));
    }
    if let SecurityChange::Change { before, after } = &database.security {
        let change = words::security(before.as_ref(), after);
        details("_security", &[change], &mut text);
    }
    for design in database.designs.iter().filter(shown) {
        if design.status == Status::Changed {
            details(words::name(&design.id), &design.members, &mut text);
        }
    }
    text
}

/// The differences of a design document, folded.
fn details(name: &str, changes: &[MemberChange], text: &mut String) {
    let _ = writeln!(text, "\n<details><summary><code>{}</code></summary>\n", html(name));
    for change in changes {
        let note = words::change(change).map(|note| format!(": {note}")).unwrap_or_default();
        let _ = writeln!(text, "{}{note}\n", code(&words::path(change)));
        let lines: Vec<String> = words::diff(change)
            .iter()
            .map(|(sign, line)| format!("{sign}{}", escape(line)))
            .collect();
        if !lines.is_empty() {
            let fence = fence(&lines);
            let _ = writeln!(text, "{fence}diff\n{}\n{fence}\n", lines.join("\n"));
        }
    }
    text.push_str("</details>\n");
}

/// A fence that no line of the text can close.
fn fence(lines: &[String]) -> String {
    "`".repeat(lines.iter().map(|line| longest_run(line)).max().unwrap_or(0).max(2) + 1)
}

fn longest_run(text: &str) -> usize {
    text.split(|character| character != '`').map(str::len).max().unwrap_or(0)
}

/// A code span, safe inside a table.
pub(super) fn code(text: &str) -> String {
    let text = escape(text).replace('|', "\\|");
    let ticks = "`".repeat(longest_run(&text) + 1);
    let pad =
        if text.starts_with('`') || text.ends_with('`') || text.is_empty() { " " } else { "" };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

/// Text that must not be taken for Markdown or HTML.
pub(super) fn inline(text: &str) -> String {
    let mut out = String::new();
    for character in escape(text).chars() {
        if matches!(character, '\\' | '*' | '_' | '[' | ']' | '#' | '~' | '|' | '@') {
            out.push('\\');
        }
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            other => out.push(other),
        }
    }
    out
}

fn html(text: &str) -> String {
    escape(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
