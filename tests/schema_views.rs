//! Map functions against schemas: what is certain is told, and nothing else.

use std::fs;
use std::path::Path;

use couchctl::json::Value;
use couchctl::project::{ModuleError, ModuleLoader, Project};
use couchctl::schema::Schemas;
use couchctl::schema::views::Knowledge;

struct NoModules;

impl ModuleLoader for NoModules {
    fn load(&self, _: &Path, _: &str) -> Result<Value, ModuleError> {
        Err(ModuleError { message: "no modules here".to_owned(), line: None })
    }
}

const TASK: &str = r#"{ "properties": { "type": { "const": "task" }, "status": { "enum": ["open", "done"] },
    "owner": { "type": "string" }, "tags": true }, "additionalProperties": false }"#;
const NOTE: &str = r#"{ "properties": { "type": true, "text": true, "status": { "enum": ["draft"] } },
    "additionalProperties": false }"#;
const OPEN: &str = r#"{ "properties": { "type": true, "x": true } }"#;

fn knowledge(schemas: &[(&str, &str)], config: &str) -> Knowledge {
    let root = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(root.path().join("schemas/db")).expect("a folder");
    fs::write(root.path().join("couchctl.toml"), config).expect("a file");
    for (name, text) in schemas {
        let path = root.path().join(format!("schemas/db/{name}.schema.json"));
        fs::write(path, text).expect("a file");
    }
    let project = Project::open(root.path(), &NoModules).expect("a project");
    Knowledge::of(&Schemas::load(&project, &project.databases[0]).expect("schemas")).expect("known")
}

fn told(knowledge: &Knowledge, body: &str) -> String {
    let warnings = knowledge.check(&format!("function (doc) {{\n{body}\n}}"));
    let lines: Vec<String> = warnings
        .iter()
        .map(|warning| {
            let like = warning.like.as_ref().map(|like| format!(" ({like})")).unwrap_or_default();
            format!("{}: {}{like}", warning.line, warning.message)
        })
        .collect();
    lines.join("\n")
}

#[test]
fn what_is_certain_is_told() {
    let known = knowledge(&[("task", TASK), ("note", NOTE)], "");
    for (body, expected) in [
        (
            "if (doc.type === 'task') { emit(doc.statuss, null); }",
            "2: a document of the type `task` never has the member `statuss` (status)",
        ),
        (
            "if (doc.type !== 'task' || !doc.owner) return;\nemit(doc.text);",
            "3: a document of the type `task` never has the member `text`",
        ),
        (
            "if (doc.type === 'task' && doc.status === 'opne') { emit(1); }",
            "2: `status` is never \"opne\" (open)",
        ),
        ("if (doc.type == 'taks') { emit(doc.whatever); }", "2: there is no type \"taks\" (task)"),
        ("emit(doc['titel'], doc.text);", "2: a document never has the member `titel`"),
        (
            "switch (doc.status) {\n  case 'open': emit(1); break;\n  case 'lost': emit(2);\n}",
            "4: `status` is never \"lost\"",
        ),
    ] {
        assert_eq!(told(&known, body), expected, "{body}");
    }
}

#[test]
fn what_may_be_is_not() {
    let known = knowledge(&[("task", TASK), ("note", NOTE)], "");
    for body in [
        "if (doc.type === 'task') { emit(doc.status); } else { emit(doc.text); }",
        "if (doc.type === 'task' || doc.type === 'note') { emit([doc.owner, doc.text]); }",
        "if (doc.status === 'open' || doc.status === 'draft') { emit(doc._id, doc._rev); }",
        "if (doc.hasOwnProperty('owner')) { emit(doc._attachments); }",
        "doc.tags.forEach(function (tag) { emit(tag, doc.owner.length); });",
        // The name may stand for something else.
        "[{}].forEach(function (doc) { emit(doc.foo); });",
        "doc = doc.tags; emit(doc.foo);",
        "var other = { doc: 1 }; emit(other.foo); helper(doc); emit(doc.foo);",
        "doc.seen = 1; emit(doc.owner);",
        "if (doc.type === 'invoice') { emit(doc.amount); }",
        "this is no JavaScript",
    ] {
        assert_eq!(told(&known, body), "", "{body}");
    }
    // An open schema lets any member be there, and so do documents without a schema.
    let open = knowledge(&[("task", TASK), ("open", OPEN)], "");
    assert_eq!(told(&open, "emit(doc.foo);"), "");
    assert_eq!(told(&open, "if (doc.type === 'open') { emit(doc.foo); }"), "");
    let ignoring = "[databases.db.validation]\nignore = { types = [\"log\"] }";
    let ignoring = knowledge(&[("task", TASK)], ignoring);
    assert_eq!(told(&ignoring, "if (doc.type === 'log') { emit(doc.foo); }"), "");
    assert_eq!(told(&ignoring, "emit(doc.foo);"), "");
    assert!(told(&ignoring, "if (doc.type === 'task') { emit(doc.foo); }").contains("`foo`"));
}
