//! `couchctl generate vdu --declarative`: selectors against the schemas they were generated from.

use std::fs;
use std::path::Path;
use std::process::Command;

use couchctl::generate::GenerateError;
use couchctl::generate::vdu::declarative;
use couchctl::json::{Map, Value, parse_str, to_string};
use couchctl::mango::Selector;
use couchctl::project::{ModuleError, ModuleLoader, Project};
use couchctl::schema::{Outcome, Schemas};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

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

const NAMES: [&str; 8] = ["a", "b", "c.d", "é", "0", "e\u{301}", "toString", "a~/b"];
const TEXTS: [&str; 14] = [
    "",
    "a",
    "b",
    "ab",
    "aab",
    "abc",
    "é",
    "e\u{301}",
    "😀😀",
    "a\n",
    "1",
    "2025-05-01",
    "2025-02-29",
    "a b",
];

/// Any value, of few names and texts, so that schemas often meet what they speak of.
fn anything(random: &mut StdRng, depth: usize) -> Value {
    match random.random_range(0..if depth > 2 { 5 } else { 8 }) {
        0 => Value::Null,
        1 => random.random_bool(0.5).into(),
        2 => random.random_range(-3..6).into(),
        3 => couchctl::json::number(["0.5", "-1.25", "2.75"].choose(random).expect("one")),
        4 => (*TEXTS.choose(random).expect("one")).into(),
        5 => (0..random.random_range(0..4))
            .map(|_| anything(random, depth + 1))
            .collect::<Vec<_>>()
            .into(),
        _ => members(random, depth).into(),
    }
}

fn members(random: &mut StdRng, depth: usize) -> Map<String, Value> {
    let names = NAMES.iter().filter(|_| random.random_bool(0.4)).copied().collect::<Vec<_>>();
    names.into_iter().map(|name| (name.to_owned(), anything(random, depth + 1))).collect()
}

/// What each of these says can be said by a selector.
const EXPRESSIBLE: [&str; 40] = [
    "true",
    "false",
    r#"{ "type": "string" }"#,
    r#"{ "type": ["string", "null", "integer"] }"#,
    r#"{ "type": "integer", "minimum": -1, "exclusiveMaximum": 4, "multipleOf": 2 }"#,
    r#"{ "minimum": 0.5 }"#,
    r#"{ "minLength": 2 }"#,
    r#"{ "type": "string", "minLength": 1, "maxLength": 2 }"#,
    r#"{ "pattern": "^a+b?$" }"#,
    r#"{ "pattern": "^.$" }"#,
    r#"{ "pattern": "[^a]" }"#,
    r#"{ "format": "date" }"#,
    r#"{ "enum": ["a", "é", 1, null, [], {}] }"#,
    r#"{ "enum": [["a", 1], { "a": "b" }, { "a": { "b": [1] } }, false] }"#,
    r#"{ "not": { "enum": [["a"], { "a": 1, "c.d": null }, "a"] } }"#,
    r#"{ "const": "é" }"#,
    r#"{ "required": ["a", "c.d"] }"#,
    r#"{ "properties": { "a": { "type": "string" }, "c.d": { "minimum": 2 }, "0": false } }"#,
    r#"{ "properties": { "a": { "properties": { "a": { "properties": { "a": { "type": "null" } } } } } } }"#,
    r#"{ "not": { "properties": { "a": { "type": "string" } } } }"#,
    r#"{ "not": { "properties": { "a": { "not": { "required": ["b"] } } }, "required": ["a"] } }"#,
    r#"{ "properties": { "a": true, "é": true }, "additionalProperties": false }"#,
    r#"{ "properties": { "a": true }, "patternProperties": { "^.$": true }, "additionalProperties": false }"#,
    r#"{ "patternProperties": { "~": false } }"#,
    r#"{ "not": { "additionalProperties": false } }"#,
    r#"{ "propertyNames": { "maxLength": 1, "not": { "const": "é" } } }"#,
    r#"{ "items": { "type": ["integer", "array"], "maximum": 3 } }"#,
    r#"{ "items": { "items": { "properties": { "a": { "type": "string" } }, "required": ["b"] } } }"#,
    r#"{ "not": { "items": { "type": "string" } } }"#,
    r#"{ "items": { "not": { "properties": { "a": { "type": "string" } } } } }"#,
    r#"{ "prefixItems": [{ "type": "string" }, { "minimum": 1 }] }"#,
    r#"{ "prefixItems": [{ "type": "string" }, true], "items": false }"#,
    r#"{ "not": { "prefixItems": [true, { "type": "null" }] } }"#,
    r#"{ "minItems": 1, "maxItems": 2 }"#,
    r#"{ "contains": { "type": "string", "minLength": 1 } }"#,
    r#"{ "anyOf": [{ "type": "string" }, { "required": ["a"] }, { "items": { "type": "null" } }] }"#,
    r#"{ "oneOf": [{ "required": ["a"] }, { "required": ["b"] }, { "minProperties": 1 }] }"#,
    r#"{ "if": { "properties": { "a": { "type": "integer" } } }, "then": { "required": ["b"] }, "else": { "required": ["é"] } }"#,
    r#"{ "dependentRequired": { "a": ["b"] }, "dependentSchemas": { "b": { "properties": { "a": { "type": "null" } } } } }"#,
    r##"{ "$defs": { "n": { "type": "integer" } }, "properties": { "a": { "$ref": "#/$defs/n" }, "b": { "$ref": "#/$defs/n" } }, "unevaluatedProperties": false }"##,
];

