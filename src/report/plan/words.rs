//! The words of a plan: the same on a terminal and in a comment.

use similar::TextDiff;

use crate::deploy::plan::{
    Change, DatabasePlan, DesignPlan, IndexEffect, MemberChange, Plan, Provenance, SearchPlan,
    Status, Summary,
};
use crate::json::{Value, to_string};
use crate::report::human::plural;

/// Lines shown around a difference.
const CONTEXT: usize = 3;

pub(super) fn status(status: Status) -> &'static str {
    match status {
        Status::New => "new",
        Status::Changed => "changed",
        Status::Formatting => "formatting only, left alone",
        Status::Unchanged => "unchanged",
        Status::Foreign => "not in the project, left alone",
        Status::Prune => "deleted",
    }
}

/// What becomes of the index, and what that costs; nothing where there is none.
pub(super) fn index(design: &DesignPlan, database: &DatabasePlan) -> Option<String> {
    let index = &design.index;
    let size = index.info.as_ref().map(|info| bytes(info.sizes.file));
    let documents = database.doc_count.map(count_documents);
    let facts = |facts: [Option<String>; 2]| {
        let known: Vec<String> = facts.into_iter().flatten().collect();
        if known.is_empty() { String::new() } else { format!(" ({})", known.join(", ")) }
    };
    let dropped = index.drops.then(|| match &size {
        Some(size) => format!(", the old one is dropped ({size})"),
        None => ", the old one is dropped".to_owned(),
    });
    let staged = database.staging.iter().any(|staging| {
        staging.present.is_some() && staging.signature.is_some() && staging.signature == index.after
    });
    let staged = if staged { ", staged already" } else { "" };
    Some(match index.effect {
        IndexEffect::None => return None,
        IndexEffect::Kept => "index kept".to_owned(),
        IndexEffect::Rebuilt => {
            let size = size.map(|size| format!("{size} now"));
            format!("index rebuilt{}{staged}", facts([documents, size]))
        }
        IndexEffect::New => format!("index new{}{staged}", facts([documents, None])),
        IndexEffect::Shared => {
            let with: Vec<&str> = index.shared_with.iter().map(|id| name(id)).collect();
            let dropped = dropped.unwrap_or_default();
            format!("index shared with {}{dropped}", with.join(", "))
        }
        IndexEffect::Dropped => format!("index dropped{}", facts([size, None])),
    })
}

pub(super) fn search(search: &SearchPlan) -> Option<String> {
    let effect = match search.effect {
        IndexEffect::None | IndexEffect::Kept => return None,
        IndexEffect::Rebuilt => "rebuilt",
        IndexEffect::New => "new",
        IndexEffect::Shared => "shared",
        IndexEffect::Dropped => "dropped",
    };
    Some(format!("{} index {}: {effect}", search.kind, search.name))
}

/// What somebody should know before pushing, one line each.
pub(super) fn warnings(design: &DesignPlan) -> Vec<String> {
    let mut warnings = Vec::new();
    let seen = design.seen.as_ref();
    let acts = design.status.is_action();
    match &design.provenance {
        Provenance::ChangedSince(rev) if design.status != Status::Unchanged => {
            let now = seen.map(|seen| seen.rev.to_string()).unwrap_or_default();
            warnings.push(format!(
                "somebody changed it since the last push: {rev} was pushed, {now} is there"
            ));
        }
        Provenance::DeletedSince(rev) => {
            warnings.push(format!("somebody deleted it since the last push of {rev}"));
        }
        Provenance::AsPushed if design.status == Status::Foreign => {
            warnings.push(
                "it was pushed earlier and is no longer in the project; --prune deletes it"
                    .to_owned(),
            );
        }
        _ => {}
    }
    if let Some(seen) = seen
        && !seen.conflicts.is_empty()
    {
        let revs: Vec<String> = seen.conflicts.iter().map(ToString::to_string).collect();
        let fate = if acts { "a push deletes them" } else { "they stay" };
        warnings.push(format!("conflicting revisions: {}; {fate}", revs.join(", ")));
    }
    if design.attachments_open && design.status == Status::Changed {
        warnings.push("some attachments could not be compared and are sent again".to_owned());
    }
    warnings
}

