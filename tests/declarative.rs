//! `couchctl generate vdu --declarative`: selectors against the schemas they were generated from.

#[path = "support/expressible.rs"]
mod expressible;

use std::fs;
use std::path::Path;
use std::process::Command;

use couchctl::generate::GenerateError;
use couchctl::generate::vdu::declarative;
use couchctl::json::{Map, Value, parse_str, to_string};
use couchctl::mango::Selector;
use couchctl::project::{ModuleError, ModuleLoader, Project};
use couchctl::schema::{Outcome, Schemas};
use expressible::{EXPRESSIBLE, is_for_documents, members, of_member};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

struct NoModules;

impl ModuleLoader for NoModules {
    fn load(&self, _: &Path, _: &str) -> Result<Value, ModuleError> {
        Err(ModuleError { message: "no modules here".to_owned(), line: None })
    }
}

fn schemas(config: &str, types: &[(&str, &str)]) -> Schemas {
    let root = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(root.path().join("schemas/db")).expect("a folder");
    fs::write(root.path().join("couchctl.toml"), config).expect("a file");
    for (name, text) in types {
        fs::write(root.path().join(format!("schemas/db/{name}.schema.json")), text)
            .expect("a file");
    }
    let project = Project::open(root.path(), &NoModules).expect("a project");
    Schemas::load(&project, &project.databases[0]).expect("schemas")
}

fn selector(generated: &Value) -> Selector {
    Selector::parse(generated).unwrap_or_else(|error| panic!("{error}: {}", to_string(generated)))
}

/// Compares the selector of a schema with the schema, over documents made by chance.
fn compare(text: &str, count: usize, random: &mut StdRng) {
    let schemas = schemas("", &[("t", text)]);
    let generated =
        declarative::generate(&schemas).unwrap_or_else(|error| panic!("{error:?}: {text}"));
    let selector = selector(&generated.selector);
    for _ in 0..count {
        let mut document = members(random, 0);
        document.insert("type".to_owned(), "t".into());
        document.insert("_id".to_owned(), "x".into());
        let expected = schemas.check(&document) == Outcome::Valid;
        document.insert("_rev".to_owned(), "1-a".into());
        document.insert("_revisions".to_owned(), Value::Object(Map::new()));
        let update = serde_json::json!({ "newDoc": document, "oldDoc": null });
        let told = || format!("{text}\n{}\n{}", to_string(&generated.selector), to_string(&update));
        assert_eq!(selector.matches(&update), expected, "{}", told());
    }
}

#[test]
fn selectors_agree_with_schemas() {
    let mut random = StdRng::seed_from_u64(3);
    for text in EXPRESSIBLE {
        // As the schema of a member, and as that of a document.
        if !text.contains("#/$defs") {
            compare(&of_member(text), 600, &mut random);
        }
        if is_for_documents(text) {
            compare(text, 600, &mut random);
        }
    }
}