#[test]
fn selectors_agree_with_schemas() {
    let mut random = StdRng::seed_from_u64(3);
    for text in EXPRESSIBLE {
        // As the schema of a member, and as that of a document.
        let inner = format!(r#"{{ "properties": {{ "a": {text} }} }}"#);
        let is_document = text.starts_with('{')
            && !text.contains("propertyNames")
            && !text.contains("minProperties")
            && !text.contains("\"~\"");
        for (text, is_document) in [(inner.as_str(), true), (text, is_document)] {
            if !is_document {
                continue;
            }
            let schemas = schemas("", &[("t", text)]);
            let generated =
                declarative::generate(&schemas).unwrap_or_else(|error| panic!("{error:?}: {text}"));
            let selector = selector(&generated.selector);
            for _ in 0..600 {
                let mut document = members(&mut random, 0);
                document.insert("type".to_owned(), "t".into());
                document.insert("_id".to_owned(), "x".into());
                let expected = schemas.check(document.clone()) == Outcome::Valid;
                document.insert("_rev".to_owned(), "1-a".into());
                document.insert("_revisions".to_owned(), Value::Object(Map::new()));
                let update = serde_json::json!({ "newDoc": document, "oldDoc": null });
                let told = || {
                    format!("{text}\n{}\n{}", to_string(&generated.selector), to_string(&update))
                };
                assert_eq!(selector.matches(&update), expected, "{}", told());
            }
        }
    }
}

#[test]
fn what_cannot_be_said_is_refused_with_its_place() {
    for (text, place, reason) in [
        (r#"{ "uniqueItems": true }"#, "/uniqueItems", "cannot compare items"),
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
        (r#"{ "pattern": "\\bword" }"#, "/pattern", "PCRE may read"),
        (r#"{ "format": "email" }"#, "/format", "do not fit"),
        (
            r#"{ "properties": { "$a": { "type": "string" } } }"#,
            "/properties/$a",
            "no way to write",
        ),
        (
            r#"{ "items": { "contains": true, "minContains": 2 } }"#,
            "/items/contains",
            "cannot count items",
        ),
        (r#"{ "maxLength": 100000 }"#, "/maxLength", "65,535"),
        (r#"{ "const": 0.12345678901234567890123 }"#, "/const", "so many digits"),
        (
            r#"{ "anyOf": [{ "properties": { "a": true } }], "unevaluatedProperties": false }"#,
            "/unevaluatedProperties",
            "depends on the document",
        ),
    ] {
        let Err(GenerateError::Inexpressible(places)) =
            declarative::generate(&schemas("", &[("t", text)]))
        else {
            panic!("{text}");
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
                let expected = !matches!(schemas.check(members.clone()), Outcome::Invalid { .. });
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
    // What cannot be said leaves the file as it was.
    write("schemas/db/t.schema.json", "{\n \"uniqueItems\": true }");
    let (code, _, error) = run(&vdu);
    assert_eq!(code, Some(2));
    assert!(
        error.contains("schemas/db/t.schema.json:2: `/uniqueItems`: a selector cannot"),
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
