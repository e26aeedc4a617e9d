//! `couchctl generate`: what is written, what is refused, and what the written functions do.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use couchctl::engine::{Limits, Profile};
use couchctl::functions::Functions;
use couchctl::generate::vdu;
use couchctl::json::{Map, Value, parse_str};
use couchctl::project::{ModuleError, ModuleLoader, Project};
use couchctl::schema::Schemas;

struct NoModules;

impl ModuleLoader for NoModules {
    fn load(&self, _: &Path, _: &str) -> Result<Value, ModuleError> {
        Err(ModuleError { message: "no modules here".to_owned(), line: None })
    }
}

const SCHEMA: (&str, &str) = (
    "schemas/app/note.schema.json",
    r#"{ "required": ["text"], "properties": { "type": true, "text": { "type": "string" } },
         "additionalProperties": false }"#,
);

fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    write(root.path(), "couchctl.toml", "");
    for (path, text) in files {
        write(root.path(), path, text);
    }
    root
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

fn couchctl(root: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_couchctl"))
        .args(arguments)
        .current_dir(root)
        .output()
        .expect("couchctl runs")
}

#[track_caller]
fn ends(output: &Output, code: i32, message: &str) {
    let told = [&output.stdout[..], &output.stderr[..]].concat();
    let told = String::from_utf8_lossy(&told);
    assert_eq!(output.status.code(), Some(code), "{told}");
    assert!(told.contains(message), "{told}");
}

fn schemas(root: &Path) -> Schemas {
    let project = Project::open(root, &NoModules).expect("a project");
    Schemas::load(&project, &project.databases[0]).expect("schemas")
}

/// What a function says of a document, in both profiles the same.
#[track_caller]
fn says(function: &str, document: &str, user: &str) -> String {
    let mut design = Map::new();
    design.insert("_id".to_owned(), "_design/d".into());
    design.insert("validate_doc_update".to_owned(), function.trim().into());
    let design = Value::Object(design);
    let [document, user] = [document, user].map(|text| parse_str(text).expect("JSON"));
    let said = [Profile::SpiderMonkey, Profile::QuickJs].map(|profile| {
        let mut functions = Functions::new(profile, Limits::default());
        match functions.validate(&design, &document, &Value::Null, &user, &Value::Null) {
            Ok(()) => "ok".to_owned(),
            Err(failure) => {
                format!("{}: {}", failure.error, failure.reason.as_str().unwrap_or("?"))
            }
        }
    });
    assert_eq!(said[0], said[1]);
    said[0].clone()
}

