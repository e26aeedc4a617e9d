//! Schemas of projects: how they are read, which documents they are for, and what they say.

use std::fs;
use std::path::Path;

use couchctl::json::{Value, parse_str};
use couchctl::project::{ModuleError, ModuleLoader, Project};
use couchctl::schema::{Outcome, Schemas};

struct NoModules;

impl ModuleLoader for NoModules {
    fn load(&self, _: &Path, _: &str) -> Result<Value, ModuleError> {
        Err(ModuleError { message: "no modules here".to_owned(), line: None })
    }
}

/// The schemas of the database `db` of a project with these files.
fn load(files: &[(&str, &str)]) -> Result<Schemas, Vec<String>> {
    let root = tempfile::tempdir().expect("a folder");
    fs::write(root.path().join("couchctl.toml"), "").expect("a file");
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    let project = Project::open(root.path(), &NoModules).expect("a project");
    let database = project.database("db").expect("a database");
    Schemas::load(&project, database)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

fn fails(files: &[(&str, &str)]) -> String {
    load(files).expect_err("problems").join("\n")
}

/// What is said of a document, a line for each violation.
#[track_caller]
fn says(schemas: &Schemas, document: &str) -> String {
    let Ok(Value::Object(members)) = parse_str(document) else { panic!("{document}") };
    match schemas.check(&members) {
        Outcome::Valid => "valid".to_owned(),
        Outcome::Ignored => "ignored".to_owned(),
        Outcome::Invalid { violations, .. } => {
            violations.iter().map(couchctl::schema::Violation::shown).collect::<Vec<_>>().join("\n")
        }
    }
}

const TASK: (&str, &str) = (
    "schemas/db/task.schema.json",
    r#"{ "required": ["status"], "additionalProperties": false,
         "properties": { "type": true, "status": { "enum": ["new", "done"] } } }"#,
);

