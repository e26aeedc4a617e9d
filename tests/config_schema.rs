//! The published JSON Schema of `couchctl.toml`: what the program itself reads by.

use std::path::Path;

use couchctl::project::Config;

/// Set to write the schema anew.
const UPDATE: &str = "COUCHCTL_UPDATE_SCHEMA";

#[test]
fn the_published_schema_is_the_program_s() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/src/couchctl.schema.json");
    let schema = serde_json::to_string_pretty(&schemars::schema_for!(Config)).expect("JSON") + "\n";
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, &schema).expect("a file");
    }
    let published = std::fs::read_to_string(&path).expect("the schema");
    assert!(published == schema, "it is another one; set {UPDATE}=1 to write it");
}

#[test]
fn the_schema_describes_the_repository_s_own_file() {
    let schema = serde_json::json!(schemars::schema_for!(Config));
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let text = include_str!("../couchctl.toml");
    let value: serde_json::Value = toml::from_str(text).expect("TOML");
    assert!(validator.is_valid(&value), "{value}");
    for wrong in [r#"{"databases":{"a":{"nmae":"b"}}}"#, r#"{"databases":{"a":{"match":5}}}"#] {
        let value: serde_json::Value = serde_json::from_str(wrong).expect("JSON");
        assert!(!validator.is_valid(&value), "{wrong}");
    }
}