#[test]
fn selectors_agree_with_compositions_of_schemas() {
    let mut random = StdRng::seed_from_u64(4);
    let parts: Vec<&str> =
        EXPRESSIBLE.into_iter().filter(|text| !text.contains("#/$defs")).collect();
    for _ in 0..150 {
        let mut part = || *parts.choose(&mut random).expect("a part");
        let (one, other, third) = (part(), part(), part());
        let texts = [
            format!(r#"{{ "allOf": [{one}, {{ "not": {other} }}] }}"#),
            format!(r#"{{ "oneOf": [{one}, {other}, {third}] }}"#),
            format!(r#"{{ "if": {one}, "then": {other}, "else": {third} }}"#),
            format!(r#"{{ "not": {{ "items": {{ "anyOf": [{one}, {other}] }} }} }}"#),
            format!(r#"{{ "properties": {{ "a": {one}, "b": {{ "not": {other} }} }} }}"#),
            format!(
                r#"{{ "contains": {{ "properties": {{ "a": {one} }} }}, "items": {{ "not": {other} }} }}"#
            ),
        ];
        let text = texts.choose(&mut random).expect("a text");
        compare(&of_member(text), 200, &mut random);
    }
}

#[test]
fn what_cannot_be_said_is_refused_with_its_place() {
    for (text, place, reason) in [
        (
            r#"{ "properties": { "a": { "uniqueItems": true } } }"#,
            "/properties/a/uniqueItems",
            "cannot compare items",
        ),
        (
            r#"{ "properties": { "a": { "multipleOf": 0.1 } } }"#,
            "/properties/a/multipleOf",
            "integers only",
        ),
        (
            r#"{ "additionalProperties": { "type": "string" } }"#,
            "/additionalProperties",
            "names it does not know",
        ),
        (
            r#"{ "patternProperties": { "a": { "type": "string" } } }"#,
            "/patternProperties/a",
            "names it does not know",
        ),
        (r#"{ "minProperties": 3 }"#, "/minProperties", "cannot count members"),
        (
            r##"{ "properties": { "a": { "$ref": "#" } } }"##,
            "/properties/a/$ref",
            "cannot refer to itself",
        ),
        (
            r#"{ "properties": { "a": { "pattern": "\\bword" } } }"#,
            "/properties/a/pattern",
            "PCRE may read",
        ),
        (
            r#"{ "properties": { "a": { "format": "email" } } }"#,
            "/properties/a/format",
            "do not fit",
        ),
        (
            r#"{ "properties": { "$a": { "type": "string" } } }"#,
            "/properties/$a",
            "no way to write",
        ),
        (
            r#"{ "properties": { "a": { "items": { "contains": true, "minContains": 2 } } } }"#,
            "/properties/a/items/contains",
            "cannot count items",
        ),
        (
            r#"{ "properties": { "a": { "maxLength": 100000 } } }"#,
            "/properties/a/maxLength",
            "65,535",
        ),
        (
            r#"{ "anyOf": [{ "properties": { "a": true } }], "unevaluatedProperties": false }"#,
            "/unevaluatedProperties",
            "depends on the document",
        ),
    ] {
        let Err(GenerateError::Inexpressible(places)) =
            declarative::generate(&schemas("", &[("t", text)]))
        else {
            panic!("{text}: {:?}", declarative::generate(&schemas("", &[("t", text)])));
        };
        assert_eq!(places.len(), 1, "{places:?}");
        assert_eq!(places[0].pointer, place, "{text}");
        assert!(places[0].reason.contains(reason), "{text}: {}", places[0].reason);
    }
}

#[test]
fn documents_are_routed() {
    let numbers = r#"{ "required": ["n"] }"#;
    for config in [
        "",
        "[databases.db.validation]\ndefault = \"b\"\nignore = { ids = [\"tmp:*\", \"?[!x-z]\"], types = [\"log-*\"] }\n",
        "[databases.db]\ndiscriminator = \"/meta/kind\"\n[databases.db.validation]\ndefault = \"a\"\n",
        "[databases.db]\ndiscriminator = { id_prefix = \":\" }\n[databases.db.validation]\nignore = { types = [\"l?g\"] }\n",
        "[databases.db]\ndiscriminator = { id_prefix = \":\" }\n[databases.db.validation]\ndefault = \"b\"\n",
    ] {
        let schemas = schemas(config, &[("a", numbers), ("b", "true"), ("c", "false")]);
        let generated = declarative::generate(&schemas).expect("a selector");
        let selector = selector(&generated.selector);
        for id in
            ["x", "a:1", "b:c", "tmp:1", "_design/d", "log:1", "lög", "a", "ab", "az", "tmp\n:"]
        {
            for rest in [
                "",
                r#","type":"a""#,
                r#","type":"a","n":null"#,
                r#","type":"b""#,
                r#","type":"c""#,
                r#","type":"c","_deleted":true"#,
                r#","type":"log-1""#,
                r#","type":["a"]"#,
                r#","type":7,"n":1"#,
                r#","meta":{"kind":"a"}"#,
                r#","meta":{"kind":"b"}"#,
                r#","meta":{"kind":"c"},"n":1"#,
                r#","meta":{},"n":1"#,
                r#","meta":["kind"],"n":1"#,
                r#","meta":null"#,
            ] {
                let document =
                    parse_str(&format!(r#"{{"_id":"{}"{rest}}}"#, id.replace('\n', "\\n")));
                let Ok(Value::Object(members)) = document else { panic!("{id}{rest}") };
                let expected = !matches!(schemas.check(&members), Outcome::Invalid { .. });
                let update = serde_json::json!({ "newDoc": members, "oldDoc": null });
                let told = || {
                    format!("{config}{}\n{}", to_string(&generated.selector), to_string(&update))
                };
                assert_eq!(selector.matches(&update), expected, "{}", told());
            }
        }
    }
}

#[test]
fn a_design_document_is_written_and_kept_up_to_date() {
    let root = tempfile::tempdir().expect("a folder");
    let write = |path: &str, text: &str| {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    };
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_couchctl"))
            .args(arguments)
            .current_dir(root.path())
            .output()
            .expect("couchctl runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let vdu = ["generate", "vdu", "--declarative"];
    write("couchctl.toml", "[databases.db]\n");
    write(
        "schemas/db/t.schema.json",
        "{\n \"properties\": {\n  \"n\": { \"type\": \"integer\" } } }",
    );
    let (code, out, error) = run(&vdu);
    assert_eq!((code, out.as_str()), (Some(0), "wrote views/db/schemas.json\n"), "{error}");
    assert!(
        error.contains("t.schema.json:3: `/properties/n/type` is checked otherwise"),
        "{error}"
    );
    assert_eq!(run(&vdu).1, "1 file up to date\n");
    let (code, _, error) = run(&["check"]);
    assert_eq!(code, Some(0), "{error}");
    assert!(error.contains("views/db/schemas.json: CouchDB 3.5.2 and older refuse"), "{error}");
    write("schemas/db/t.schema.json", "{ \"required\": [\"n\"] }");
    let (code, _, error) = run(&["check"]);
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains("views/db/schemas.json: is not what the schemas give now"), "{error}");
    assert_eq!(run(&["generate", "vdu", "--declarative", "--check"]).0, Some(1));
    assert_eq!(run(&vdu).0, Some(0));
    // It can be tested, and a server that is new enough would get it.
    let suite = "tests:\n  - { name: a, validate: { new: { _id: a, type: t, n: 1 } }, expect: { ok: true } }
  - { name: b, validate: { new: { _id: a, type: t } }, expect: { forbidden: document is not valid } }\n";
    write("tests/db/schemas.test.yaml", suite);
    let (code, out, error) = run(&["test"]);
    assert_eq!(code, Some(0), "{out}{error}");
    let (_, out, _) = run(&["diff", "--env", "sandbox"]);
    assert!(!out.contains("would be refused"), "{out}");
    // What cannot be said leaves the file as it was.
    write("schemas/db/t.schema.json", "{ \"properties\": { \"a\": {\n \"uniqueItems\": true } } }");
    let (code, _, error) = run(&vdu);
    assert_eq!(code, Some(2));
    assert!(
        error
            .contains("schemas/db/t.schema.json:2: `/properties/a/uniqueItems`: a selector cannot"),
        "{error}"
    );
    // Nor is a design document overwritten that is another one.
    write("schemas/db/t.schema.json", "{}");
    write("views/db/other/v/map.js", "function (doc) { emit(1); }\n");
    let (code, _, error) = run(&["generate", "vdu", "--declarative", "--design", "other"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("is there, and is not generated"), "{error}");
    write("schemas/db/validate_doc_update.js", "function () {}\n");
    assert!(run(&vdu).2.contains("written by hand"));
}