#[test]
fn a_member_names_the_type() {
    let schemas = load(&[TASK]).expect("schemas");
    assert_eq!(says(&schemas, r#"{"_id":"a","type":"task","status":"new"}"#), "valid");
    assert_eq!(
        says(&schemas, r#"{"_id":"a","type":"task","status":"old"}"#),
        r#"`/status`: expected one of "new", "done", found "old""#
    );
    assert_eq!(
        says(&schemas, r#"{"_id":"a","type":"taks"}"#),
        r#"`/type`: expected the name of a type with a schema, such as `task`, found "taks""#
    );
    assert_eq!(
        says(&schemas, r#"{"_id":"a"}"#),
        "`/type`: expected the name of a type with a schema, found none"
    );
    assert_eq!(
        says(&schemas, r#"{"_id":"a","type":7}"#),
        "`/type`: expected the name of a type with a schema, found 7"
    );
}

#[test]
fn a_pointer_or_the_id_names_the_type() {
    let config = |text: &'static str| ("couchctl.toml", text);
    let open = ("schemas/db/task.schema.json", r#"{ "required": ["n"] }"#);
    let schemas = load(&[config("[databases.db]\ndiscriminator = \"/meta/0/a~1b\""), open]);
    let schemas = schemas.expect("schemas");
    assert_eq!(says(&schemas, r#"{"meta":[{"a/b":"task"}],"n":1}"#), "valid");
    assert!(says(&schemas, r#"{"meta":[]}"#).starts_with("`/meta/0/a~1b`: expected the name"));
    let schemas = load(&[config("[databases.db]\ndiscriminator = { id_prefix = \":\" }"), open]);
    let schemas = schemas.expect("schemas");
    assert_eq!(says(&schemas, r#"{"_id":"task:1:2","n":1}"#), "valid");
    assert_eq!(says(&schemas, r#"{"_id":"task:1"}"#), "`/n`: expected the member `n`, found none");
    assert!(says(&schemas, r#"{"_id":"task"}"#).starts_with("`/_id`: expected the name"));
}

#[test]
fn documents_without_a_schema() {
    let config = "[databases.db.validation]\nignore = { ids = [\"tmp:*\"], types = [\"log-*\"] }";
    let schemas = load(&[("couchctl.toml", config), TASK]).expect("schemas");
    for document in [
        r#"{"_id":"_design/x","language":"javascript"}"#,
        r#"{"_id":"_local/x"}"#,
        r#"{"_id":"x","type":"task","_deleted":true}"#,
        r#"{"_id":"tmp:1","type":"task"}"#,
        r#"{"_id":"x","type":"log-2025"}"#,
    ] {
        assert_eq!(says(&schemas, document), "ignored", "{document}");
    }
    let config = "[databases.db.validation]\ndefault = \"task\"";
    let schemas = load(&[("couchctl.toml", config), TASK]).expect("schemas");
    assert_eq!(says(&schemas, r#"{"_id":"x","type":"other","status":"new"}"#), "valid");
    assert_eq!(says(&schemas, r#"{"_id":"x","status":"new"}"#), "valid");
    let config = "[databases.db.validation]\ndefault = \"taks\"";
    assert_eq!(
        fails(&[("couchctl.toml", config), TASK]),
        "couchctl.toml: `default` names the schema `taks`, which does not exist"
    );
}

#[test]
fn members_of_couchdb_need_no_declaration() {
    let document = r#"{"_id":"a","_rev":"1-a","_attachments":{},"_revisions":{},"type":"t","n":1}"#;
    for schema in [
        r#"{ "properties": { "type": true, "n": true }, "additionalProperties": false }"#,
        r#"{ "properties": { "type": true, "n": true }, "unevaluatedProperties": false }"#,
        r#"{ "propertyNames": { "pattern": "^[a-z]+$" }, "maxProperties": 2 }"#,
        r#"{ "$schema": "http://json-schema.org/draft-04/schema#",
             "patternProperties": { ".": { "type": ["string", "number"] } } }"#,
    ] {
        let schemas = load(&[("schemas/db/t.schema.json", schema)]).expect("schemas");
        assert_eq!(says(&schemas, document), "valid", "{schema}");
        assert_eq!(
            says(&schemas, r#"{"_id":"a","type":"t","_foo":1}"#).lines().next(),
            Some(
                "`/_foo`: expected no member `_foo`: CouchDB keeps names with `_` in front to itself"
            )
        );
    }
}

#[test]
fn members_of_couchdb_are_checked_where_a_schema_speaks_of_them() {
    let base =
        ("schemas/db/parts/base.schema.json", r#"{ "properties": { "_id": { "maxLength": 3 } } }"#);
    for schema in [
        r#"{ "properties": { "_id": { "maxLength": 3 }, "type": true }, "additionalProperties": false }"#,
        r#"{ "$ref": "parts/base.schema.json", "properties": { "type": true }, "unevaluatedProperties": false }"#,
        // The part that closes the object does not know of the other.
        r#"{ "allOf": [{ "$ref": "parts/base.schema.json" }], "properties": { "type": true },
             "additionalProperties": false }"#,
        r##"{ "allOf": [{ "$ref": "#/$defs/base" }, { "properties": { "type": true }, "additionalProperties": false }],
             "$defs": { "base": { "properties": { "_id": { "maxLength": 3 } } } } }"##,
    ] {
        let schemas = load(&[("schemas/db/t.schema.json", schema), base]).expect("schemas");
        assert_eq!(says(&schemas, r#"{"_id":"abc","_rev":"1-a","type":"t"}"#), "valid", "{schema}");
        assert_eq!(
            says(&schemas, r#"{"_id":"abcd","type":"t"}"#),
            "`/_id`: expected at most 3 characters, found 4 characters",
            "{schema}"
        );
        assert_eq!(
            says(&schemas, r#"{"_id":"a","type":"t","x":1}"#),
            "`/x`: expected no member `x`"
        );
    }
}

#[test]
fn references_between_files() {
    let schemas = load(&[
        ("schemas/db/a.schema.json", r#"{ "properties": { "x": { "$ref": "b.schema.json" },
            "y": { "$ref": "urn:shared#/$defs/small" }, "z": { "$ref": "../common/point" },
            "w": { "$ref": "https://example.org/far.json#far" } } }"#),
        ("schemas/db/b.schema.json", r#"{ "type": "string" }"#),
        ("schemas/db/parts/shared.schema.json", r#"{ "$id": "urn:shared", "$defs": { "small": { "maximum": 9 } } }"#),
        ("schemas/common/point.json", r#"{ "type": "array" }"#),
        ("vendor/far.json", r#"{ "$defs": { "far": { "$anchor": "far", "const": 1 } } }"#),
        ("couchctl.toml", "[databases.db.validation.references]\n\"https://example.org/far.json\" = \"vendor/far.json\""),
        ("views/common/x.json", r#"{ "language": "javascript" }"#),
    ])
    .expect("schemas");
    assert_eq!(
        schemas.types.iter().map(|schema| schema.name.as_str()).collect::<Vec<_>>(),
        ["a", "b"]
    );
    assert_eq!(
        says(&schemas, r#"{"type":"a","x":1,"y":10,"z":{},"w":2}"#),
        "`/x`: expected a string, found 1\n`/y`: expected at most 9, found 10\n\
         `/z`: expected an array, found {}\n`/w`: expected 1, found 2"
    );
}

#[test]
fn references_that_lead_nowhere_name_their_line() {
    let schema = "{ \"properties\": {\n  \"a\": { \"$ref\": \"https://example.org/x.json#/a\" },\n  \
                  \"b\": { \"$ref\": \"gone.schema.json\" } } }";
    let mut problems = load(&[("schemas/db/t.schema.json", schema)]).expect_err("problems");
    problems.sort();
    assert_eq!(
        problems,
        [
            "schemas/db/t.schema.json:2: nothing in the project is `https://example.org/x.json`, and nothing is fetched",
            "schemas/db/t.schema.json:3: the reference leads to `schemas/db/gone.schema.json`, which does not exist",
        ]
    );
    let schema = "{ \"$defs\": {},\n \"properties\": {\n  \"a\": { \"$ref\": \"#/$defs/x\" } } }";
    assert_eq!(
        fails(&[("schemas/db/t.schema.json", schema)]),
        "schemas/db/t.schema.json:3: the reference to `/$defs/x` leads nowhere"
    );
    // No reference leaves the project.
    let schema = r#"{ "$ref": "../../../../../../etc/passwd" }"#;
    assert!(
        fails(&[("schemas/db/t.schema.json", schema)])
            .contains("`etc/passwd`, which does not exist")
    );
}

#[test]
fn what_is_no_schema_names_its_line() {
    let schema = "{\n  \"type\": \"object\",\n  \"properties\": {\n    \"a\": { \"type\": \"sting\" },\n    \
                  \"b\": { \"minLength\": -1 }\n  }\n}";
    let mut problems = load(&[("schemas/db/t.schema.json", schema)]).expect_err("problems");
    problems.sort();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(
        problems[0]
            .starts_with("schemas/db/t.schema.json:4: is no JSON Schema: `/properties/a/type`")
    );
    assert_eq!(
        problems[1],
        "schemas/db/t.schema.json:5: is no JSON Schema: `/properties/b/minLength`: expected at least 0, found -1"
    );
    assert!(
        fails(&[("schemas/db/t.schema.json", "{\n,")])
            .starts_with("schemas/db/t.schema.json:2: not valid JSON")
    );
    let schema = r#"{ "$schema": "https://example.org/my-dialect" }"#;
    assert!(
        fails(&[("schemas/db/t.schema.json", schema)]).starts_with("schemas/db/t.schema.json:1: ")
    );
    let schema = r#"{ "properties": { "a": { "pattern": "(" } } }"#;
    assert!(fails(&[("schemas/db/t.schema.json", schema)]).contains("`/properties/a/pattern`: "));
}

#[test]
fn formats_are_checked_unless_ignored() {
    let schema =
        ("schemas/db/t.schema.json", r#"{ "properties": { "at": { "format": "date-time" } } }"#);
    let document = r#"{"type":"t","at":"yesterday"}"#;
    let schemas = load(&[schema]).expect("schemas");
    assert_eq!(
        says(&schemas, document),
        r#"`/at`: expected text in the format `date-time`, found "yesterday""#
    );
    let config = "[databases.db.validation]\nignore_formats = true";
    let schemas = load(&[schema, ("couchctl.toml", config)]).expect("schemas");
    assert_eq!(says(&schemas, document), "valid");
}

#[test]
fn what_is_said_of_choices() {
    let schema = r#"{ "properties": {
        "a": { "anyOf": [{ "type": "string" }, { "type": "null" }] },
        "b": { "oneOf": [
            { "properties": { "kind": { "const": "x" }, "size": { "minimum": 1 } } },
            { "properties": { "kind": { "const": "y" }, "name": { "type": "string" } } } ] },
        "c": { "oneOf": [{ "minimum": 1 }, { "maximum": 5 }] },
        "d": { "not": { "const": 1 } }, "e": false,
        "f": { "propertyNames": { "maxLength": 1 } } } }"#;
    let schemas = load(&[("schemas/db/t.schema.json", schema)]).expect("schemas");
    for (document, expected) in [
        (r#"{"type":"t","a":1}"#, "`/a`: expected a string or null, found 1"),
        (
            r#"{"type":"t","b":{"kind":"y","name":1}}"#,
            "`/b`: expected a value that fits one of the alternatives, found \
             {\"kind\":\"y\",\"name\":1}; the closest alternative says: `/b/name`: expected a string, found 1",
        ),
        (
            r#"{"type":"t","c":3}"#,
            "`/c`: expected a value that fits exactly one of the alternatives, found 3",
        ),
        (r#"{"type":"t","d":1}"#, "`/d`: expected anything but what `not` describes, found 1"),
        (r#"{"type":"t","e":1}"#, "`/e`: expected nothing here, found 1"),
        (
            r#"{"type":"t","f":{"ab":1}}"#,
            "`/f`: expected names of members to be at most 1 character, found 2 characters",
        ),
    ] {
        assert_eq!(says(&schemas, document), expected, "{document}");
    }
}

#[test]
fn numbers_keep_their_digits() {
    let schema =
        r#"{ "properties": { "n": { "maximum": 18446744073709551617, "multipleOf": 0.01 } } }"#;
    let schemas = load(&[("schemas/db/t.schema.json", schema)]).expect("schemas");
    assert_eq!(says(&schemas, r#"{"type":"t","n":18446744073709551617}"#), "valid");
    assert_eq!(says(&schemas, r#"{"type":"t","n":1.15}"#), "valid");
    assert_eq!(
        says(&schemas, r#"{"type":"t","n":18446744073709551618}"#),
        "`/n`: expected at most 18446744073709551617, found 18446744073709551618"
    );
}
