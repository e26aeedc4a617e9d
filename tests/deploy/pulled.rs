//! `pull` through the program: `_security` too, and nothing to push afterwards.

use couchctl::json::{Value, parse_str};

use crate::place::{Answer, Place};

fn object(text: &str) -> Value {
    parse_str(text).expect("an object")
}

/// A database with a design document, and `security` if it is to have another than at first.
fn served(security: Option<&str>) -> Place {
    let place = Place::new("pulled").expect("a sandbox");
    place.fill(1);
    let design = object(r#"{"views": {"v": {"map": "function (doc) { emit(doc.n); }"}}}"#);
    let Value::Object(design) = design else { panic!("an object") };
    place.run(place.database.save("_design/d", None, &design)).expect("a design document");
    if let Some(security) = security {
        place.run(place.database.set_security(&object(security))).expect("a security object");
    }
    // Nothing is configured, and there is no folder of the database.
    place.write("couchctl.toml", "");
    place
}

fn pull(place: &Place, more: &[&str]) -> Answer {
    place.couchctl(&[&["pull", "--database", &place.name], more].concat())
}

fn security_file(place: &Place) -> std::path::PathBuf {
    place.path().join("views").join(&place.name).join("_security.json")
}

const TEAM: &str =
    r#"{"admins": {"names": ["ann"], "roles": []}, "members": {"names": [], "roles": ["team"]}}"#;

#[test]
fn pull_then_diff_is_empty() {
    let place = served(Some(TEAM));
    let answer = pull(&place, &[]);
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert!(answer.stdout.contains("_security.json\n"), "{answer:?}");
    let text = std::fs::read_to_string(security_file(&place)).expect("a file");
    assert_eq!(object(&text), object(TEAM));
    let answer = place.couchctl(&["diff", "--exit-code", "--format", "json"]);
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert_eq!(object(&answer.stdout)["databases"][0]["security"], "unchanged");
    let answer = pull(&place, &["--format", "json"]);
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert_eq!(object(&answer.stdout)["security"][0]["status"], "unchanged");
    assert_eq!(object(&answer.stdout)["designs"][0]["status"], "unchanged");
}

#[test]
fn another_one_stays_without_force() {
    let place = served(Some(TEAM));
    pull(&place, &[]);
    let changed = object(r#"{"members": {"roles": ["all"]}}"#);
    place.run(place.database.set_security(&changed)).expect("a security object");
    let answer = pull(&place, &[]);
    assert_eq!(answer.code, Some(1), "{answer:?}");
    assert!(answer.stderr.contains("the project has another _security"), "{answer:?}");
    let now = || object(&std::fs::read_to_string(security_file(&place)).expect("a file"));
    assert_eq!(now(), object(TEAM));
    // Who names a design document wants that one.
    assert_eq!(pull(&place, &["d"]).code, Some(0));
    assert_eq!(pull(&place, &["--force"]).code, Some(0));
    assert_eq!(now(), changed);
}

#[test]
fn the_file_that_the_configuration_names_is_written() {
    let place = served(Some(TEAM));
    let config = format!("# mine\n[databases.{}]\nsecurity = \"who.json\"\n", place.name);
    place.write("couchctl.toml", &config);
    place.write("who.json", "{}");
    place.design("d/v/map.js", "function (doc) { emit(doc.n); }");
    assert_eq!(pull(&place, &["--force"]).code, Some(0));
    let text = std::fs::read_to_string(place.path().join("who.json")).expect("a file");
    assert_eq!(object(&text), object(TEAM));
    assert!(!security_file(&place).exists());
    let kept = std::fs::read_to_string(place.path().join("couchctl.toml")).expect("a file");
    assert_eq!(kept, config);
}

#[test]
fn that_of_a_new_database_is_left_to_the_server() {
    let place = served(None);
    let answer = pull(&place, &[]);
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert!(!security_file(&place).exists());
}

#[test]
fn documents_beside_design_documents_are_said_to_stay() {
    let place = Place::new("documents").expect("a sandbox");
    place.design("app/couchapp.json", "{}");
    place.design("app/views/v/map.js", "function (doc) { emit(doc.n); }");
    place.design("app/_docs/welcome.json", "{}");
    let path = format!("views/{}/app/_docs", place.name);
    for command in ["check", "diff", "push"] {
        let answer = place.couchctl(&[command]);
        assert_eq!(answer.code, Some(0), "{answer:?}");
        let note = format!("{path}: documents are not deployed");
        assert!(answer.stderr.contains(&note), "{command}: {answer:?}");
    }
    assert!(place.run(place.database.document("welcome")).expect("an answer").is_none());
}
