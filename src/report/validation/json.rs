//! For programs: one JSON object, described in `docs/`.

use serde_json::{Value, json};

use crate::schema::stream::InvalidDocument;
use crate::schema::{Cause, Summary};

/// The version of the shape; it changes when a member changes its meaning or goes away.
const VERSION: u32 = 1;

/// The report, pretty-printed, with a line feed at its end.
#[must_use]
pub fn report(summary: &Summary) -> String {
    let report = json!({
        "version": VERSION,
        "command": "validate",
        "database": summary.database,
        "valid": summary.counts.valid,
        "invalid": summary.counts.invalid,
        "ignored": summary.counts.ignored,
        "duration_ms": u64::try_from(summary.duration.as_millis()).unwrap_or(u64::MAX),
        "causes": summary.causes.iter().map(cause).collect::<Vec<_>>(),
        "more_causes": summary.more_causes,
        "documents": summary.documents.iter().map(document).collect::<Vec<_>>(),
        "omitted": summary.omitted(),
    });
    format!("{report:#}\n")
}

fn cause(cause: &Cause) -> Value {
    json!({
        "type": cause.schema,
        "keyword": cause.keyword,
        "pointer": cause.pointer,
        "expected": cause.expected,
        "schema_pointer": cause.schema_pointer,
        "documents": cause.documents,
        "example": { "id": cause.id, "file": &*cause.source, "line": cause.line },
    })
}

fn document(document: &InvalidDocument) -> Value {
    let violations: Vec<Value> = document
        .violations
        .iter()
        .map(|(line, violation)| {
            json!({
                "line": line,
                "pointer": violation.pointer,
                "keyword": violation.keyword,
                "expected": violation.expected,
                "found": violation.found,
                "message": violation.message(),
                "schema_pointer": violation.schema_pointer,
            })
        })
        .collect();
    json!({
        "id": document.id,
        "file": &*document.source,
        "line": document.line,
        "type": document.schema,
        "violations": violations,
    })
}
