//! Changes of schemas: which of them make documents invalid.

use std::fs;
use std::path::Path;
use std::process::Command;

use couchctl::json::Value;
use couchctl::project::{ModuleError, ModuleLoader, Project};
use couchctl::schema::{Schemas, compare};

struct NoModules;

impl ModuleLoader for NoModules {
    fn load(&self, _: &Path, _: &str) -> Result<Value, ModuleError> {
        Err(ModuleError { message: "no modules here".to_owned(), line: None })
    }
}

fn schemas(text: &str) -> Schemas {
    let root = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(root.path().join("schemas/db")).expect("a folder");
    fs::write(root.path().join("couchctl.toml"), "").expect("a file");
    fs::write(root.path().join("schemas/db/t.schema.json"), text).expect("a file");
    let project = Project::open(root.path(), &NoModules).expect("a project");
    Schemas::load(&project, &project.databases[0]).expect("schemas")
}

/// What is told of a change, a line each; a question mark stands before what is not certain.
fn told(old: &str, new: &str) -> String {
    let changes = compare::changes(&schemas(old), &schemas(new)).expect("changes");
    let lines: Vec<String> = changes
        .iter()
        .map(|change| {
            let mark = if change.certain { "" } else { "?" };
            format!("{mark}{}: {}", change.pointer, change.message)
        })
        .collect();
    lines.join("\n")
}

#[test]
fn what_narrows_is_told() {
    for (old, new, expected) in [
        ("{}", r#"{ "required": ["a"] }"#, "/a: is required now"),
        (
            r#"{ "type": ["object", "null"] }"#,
            r#"{ "type": "object" }"#,
            ": null is not allowed any more",
        ),
        (
            r#"{ "properties": { "a": { "enum": [1, 2, 3] } } }"#,
            r#"{ "properties": { "a": { "enum": [1, 4] } } }"#,
            "/a: 2, 3 is not allowed any more",
        ),
        (
            r#"{ "properties": { "a": { "type": "number" } } }"#,
            r#"{ "properties": { "a": { "type": "integer" } } }"#,
            "/a: a number is not allowed any more",
        ),
        (
            r#"{ "properties": { "a": { "maximum": 9, "maxLength": 3 } } }"#,
            r#"{ "properties": { "a": { "maximum": 8, "maxLength": 2, "minimum": 0 } } }"#,
            "/a: must be at least 0 now\n/a: must be at most 8 now\n/a: must be at most 2 characters now",
        ),
        (
            r#"{ "properties": { "a": true, "b": true } }"#,
            r#"{ "properties": { "a": true }, "additionalProperties": false }"#,
            "/b: is not allowed any more\n: members that the schema does not name are not allowed any more",
        ),
        (
            r#"{ "properties": { "a": true, "b": true }, "additionalProperties": false }"#,
            r#"{ "properties": { "a": true }, "additionalProperties": false }"#,
            "/b: is not allowed any more",
        ),
        ("{}", r#"{ "properties": { "a": { "type": "string" } } }"#, "?/a: must be a string now"),
        (
            r##"{ "properties": { "a": { "items": { "$ref": "#/$defs/x" } } }, "$defs": { "x": { "minimum": 1 } } }"##,
            r##"{ "properties": { "a": { "items": { "$ref": "#/$defs/y" } } }, "$defs": { "y": { "minimum": 2 } } }"##,
            "/a/*: must be at least 2 now",
        ),
        (r#"{ "pattern": "a" }"#, r#"{ "pattern": "b" }"#, "?: `pattern` is another one"),
        ("{}", r#"{ "not": {} }"#, "?: `not` is new"),
        ("{}", r#"{ "dependentRequired": { "a": ["b"] } }"#, "/b: is required now beside `a`"),
    ] {
        assert_eq!(told(old, new), expected, "{old}\n{new}");
    }
}

#[test]
fn what_widens_is_not_told() {
    for (old, new) in [
        (r#"{ "required": ["a", "b"] }"#, r#"{ "required": ["b"] }"#),
        (r#"{ "type": "integer" }"#, r#"{ "type": ["number", "null"] }"#),
        (r#"{ "const": 1 }"#, r#"{ "enum": [1, 2] }"#),
        (r#"{ "minimum": 5, "maxItems": 3 }"#, r#"{ "minimum": 4, "maxItems": 4, "minItems": 0 }"#),
        (
            r#"{ "properties": { "a": true }, "additionalProperties": false }"#,
            r#"{ "properties": { "a": true, "b": { "type": "string" } }, "additionalProperties": false }"#,
        ),
        (r#"{ "pattern": "a", "not": {} }"#, "{}"),
        (r#"{ "title": "a" }"#, r#"{ "title": "b", "description": "c" }"#),
        (
            r##"{ "properties": { "a": { "$ref": "#/$defs/n" } }, "$defs": { "n": { "properties": { "n": { "$ref": "#/$defs/n" } } } } }"##,
            r##"{ "properties": { "a": { "$ref": "#/$defs/n" } }, "$defs": { "n": { "properties": { "n": { "$ref": "#/$defs/n" } } } } }"##,
        ),
    ] {
        assert_eq!(told(old, new), "", "{old}\n{new}");
    }
}

#[test]
fn check_compares_with_a_commit() {
    let root = tempfile::tempdir().expect("a folder");
    // The project stands in a folder of the repository.
    let project = root.path().join("app");
    fs::create_dir_all(project.join("schemas/db")).expect("a folder");
    let schema =
        |text: &str| fs::write(project.join("schemas/db/t.schema.json"), text).expect("a file");
    fs::write(project.join("couchctl.toml"), "").expect("a file");
    schema("{ \"properties\": {\n  \"a\": { \"enum\": [1, 2] } } }");
    fs::write(project.join("schemas/db/gone.schema.json"), "{}").expect("a file");
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=ann", "-c", "user.email=ann@example.org"];
        let output =
            Command::new("git").args(identity).args(arguments).current_dir(&project).output();
        assert!(output.expect("git runs").status.success(), "{arguments:?}");
    };
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "first"]);
    schema("{ \"properties\": {\n  \"a\": { \"enum\": [1] } } }");
    fs::remove_file(project.join("schemas/db/gone.schema.json")).expect("removed");
    let check = |reference: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_couchctl"))
            .args(["check", &format!("--against={reference}")])
            .current_dir(&project)
            .output()
            .expect("couchctl runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, message) = check("HEAD");
    assert_eq!(code, Some(1), "{message}");
    assert!(message.contains(
        "schemas/db/t.schema.json:2: `/a`: 2 is not allowed any more; this makes documents invalid that are there"
    ), "{message}");
    assert!(
        message.contains("schemas/db/gone.schema.json:1: `/type`: the type has no schema any more"),
        "{message}"
    );
    let (code, message) = check("nowhere");
    assert_eq!(code, Some(2), "{message}");
    let (code, message) = check("--full-tree");
    assert_eq!(code, Some(2), "{message}");
    assert!(message.contains("`--full-tree` is no commit, branch or tag"), "{message}");
    git(&["commit", "-q", "-a", "-m", "second"]);
    assert_eq!(check("HEAD").0, Some(0));
}
