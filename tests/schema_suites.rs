//! Suites of schemas, and the fixtures of all suites against the schemas.

use std::fs;
use std::path::Path;

use couchctl::json::Value;
use couchctl::project::{ModuleError, ModuleLoader, Project};
use couchctl::suite::{self, Level, RunOptions, RunOutcome, Verdict};

struct NoModules;

impl ModuleLoader for NoModules {
    fn load(&self, _: &Path, _: &str) -> Result<Value, ModuleError> {
        Err(ModuleError { message: "no modules here".to_owned(), line: None })
    }
}

const SCHEMA: (&str, &str) = (
    "schemas/db/t.schema.json",
    r#"{ "required": ["n"], "properties": { "n": { "type": "integer" }, "type": { "const": "t" } } }"#,
);
const MAP: (&str, &str) = ("views/db/d/v/map.js", "function (doc) { emit(doc.n, null); }");

fn run(files: &[(&str, &str)], filters: &[&str]) -> Result<RunOutcome, String> {
    let root = tempfile::tempdir().expect("a folder");
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    let project = Project::open(root.path(), &NoModules).expect("a project");
    let filters = filters.iter().map(|filter| (*filter).to_owned()).collect();
    let options = RunOptions { filters, jobs: 1, ..RunOptions::default() };
    suite::run(&project, &options).map_err(|error| error.to_string())
}

/// The cases that failed, each with its message and diff.
fn failures(outcome: &RunOutcome) -> Vec<String> {
    let cases = outcome.suites.iter().flat_map(|suite| &suite.cases);
    cases
        .filter_map(|case| match &case.verdict {
            Verdict::Failed(failures) => {
                let mut text = format!("{}: {}", case.name, failures[0].message);
                for line in failures[0].diff.iter().flatten() {
                    text = format!("{text}\n{} {}", line.sign, line.text);
                }
                Some(text)
            }
            _ => None,
        })
        .collect()
}

#[test]
fn documents_fail_where_they_should() {
    let suite = "valid:
  - { name: a, doc: { _id: x, type: t, n: 1 } }
  - { name: b, doc: { _id: x, type: t, n: 1.5 } }
invalid:
  - { name: c, doc: { _id: x, type: t, n: x }, fails: /n }
  - { name: d, doc: { _id: x, type: t, n: 1 }, fails: /n }
  - { name: e, doc: { _id: x, type: u, n: x }, fails: /n }
  - { name: f, doc: { _id: x }, fails: [/n] }
  - { name: g, doc: { _id: x }, fails: /type }
  - { name: h, doc: { _id: x }, fails: /type, skip: later }
";
    let outcome = run(&[SCHEMA, MAP, ("tests/db/t.schema.test.yaml", suite)], &[]).expect("a run");
    assert_eq!((outcome.passed(), outcome.failed(), outcome.skipped()), (3, 4, 1));
    assert_eq!(
        failures(&outcome),
        [
            "b: expected a valid document, but it is not\n+ `/n`: expected an integer, found 1.5",
            "d: expected an invalid document, but it is valid\n- `/n`: fails",
            "e: the document is invalid, but not where it should be\n\
             + `/type`: expected \"t\", found \"u\"",
            "g: the document is invalid, but not where it should be\n- `/type`: fails\n\
             + `/n`: expected the member `n`, found none",
        ]
    );
    let files = [SCHEMA, MAP, ("tests/db/t.schema.test.yaml", suite)];
    assert_eq!(run(&files, &["db/t.schema"]).expect("a run").filtered, 0);
    assert_eq!(run(&files, &["nothing"]).expect("a run").filtered, 8);
}

#[test]
fn mistakes_in_suites_name_their_line() {
    let fails = |suite: &str| {
        run(&[SCHEMA, MAP, ("tests/db/t.schema.test.yaml", suite)], &[]).expect_err("problems")
    };
    for (suite, message) in [
        ("{}", "neither `valid` nor `invalid`"),
        ("valid:\n  - { name: a, doc: {}, fails: /n }", ":2:5: a valid document fails nowhere"),
        ("invalid:\n  - { name: a, doc: {} }", ":2:5: an invalid document needs `fails`"),
        ("invalid:\n  - { name: a, doc: {}, fails: n }", ":2:5: `n` is no JSON Pointer"),
        ("valid:\n  - { name: a, doc: 1 }", ":2:5: `doc` is a document"),
        ("valid:\n  - { name: a, doc: {} }\n  - { name: a, doc: {} }", ":3:5: the case in line 2"),
        ("valid: []\nschemas: x", "unknown field `schemas`"),
        ("schema: u\nvalid:\n  - { name: a, doc: {} }", "`db` has no schema `u`"),
    ] {
        let told = fails(suite);
        assert!(told.contains(message), "{told}");
    }
}

#[test]
fn fixtures_are_as_their_schemas_say() {
    let fixture = (
        "tests/db/fixtures/f.ndjson",
        "{\"_id\":\"a\",\"type\":\"t\",\"n\":1}\n{\"_id\":\"b\",\"type\":\"t\"}\n",
    );
    let suite = "docs: [fixtures/f.ndjson, { _id: c, type: t }]\ntests:\n  - { name: a, view: v, expect: { count: 3 } }\n";
    let outcome =
        run(&[SCHEMA, MAP, fixture, ("tests/db/d.test.yaml", suite)], &[]).expect("a run");
    assert!(outcome.is_failure());
    assert_eq!(outcome.failed(), 0);
    let finding = &outcome.suites[0].findings[0];
    assert_eq!((finding.code, finding.view.as_str()), ("invalid-fixture", ""));
    assert_eq!(
        finding.details,
        ["line 2, document `b`: `/n`: expected the member `n`, found none"]
    );
    // Those that are written in the suite are told, and fail nothing.
    let finding = &outcome.suites[0].findings[1];
    assert_eq!((finding.code, finding.level), ("invalid-document", Level::Warning));
    assert_eq!(
        finding.details,
        ["line 1, document `c`: `/n`: expected the member `n`, found none"]
    );
    let only_files = format!("fixtures: files\n{suite}");
    let files = [SCHEMA, MAP, fixture, ("tests/db/d.test.yaml", only_files.as_str())];
    assert_eq!(run(&files, &[]).expect("a run").suites[0].findings.len(), 1);
    let inline =
        "docs: [{ _id: c, type: t }]\ntests:\n  - { name: a, view: v, expect: { count: 1 } }\n";
    let outcome = run(&[SCHEMA, MAP, ("tests/db/d.test.yaml", inline)], &[]).expect("a run");
    assert!(!outcome.is_failure());
    assert_eq!(outcome.suites[0].findings.len(), 1);
    let unchecked = format!("fixtures: unchecked\n{suite}");
    let files = [SCHEMA, MAP, fixture, ("tests/db/d.test.yaml", unchecked.as_str())];
    assert_eq!(run(&files, &[]).expect("a run").suites[0].findings, []);
    // Without schemas there is nothing to check them by.
    let outcome = run(&[MAP, fixture, ("tests/db/d.test.yaml", suite)], &[]).expect("a run");
    assert!(!outcome.is_failure());
}
