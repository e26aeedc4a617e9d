use std::fs;
use std::path::Path;

use super::*;
use crate::json::{parse_str, to_string};

fn parse(text: &str) -> Result<Suite, Vec<Problem>> {
    Suite::parse(text, Path::new("tests/cloudai/tasks.test.yaml"))
}

#[track_caller]
fn fails(text: &str) -> String {
    let problems = parse(text).expect_err(text);
    let messages: Vec<String> = problems.iter().map(ToString::to_string).collect();
    messages.join("\n").replace("tests/cloudai/tasks.test.yaml:", "")
}

#[test]
fn the_example_of_the_design() {
    let root = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(root.path().join("cloudai/fixtures")).expect("folders");
    fs::write(root.path().join("cloudai/fixtures/tasks.ndjson"), "").expect("a file");
    let path = root.path().join("cloudai/tasks.test.yaml");
    let text = r#"
docs: [fixtures/tasks.ndjson, { _id: "task:9", type: task, status: pending, priority: 5 }]
tests:
  - name: pending tasks by priority
    view: by_priority
    query: { descending: true, limit: 2 }
    expect: { rows: [{ id: "task:9", key: 5 }] }      # members left out are not compared
  - name: a task needs a known status
    validate: { new: { _id: "task:1", type: task, status: lost }, user: { name: ann, roles: [] } }
    expect: { forbidden: "status" }
"#;
    fs::write(&path, text).expect("a file");
    let suite = Suite::read(&path).expect("a suite");
    assert_eq!((suite.database.as_str(), suite.design.as_str()), ("cloudai", "tasks"));
    assert_eq!(suite.docs[0], Docs::File(root.path().join("cloudai/fixtures/tasks.ndjson")));
    assert!(matches!(&suite.docs[1], Docs::Inline { line: 2, .. }));
    assert_eq!(suite.fixtures, Fixtures::Checked);
    let [view, validate] = suite.cases.as_slice() else { panic!("{:?}", suite.cases) };
    assert_eq!((view.name.as_str(), view.line), ("pending tasks by priority", 4));
    let Subject::View { view: name, query } = &view.subject else { panic!("{:?}", view.subject) };
    assert_eq!(name, "by_priority");
    assert_eq!(to_string(&Value::Object(query.clone())), r#"{"descending":true,"limit":2}"#);
    assert_eq!(view.expect.rows.as_ref().map(Vec::len), Some(1));
    assert!(validate.expect.forbidden.as_ref().is_some_and(|text| text.matches("unknown status")));
}

#[test]
fn every_kind_of_case() {
    let text = r"
database: other
design: _design/d
fixtures: checked
tests:
  - { name: filter, filter: f, query: { a: b }, expect: { passes: [a, b], count: 2 } }
  - { name: update, update: u, doc: a, request: { method: POST }, expect: { doc: null, body: ok, status: 201 } }
  - { name: show, show: s, skip: later, expect: { headers: { Content-Type: text/html } } }
  - { name: list, list: l, view: v, query: { limit: 1 }, expect: { body: { a: 1 } } }
  - { name: search, search: i, expect: { fields: [{ name: default }], exact: true } }
  - { name: fine, validate: { new: { a: 1 }, old: { }, security: { } }, expect: { ok: true } }
  - { name: error, view: v, query: { startkey: 2 }, expect: { error: query_parse_error, reason: /^No/, log: [x] } }
  - { name: snapshot, view: v, expect: { snapshot: true } }
";
    let suite = parse(text).expect("a suite");
    assert_eq!(
        (suite.database.as_str(), suite.design.as_str(), suite.fixtures),
        ("other", "d", Fixtures::Checked)
    );
    assert_eq!(suite.cases.len(), 8);
    let Subject::Filter { request, .. } = &suite.cases[0].subject else { panic!("a filter") };
    assert_eq!(request["query"]["a"], "b");
    assert_eq!(suite.cases[1].expect.doc, Some(Value::Null));
    assert_eq!(suite.cases[2].skip.as_deref(), Some("later"));
    assert!(
        suite.cases[6]
            .expect
            .reason
            .as_ref()
            .is_some_and(|text| text.matches("No rows") && !text.matches("a No"))
    );
}

#[test]
fn values_are_json() {
    let text = r#"
tests:
  - name: x
    view: v
    query: { a: 1, b: 1.0, c: 1e3, d: 18446744073709551615, e: -7, f: "1", g: null, h: [~, true], i: text, j: 0.1, k: "\ufff0", l: no }
    expect: { count: 0 }
"#;
    let suite = parse(text).expect("a suite");
    let Subject::View { query, .. } = &suite.cases[0].subject else { panic!("a view") };
    let expected = r#"{"a":1,"b":1.0,"c":1000.0,"d":18446744073709551615,"e":-7,"f":"1","g":null,"h":[null,true],"i":"text","j":0.1,"k":"\ufff0","l":"no"}"#;
    assert_eq!(Value::Object(query.clone()), parse_str(expected).expect("JSON"));
}

#[test]
fn mistakes_name_line_and_column() {
    let case = |rest: &str| format!("tests:\n  - name: x\n    {rest}\n");
    assert!(fails("tests: []").ends_with("the suite has no tests"), "{}", fails("tests: []"));
    assert_eq!(fails(""), "1:1: unexpected end of input");
    let unknown = fails(&case("veiw: v"));
    assert!(unknown.starts_with("3:5: unknown field") && unknown.contains("veiw"), "{unknown}");
    let unknown = fails(&case("view: v\n    expect: { row: [] }"));
    assert!(unknown.starts_with("4:15: unknown field"), "{unknown}");
    assert_eq!(fails(&case("view: v")), "2:5: the case `x` expects nothing; add `expect`");
    assert!(fails(&case("view: v\n    expect: {}")).starts_with("4:13: `expect` is empty"));
    assert!(
        fails(&case("expect: { ok: true }")).starts_with("2:5: the case `x` names no function")
    );
    assert!(
        fails(&case("view: v\n    filter: f\n    expect: { ok: true }"))
            .contains("several functions: `view`, `filter`")
    );
    assert_eq!(
        fails(&case("validate: { new: { } }\n    query: { }\n    expect: { ok: true }")),
        "2:5: a `validate` case takes no `query`"
    );
    assert!(
        fails(&case("view: v\n    expect: { forbidden: x }"))
            .starts_with("4:13: a `view` case cannot expect `forbidden`")
    );
    assert!(
        fails(&case("validate: { new: { } }\n    expect: { ok: false }"))
            .contains("says too little")
    );
    assert!(
        fails(&case("validate: { new: { } }\n    expect: { ok: true, forbidden: x }"))
            .contains("expect one of")
    );
    assert!(
        fails(&case("validate: { new: 5 }\n    expect: { ok: true }"))
            .contains("`new` is an object")
    );
    assert!(fails(&case("list: l\n    expect: { body: x }")).contains("needs a `view`"));
    assert!(fails(&case("view: v\n    expect: { rows: [5] }")).contains("`rows` holds objects"));
    assert!(
        fails(&case("view: v\n    expect: { error: /(/ }"))
            .contains("`/(/` is not a regular expression")
    );
    assert!(
        fails(&case("view: v\n    query: 5\n    expect: { count: 1 }"))
            .contains("`query` is an object")
    );
    assert_eq!(
        fails("docs: [fixtures/none.json, 5]\ntests: [{name: a, view: v, expect: {count: 0}}]"),
        "1:8: the fixture `fixtures/none.json` does not exist\n1:28: `docs` holds paths of files and documents"
    );
    let twice = "tests:\n  - { name: a, view: v, expect: { count: 0 } }\n  - { name: a, view: v, expect: { count: 0 } }";
    assert_eq!(fails(twice), "3:5: the case in line 2 is also named `a`");
    assert!(fails("tests: [").starts_with("1:"), "{}", fails("tests: ["));
    assert!(fails(&case("view: v\n    view: w\n    expect: { count: 0 }")).starts_with("4:5: "));
    assert!(Suite::read(Path::new("/nonexistent.test.yaml")).is_err());
}

#[test]
fn hostile_texts_do_not_panic() {
    let deep = "[".repeat(100_000);
    for text in [deep.as_str(), "&a [*a]", "tests: &a [*a, *a]", "\0", "%YAML 9", "a: b: c"] {
        assert!(parse(text).is_err());
    }
}
