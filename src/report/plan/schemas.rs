//! Changes of schemas, and the documents that they make invalid, for people and for programs.

use std::fmt::Write;

use serde_json::{Value, json};

use super::words::count_documents;
use crate::report::terminal::{Style, escape};
use crate::schema::Impact;

/// What changed in the schemas of a database.
#[derive(Debug, Clone, Copy)]
pub struct SchemaChanges<'a> {
    /// The database's key in the project.
    pub database: &'a str,
    /// What the changes do.
    pub impact: &'a Impact,
    /// How many databases of the server have been looked at.
    pub databases: usize,
    /// Whether only some of their documents were looked at.
    pub sampled: bool,
}

impl SchemaChanges<'_> {
    /// The file of a type's schema, relative to the project.
    fn file(&self, schema: &str) -> String {
        format!("schemas/{}/{schema}.schema.json", self.database)
    }

    fn counts(&self) -> String {
        let counted = &self.impact.counted;
        if self.databases == 0 {
            return "the server does not have the database".to_owned();
        }
        let mut text = match (counted.documents, counted.invalid) {
            (0, _) => "it has no documents with a schema".to_owned(),
            (1, 0) => "its document stays as valid as it was".to_owned(),
            (all, 0) => format!("none of {} becomes invalid", count_documents(all)),
            (all, 1) => format!("1 of {} becomes invalid", count_documents(all)),
            (all, invalid) => format!("{invalid} of {} become invalid", count_documents(all)),
        };
        if self.sampled {
            text.push_str(" (a sample)");
        }
        if self.databases > 1 {
            let _ = write!(text, " in {} databases", self.databases);
        }
        if !counted.ids.is_empty() {
            let ids: Vec<String> = counted.ids.iter().map(|id| format!("`{id}`")).collect();
            let _ = write!(text, ", such as {}", ids.join(", "));
        }
        text
    }
}

/// The changes on a terminal, a line feed at the end.
#[must_use]
pub fn report(against: &str, databases: &[SchemaChanges<'_>], style: Style) -> String {
    if databases.is_empty() {
        return format!("schemas: as at `{}`\n", escape(against));
    }
    let mut text = String::new();
    for database in databases {
        let name = style.strong(&escape(database.database));
        let _ = writeln!(text, "{name}: schemas changed since `{}`", escape(against));
        for (change, documents) in &database.impact.changes {
            let place = format!("{}:{}", database.file(&change.schema), change.line);
            let _ = write!(text, "  {}: {}", escape(&place), escape(&change.shown()));
            if *documents > 0 {
                let count = style.bad(&count_documents(*documents));
                let _ = write!(text, ": {count}");
            }
            text.push('\n');
        }
        if database.impact.changes.is_empty() {
            let _ = writeln!(text, "  nothing that is known to make documents invalid");
        }
        let _ = writeln!(text, "  {}", escape(&database.counts()));
    }
    text
}

/// The changes as Markdown.
#[must_use]
pub fn markdown(against: &str, databases: &[SchemaChanges<'_>]) -> String {
    let mut text = String::new();
    for database in databases {
        let _ = writeln!(
            text,
            "\n#### Schemas of {} since {}\n",
            super::markdown::code(database.database),
            super::markdown::code(against)
        );
        if !database.impact.changes.is_empty() {
            text.push_str("| schema | | documents |\n|---|---|---|\n");
        }
        for (change, documents) in &database.impact.changes {
            let _ = writeln!(
                text,
                "| {} | {} | {} |",
                super::markdown::code(&change.schema),
                super::markdown::inline(&change.shown()),
                if *documents == 0 { String::new() } else { documents.to_string() }
            );
        }
        let mark = if database.impact.counted.invalid > 0 { "⚠ " } else { "" };
        let _ = writeln!(text, "\n{mark}{}.", super::markdown::inline(&database.counts()));
    }
    text
}

/// The changes for programs.
#[must_use]
pub fn json(against: &str, databases: &[SchemaChanges<'_>]) -> Value {
    let change = |database: &SchemaChanges<'_>| {
        let changes: Vec<Value> = database
            .impact
            .changes
            .iter()
            .map(|(change, documents)| {
                json!({
                    "schema": change.schema,
                    "file": database.file(&change.schema),
                    "line": change.line,
                    "pointer": change.pointer,
                    "keyword": change.keyword,
                    "message": change.message,
                    "certain": change.certain,
                    "documents": documents,
                })
            })
            .collect();
        let counted = &database.impact.counted;
        json!({
            "database": database.database,
            "against": against,
            "changes": changes,
            "databases": database.databases,
            "sampled": database.sampled,
            "documents": counted.documents,
            "invalid": counted.invalid,
            "ids": counted.ids,
        })
    };
    databases.iter().map(change).collect()
}
