//! SARIF 2.1.0, which code scanning reads.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::schema::Summary;

/// The log, pretty-printed, with a line feed at its end.
#[must_use]
pub fn report(summary: &Summary) -> String {
    let mut rules = BTreeMap::new();
    let mut results = Vec::new();
    for document in &summary.documents {
        let schema = document.schema.as_deref().unwrap_or(&summary.database);
        for (line, violation) in &document.violations {
            let rule = format!("{schema}/{}", violation.keyword);
            let name = document.id.as_deref().map(|id| format!("`{id}`: ")).unwrap_or_default();
            results.push(json!({
                "ruleId": &rule,
                "level": "error",
                "message": { "text": format!("{name}{}", violation.shown()) },
                "locations": [{
                    "physicalLocation": {
                        "artifactLocation": { "uri": &*document.source },
                        "region": { "startLine": line },
                    },
                    "logicalLocations": [{ "fullyQualifiedName": violation.pointer }],
                }],
            }));
            rules
                .entry(rule)
                .or_insert_with(|| format!("`{}` of the schema `{schema}`", violation.keyword));
        }
    }
    let rules: Vec<Value> = rules
        .into_iter()
        .map(|(id, text)| json!({ "id": id, "shortDescription": { "text": text } }))
        .collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {
                "driver": {
                    "name": "couchctl",
                    "version": env!("CARGO_PKG_VERSION"),
                    "rules": rules,
                },
            },
            "results": results,
        }],
    });
    format!("{log:#}\n")
}