#[test]
fn a_function_is_written_and_grows_stale() {
    let root = project(&[SCHEMA]);
    let file = "views/app/schemas/validate_doc_update.js";
    ends(&couchctl(root.path(), &["generate", "vdu", "--check"]), 1, "is missing");
    ends(&couchctl(root.path(), &["generate", "vdu"]), 0, &format!("wrote {file}"));
    ends(&couchctl(root.path(), &["generate", "vdu", "--check"]), 0, "1 file up to date");
    ends(&couchctl(root.path(), &["check"]), 0, "ok");
    write(root.path(), SCHEMA.0, r#"{ "required": ["text", "author"] }"#);
    ends(
        &couchctl(root.path(), &["check"]),
        1,
        &format!("{file}: is not what the schemas give now"),
    );
    ends(&couchctl(root.path(), &["generate", "vdu", "--check"]), 1, file);
    ends(&couchctl(root.path(), &["generate", "vdu"]), 0, "wrote");
    ends(&couchctl(root.path(), &["check"]), 0, "ok");
}

#[test]
fn a_function_written_by_hand_is_never_overwritten() {
    let by_hand = "module.exports = function (newDoc) { throw { forbidden: 'no' }; };";
    let file = "views/app/rules/validate_doc_update.js";
    let root = project(&[SCHEMA, (file, by_hand)]);
    let output = couchctl(root.path(), &["generate", "vdu", "--design", "rules"]);
    ends(&output, 2, "holds a function that is written by hand");
    ends(&output, 2, "move it to schemas/app/validate_doc_update.js");
    assert_eq!(fs::read_to_string(root.path().join(file)).expect("a file"), by_hand);
    let root = project(&[SCHEMA, ("views/app/schemas.json", r#"{ "language": "javascript" }"#)]);
    let output = couchctl(root.path(), &["generate", "vdu"]);
    ends(&output, 2, "`schemas` is not kept as a folder");
}

#[test]
fn a_function_written_by_hand_becomes_part_of_the_generated_one() {
    let by_hand = "// Who may write.\nmodule.exports = function check(newDoc, oldDoc, userCtx) {\n  \
                   if (userCtx.roles.indexOf('author') === -1) {\n    throw { unauthorized: 'who are you?' };\n  }\n};\n";
    let root = project(&[SCHEMA, ("schemas/app/validate_doc_update.js", by_hand)]);
    ends(&couchctl(root.path(), &["generate", "vdu"]), 0, "wrote");
    let project = Project::open(root.path(), &NoModules).expect("a project");
    let function = project.databases[0].designs[0].validate_doc_update().expect("a function");
    let good = r#"{"_id":"a","type":"note","text":"x"}"#;
    assert_eq!(says(function, good, r#"{"roles":["author"]}"#), "ok");
    assert_eq!(says(function, good, r#"{"roles":[]}"#), "unauthorized: who are you?");
    assert_eq!(
        says(function, r#"{"_id":"a","type":"note"}"#, r#"{"roles":["author"]}"#),
        "forbidden: `/text`: expected the member `text`, found none"
    );
    // The hand decides about deletions, which schemas are not about.
    assert_eq!(
        says(function, r#"{"_id":"a","_deleted":true}"#, r#"{"roles":[]}"#),
        "unauthorized: who are you?"
    );
}

#[test]
fn documents_are_routed_as_in_the_project() {
    let any = |name: &str| {
        let path = format!("schemas/app/{name}.schema.json");
        (path, format!(r#"{{ "required": ["{name}"] }}"#))
    };
    let files = [any("a"), any("b c"), any("constructor")];
    let mut files: Vec<(&str, &str)> =
        files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    for (config, documents) in [
        (
            "[databases.app]\ndiscriminator = \"/meta/0/__proto__\"",
            &[
                (r#"{"_id":"x","meta":[{"__proto__":"a"}],"a":1}"#, "ok"),
                (
                    r#"{"_id":"x","meta":[{"__proto__":"a"}]}"#,
                    "forbidden: `/a`: expected the member `a`, found none",
                ),
                (
                    r#"{"_id":"x","meta":[{}]}"#,
                    "forbidden: `/meta/0/__proto__`: expected the name of a type with a schema, found none",
                ),
            ][..],
        ),
        (
            "[databases.app]\ndiscriminator = { id_prefix = \"--\" }",
            &[
                (r#"{"_id":"b c--1","b c":1}"#, "ok"),
                (r#"{"_id":"constructor--1","constructor":1}"#, "ok"),
                (
                    r#"{"_id":"constructor--1"}"#,
                    "forbidden: `/constructor`: expected the member `constructor`, found none",
                ),
                (
                    r#"{"_id":"a-1"}"#,
                    "forbidden: `/_id`: expected the name of a type with a schema, found none",
                ),
            ],
        ),
        (
            "[databases.app.validation]\ndefault = \"a\"\nignore = { ids = [\"tmp?[!0-9]*\"], types = [\"log.*\"] }",
            &[
                (
                    r#"{"_id":"x","type":"other"}"#,
                    "forbidden: `/a`: expected the member `a`, found none",
                ),
                (r#"{"_id":"tmp😀x"}"#, "ok"),
                (r#"{"_id":"tmp:1"}"#, "forbidden: `/a`: expected the member `a`, found none"),
                (r#"{"_id":"x","type":"log.1"}"#, "ok"),
                (
                    r#"{"_id":"x","type":"logs"}"#,
                    "forbidden: `/a`: expected the member `a`, found none",
                ),
                (r#"{"_id":"x","_deleted":true}"#, "ok"),
                (r#"{"_id":"_design/x"}"#, "ok"),
            ],
        ),
    ] {
        files.push(("couchctl.toml", config));
        let root = project(&files);
        files.pop();
        let schemas = schemas(root.path());
        let function = vdu::generate(&schemas, None).expect("a function").source;
        for (document, expected) in documents {
            assert_eq!(says(&function, document, "{}"), *expected, "{config}\n{document}");
            let Ok(Value::Object(members)) = parse_str(document) else { panic!("{document}") };
            let is_invalid =
                matches!(schemas.check(&members), couchctl::schema::Outcome::Invalid { .. });
            assert_eq!(is_invalid, *expected != "ok", "{config}\n{document}");
        }
    }
}

#[test]
fn what_is_not_checked_is_told() {
    let schema = r#"{
  "properties": {
    "mail": { "type": "string", "format": "email" },
    "big": { "maximum": 12345678901234567891 },
    "word": { "pattern": "(?i)^a$" }
  },
  "anyOf": [{ "properties": { "x": true } }],
  "unevaluatedProperties": false
}"#;
    let root = project(&[("schemas/app/t.schema.json", schema)]);
    let output = couchctl(root.path(), &["generate", "vdu"]);
    for (line, pointer) in [
        (3, "/properties/mail/format"),
        (4, "/properties/big/maximum"),
        (5, "/properties/word/pattern"),
        (8, "/unevaluatedProperties"),
    ] {
        ends(
            &output,
            0,
            &format!(
                "schemas/app/t.schema.json:{line}: `{pointer}` is not checked on the server: "
            ),
        );
    }
}

#[test]
fn references_become_functions() {
    let schema = r##"{
  "properties": { "type": true, "root": { "$ref": "#/$defs/node" }, "other": { "$ref": "parts/point.schema.json" } },
  "$defs": { "node": {
    "required": ["name"],
    "properties": { "name": { "type": "string" }, "children": { "items": { "$ref": "#/$defs/node" } } }
  } },
  "unevaluatedProperties": false
}"##;
    let part = r#"{ "prefixItems": [{ "type": "number" }, { "type": "number" }], "items": false }"#;
    let root = project(&[
        ("schemas/app/t.schema.json", schema),
        ("schemas/app/parts/point.schema.json", part),
    ]);
    let generated = vdu::generate(&schemas(root.path()), None).expect("a function");
    assert_eq!(generated.unchecked, []);
    for (document, expected) in [
        (
            r#"{"_id":"x","type":"t","root":{"name":"a","children":[{"name":"b"}]},"other":[1,2]}"#,
            "ok",
        ),
        (
            r#"{"_id":"x","type":"t","root":{"name":"a","children":[{"name":"b"},{"name":1}]}}"#,
            "forbidden: `/root/children/1/name`: expected a string, found 1",
        ),
        (
            r#"{"_id":"x","type":"t","other":[1,2,3]}"#,
            "forbidden: `/other/2`: expected nothing here, found 3",
        ),
        (r#"{"_id":"x","type":"t","more":1}"#, "forbidden: `/more`: expected no member `more`"),
    ] {
        assert_eq!(says(&generated.source, document, "{}"), expected, "{document}");
    }
}

#[test]
fn declarations_of_types() {
    let schema = r##"{
  "title": "A note", "description": "What somebody wrote.",
  "required": ["type", "text", "extra"],
  "properties": {
    "type": { "const": "note" },
    "text": { "type": ["string", "null"], "description": "Ends */ nothing" },
    "kind": { "enum": ["a", "b's", 1] },
    "a-b": { "type": "array", "items": { "anyOf": [{ "type": "string" }, { "type": "integer" }] } },
    "tree": { "$ref": "#/$defs/tree_node" },
    "any": {}, "map": { "type": "object", "additionalProperties": { "type": "boolean" } },
    "pair": { "prefixItems": [{ "type": "number" }], "type": "array" },
    "both": { "allOf": [{ "properties": { "x": { "type": "number" } } }, { "$ref": "#/$defs/tree_node" }] }
  },
  "$defs": { "tree_node": { "properties": { "children": { "type": "array", "items": { "$ref": "#/$defs/tree_node" } } } } }
}"##;
    let root = project(&[("schemas/my-app/note.schema.json", schema)]);
    ends(
        &couchctl(root.path(), &["generate", "types"]),
        0,
        "wrote types/my-app.d.ts\nwrote types/couchdb.d.ts",
    );
    let written = fs::read_to_string(root.path().join("types/my-app.d.ts")).expect("a file");
    assert_eq!(
        written,
        "// Generated by `couchctl generate types` from schemas/my-app; changes here are lost.

declare namespace my_app {
  /** Any document of the database. */
  type Document =
    | (couchdb.Document & Note);

  /** A note: What somebody wrote. */
  type Note = {
    type: \"note\";
    /** Ends * / nothing */
    text: string | null;
    kind?: \"a\" | \"b's\" | 1;
    \"a-b\"?: (string | number)[];
    tree?: TreeNode;
    any?: unknown;
    map?: { [name: string]: boolean };
    pair?: [number?, ...unknown[]];
    both?: {
      x?: number;
    } & TreeNode;
    extra: unknown;
  };

  type TreeNode = {
    children?: TreeNode[];
  };
}
"
    );
    ends(&couchctl(root.path(), &["generate", "types", "--check"]), 0, "2 files up to date");
    write(root.path(), "schemas/my-app/note.schema.json", "{}");
    ends(
        &couchctl(root.path(), &["check"]),
        1,
        "types/my-app.d.ts: is not what the schemas give now",
    );
    // Of an open schema any member may be read, and its documents still have their type.
    assert_eq!(couchctl(root.path(), &["generate", "types"]).status.code(), Some(0));
    let written = fs::read_to_string(root.path().join("types/my-app.d.ts")).expect("a file");
    let document = "(couchdb.Document & Note & { [name: string]: unknown } & { type: \"note\" });";
    assert!(written.contains(document), "{written}");
    write(root.path(), "types/my-app.d.ts", "declare var mine: 1;");
    ends(&couchctl(root.path(), &["generate", "types"]), 2, "is not a generated file");
}