/// The name of a design document: its id without `_design/`.
pub(super) fn name(id: &str) -> &str {
    id.strip_prefix("_design/").unwrap_or(id)
}

/// The name of a member.
pub(super) fn path(change: &MemberChange) -> String {
    if change.path.is_empty() { "members".to_owned() } else { change.path.join(".") }
}

/// How a member differs, where its name and a diff do not say so.
pub(super) fn change(change: &MemberChange) -> Option<&'static str> {
    match change.change {
        Change::Added => Some("added"),
        Change::Removed => Some("removed"),
        Change::Changed => None,
        Change::Reordered => Some("in another order, which makes another index"),
        Change::Formatting => Some("only white space, comments and the like"),
        Change::Restated => Some("stored differently, means the same"),
    }
}

/// The lines of a unified diff of a member, each with its sign; none where there is nothing to show.
pub(super) fn diff(change: &MemberChange) -> Vec<(char, String)> {
    // Of restated members nobody needs to see more; an added or removed one is named.
    let shown = matches!(change.change, Change::Changed | Change::Formatting | Change::Reordered);
    let (Some(before), Some(after)) = (&change.before, &change.after) else { return Vec::new() };
    if !shown {
        return Vec::new();
    }
    let (before, after) = (text(before), text(after));
    let diff = TextDiff::from_lines(&before, &after);
    let mut lines = Vec::new();
    for (index, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
        if index > 0 {
            lines.push((' ', "…".to_owned()));
        }
        for change in group.iter().flat_map(|operation| diff.iter_changes(operation)) {
            let sign = match change.tag() {
                similar::ChangeTag::Delete => '-',
                similar::ChangeTag::Insert => '+',
                similar::ChangeTag::Equal => ' ',
            };
            let value = change.value();
            let line = value.strip_suffix('\n').unwrap_or(value);
            let end =
                if change.missing_newline() || !lacks_end(&before, &after) { "" } else { "␊" };
            lines.push((sign, format!("{line}{end}")));
        }
    }
    lines
}

/// Whether one text ends with a line feed and the other does not: then line ends have to be seen.
fn lacks_end(before: &str, after: &str) -> bool {
    before.ends_with('\n') != after.ends_with('\n')
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(_) | Value::Array(_) => {
            serde_json::to_string_pretty(value).unwrap_or_else(|_| to_string(value))
        }
        other => to_string(other),
    }
}

/// The last line: what a push would do.
pub(super) fn summary(plan: &Plan) -> String {
    let summary = Summary::of(&plan.databases);
    let mut parts: Vec<String> = [
        (summary.new, "new"),
        (summary.changed, "changed"),
        (summary.prune, "to delete"),
        (summary.formatting, "with formatting only"),
        (summary.unchanged, "unchanged"),
        (summary.foreign, "not in the project"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    if parts.is_empty() {
        parts.push("no design documents".to_owned());
    }
    let mut text = parts.join(", ");
    let index =
        |count: usize| if count == 1 { "1 index".to_owned() } else { format!("{count} indexes") };
    if summary.indexes_built > 0 {
        text.push_str(&format!("; {} to build", index(summary.indexes_built)));
    }
    if summary.indexes_dropped > 0 {
        text.push_str(&format!("; {} to drop", index(summary.indexes_dropped)));
    }
    if summary.problems > 0 {
        text.push_str(&format!("; {} to solve first", plural(summary.problems, "problem")));
    }
    text
}

pub(super) fn count_documents(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped} document{}", if count == 1 { "" } else { "s" })
}

/// `512 B`, `4.2 kB`, `1.5 GB`: powers of 1000, as disks are sold.
pub(super) fn bytes(size: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut scaled = size as f64;
    let mut unit = 0;
    while scaled >= 999.95 && unit + 1 < UNITS.len() {
        scaled /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{size} B") } else { format!("{scaled:.1} {}", UNITS[unit]) }
}
