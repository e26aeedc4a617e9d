//! A plan on a terminal.

use std::fmt::Write;

use super::{grouped, is_quiet, words};
use crate::deploy::plan::{DatabasePlan, DesignPlan, MemberChange, Plan, SecurityChange, Status};
use crate::report::terminal::{Style, escape};

/// How much is shown, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Colours.
    pub style: Style,
    /// Whether unchanged design documents are shown too, and members that mean the same.
    pub verbose: bool,
}

/// The plan, a line feed at its end.
#[must_use]
pub fn report(plan: &Plan, options: Options) -> String {
    let mut text = String::new();
    let mut quiet = Vec::new();
    for group in grouped(plan) {
        let database = group.first;
        if is_quiet(database) && !options.verbose {
            quiet.push(database.name.as_str());
            quiet.extend(group.others.iter().map(|other| other.name.as_str()));
            continue;
        }
        let mut title = options.style.strong(&escape(&database.name));
        if !group.others.is_empty() {
            let count = group.others.len();
            let _ = write!(title, " and {count} more like it");
        }
        if database.create {
            title.push_str(": to be created");
        }
        let _ = writeln!(text, "{title}");
        database_lines(database, options, &mut text);
        text.push('\n');
    }
    if !quiet.is_empty() {
        let verb = if quiet.len() == 1 { "is" } else { "are" };
        let names = if quiet.len() > 5 {
            format!("{} databases", quiet.len())
        } else {
            escape(&quiet.join(", "))
        };
        let _ = writeln!(text, "{names} {verb} as in the project\n");
    }
    let _ = writeln!(text, "{}", words::summary(plan));
    text
}

fn database_lines(database: &DatabasePlan, options: Options, text: &mut String) {
    let style = options.style;
    for problem in &database.problems {
        let message = escape(&problem.to_string());
        let _ = writeln!(text, "  {} {message}", style.bad("problem:"));
        let _ = writeln!(text, "    hint: {}", problem.hint());
    }
    if let SecurityChange::Change { before, after } = &database.security {
        let change = MemberChange {
            path: vec!["_security".to_owned()],
            change: crate::deploy::plan::Change::Changed,
            before: before.clone(),
            after: Some(after.clone()),
        };
        let _ = writeln!(text, "  {} _security", style.warn("~"));
        diff_lines(&change, style, text);
    }
    for design in &database.designs {
        if design.status == Status::Unchanged
            && !options.verbose
            && words::warnings(design).is_empty()
        {
            continue;
        }
        design_lines(design, database, options, text);
    }
    let unchanged =
        database.designs.iter().filter(|design| design.status == Status::Unchanged).count();
    if unchanged > 0 && !options.verbose {
        let _ = writeln!(text, "  {}", style.faint(&format!("= {unchanged} unchanged")));
    }
    for leftover in &database.leftovers {
        let id = escape(&leftover.id);
        let _ = writeln!(text, "  {} {id}: left by an interrupted push, deleted", style.bad("-"));
    }
}

fn design_lines(design: &DesignPlan, database: &DatabasePlan, options: Options, text: &mut String) {
    let style = options.style;
    let sign = match design.status {
        Status::New => style.good("+"),
        Status::Changed => style.warn("~"),
        Status::Prune => style.bad("-"),
        Status::Formatting | Status::Unchanged => style.faint("="),
        Status::Foreign => style.faint("?"),
    };
    let name = style.strong(&escape(words::name(&design.id)));
    let _ = write!(text, "  {sign} {name}: {}", words::status(design.status));
    if let Some(index) = words::index(design, database) {
        let index =
            if design.index.effect.builds() { style.warn(&escape(&index)) } else { escape(&index) };
        let _ = write!(text, "; {index}");
    }
    text.push('\n');
    for warning in words::warnings(design) {
        let _ = writeln!(text, "      {} {}", style.warn("warning:"), escape(&warning));
    }
    for search in design.search.iter().filter_map(words::search) {
        let _ = writeln!(text, "      {}", escape(&search));
    }
    for change in &design.members {
        let restated = change.change == crate::deploy::plan::Change::Restated;
        if restated && design.status != Status::Changed && !options.verbose {
            continue;
        }
        let note = words::change(change).map(|note| format!(": {note}")).unwrap_or_default();
        let _ = writeln!(text, "      {}{note}", escape(&words::path(change)));
        if design.status != Status::Formatting || options.verbose {
            diff_lines(change, style, text);
        }
    }
}

fn diff_lines(change: &MemberChange, style: Style, text: &mut String) {
    for (sign, line) in words::diff(change) {
        let line = format!("{sign}{}", escape(&line));
        let line = match sign {
            '-' => style.bad(&line),
            '+' => style.good(&line),
            _ => line,
        };
        let _ = writeln!(text, "        {}", line.trim_end());
    }
}
