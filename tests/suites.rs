//! Suites run over projects on disk, by the program as its users run it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn write(root: &Path, file: &str, text: &str) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
    fs::write(path, text).expect("a file");
}

fn couchctl(root: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_couchctl"))
        .args(arguments)
        .current_dir(root)
        .env_remove("CI")
        .output()
        .expect("couchctl runs")
}

#[track_caller]
fn outcome(output: &Output, code: i32) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}");
    text
}

/// A project whose design document has a function of every kind.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    for (file, text) in [
        ("by_type/map.js", "function (doc) { log('saw ' + doc._id); emit(doc.type, doc.n); }"),
        ("by_type/reduce", "_sum"),
        ("filters/of_type.js", "function (doc, req) { return doc.type === req.query.type; }"),
        (
            "updates/touch.js",
            "function (doc, req) { log('touched'); if (!doc) { return [null, {code: 404, body: 'no ' + req.id}]; } \
             doc.n = doc.n + 1; doc.by = req.userCtx.name; \
             return [doc, {headers: {'X-Touched': 'yes'}, json: {n: doc.n}}]; }",
        ),
        ("updates/unnamed.js", "function (doc, req) { return [{n: 1}, 'saved']; }"),
        (
            "shows/page.js",
            "function (doc, req) { provides('html', function () { return '<b>' + doc.n + '</b>'; }); \
             provides('json', function () { return JSON.stringify({n: doc.n}); }); }",
        ),
        (
            "lists/lines.js",
            "function (head, req) { start({headers: {'Content-Type': 'text/csv'}}); var row; \
             while (row = getRow()) { send(row.key + ',' + row.value + '\\n'); } return head.total_rows + ' rows'; }",
        ),
        (
            "indexes/names.json",
            "{\"index\": \"function (doc) { index('name', doc._id, {store: true}); }\"}",
        ),
        (
            "nouveau/numbers.json",
            "{\"index\": \"function (doc) { index('double', 'n', doc.n, {store: true}); }\"}",
        ),
        (
            "validate_doc_update.js",
            "function (newDoc, oldDoc, userCtx, secObj) { if (!newDoc.type) { throw({forbidden: 'type is missing'}); } \
             if (userCtx.roles.indexOf('writer') < 0) { throw({unauthorized: 'writers only'}); } }",
        ),
    ] {
        write(root, &format!("views/shop/app/{file}"), text);
    }
    folder
}

const DOCS: &str = "docs:\n  - { _id: a, type: x, n: 1 }\n  - { _id: b, type: y, n: 2 }\n  - { _id: c, type: x, n: 3 }\n";

#[test]
fn functions_of_every_kind() {
    let folder = project();
    let cases = "
tests:
  - name: view
    view: by_type
    query: { group: true }
    expect: { rows: [{ key: x, value: 4 }, { key: y, value: 2 }], exact: true, log: [saw a, '/^saw c$/'] }
  - name: filter
    filter: of_type
    query: { type: x }
    expect: { passes: [c, a], count: 2 }
  - name: update
    update: touch
    doc: a
    request: { userCtx: { name: ann, roles: [] } }
    expect: { doc: { n: 2, by: ann }, body: { n: 2 }, status: 201, headers: { X-Touched: 'yes' }, log: [touched] }
  - name: update of nothing
    update: touch
    doc: z
    expect: { doc: null, status: 404, body: /^no z$/ }
  - name: update without an id
    update: unnamed
    expect: { status: 400, error: illegal_docid }
  - name: show
    show: page
    doc: b
    request: { headers: { Accept: text/html } }
    expect: { body: <b>2</b>, headers: { content-type: text/html; charset=utf-8 } }
  - name: show as JSON
    show: page
    doc: b
    query: { format: json }
    expect: { body: { n: 2 } }
  - name: show of what nobody accepts
    show: page
    doc: b
    request: { headers: { Accept: image/png } }
    expect: { status: 406, error: not_acceptable }
  - name: list
    list: lines
    view: by_type
    query: { reduce: false, limit: 2 }
    expect: { body: \"x,1\\nx,3\\n3 rows\", exact: true, headers: { Content-Type: text/csv } }
  - name: list over a refused query
    list: lines
    view: by_type
    query: { limit: -1 }
    expect: { status: 400, error: query_parse_error, reason: positive integer }
  - name: Clouseau
    search: names
    expect: { fields: [{ id: a, name: name, value: a }, {}, { store: true }], count: 3 }
  - name: Nouveau
    search: numbers
    expect: { fields: [{ id: a, type: double, name: n, value: 1 }, {}, {}] }
  - name: a write without a type
    validate: { new: { _id: d }, user: { name: ann, roles: [writer] } }
    expect: { forbidden: '/type .* missing/' }
  - name: a write of a reader
    validate: { new: { _id: d, type: x } }
    expect: { unauthorized: writers }
  - name: a write
    validate: { new: { _id: d, type: x }, user: { roles: [writer] } }
    expect: { ok: true }
";
    write(folder.path(), "tests/shop/app.test.yaml", &(DOCS.to_owned() + cases));
    let text = outcome(&couchctl(folder.path(), &["test", "--verbose"]), 0);
    assert!(text.contains("15 passed"), "{text}");
}

#[test]
fn failures_of_functions_say_what_differs() {
    let folder = project();
    let cases = "
tests:
  - { name: doc, update: touch, doc: a, expect: { doc: { n: 7 } } }
  - { name: exact, view: by_type, query: { reduce: false, limit: 1 }, expect: { rows: [{ key: x }], exact: true } }
  - { name: body, show: page, doc: b, expect: { body: <i> } }
  - { name: header, update: touch, doc: a, expect: { headers: { X-Other: a } } }
  - { name: log, update: touch, doc: a, expect: { status: 201, log: [nothing] } }
  - { name: fields, search: names, expect: { count: 9 } }
";
    write(folder.path(), "tests/shop/app.test.yaml", &(DOCS.to_owned() + cases));
    let text = outcome(&couchctl(folder.path(), &["test"]), 1);
    for line in [
        "the document differs",
        "-   \"n\": 7",
        "+   \"n\": 2",
        "+ {\"id\":\"a\",\"key\":\"x\",\"value\":1}",
        "the body differs",
        "there is no header X-Other",
        "nothing was logged that has `nothing`",
        "expected 9 fields, got 3",
        "0 passed, 6 failed",
    ] {
        assert!(text.contains(line), "`{line}` is missing in\n{text}");
    }
}

#[test]
fn snapshots_hold_answers_of_every_kind() {
    let folder = project();
    let cases = "
tests:
  - { name: view, view: by_type, expect: { snapshot: true } }
  - { name: show, show: page, doc: b, expect: { snapshot: true } }
  - { name: refused, validate: { new: { _id: d } }, expect: { snapshot: true } }
  - { name: refused query, view: by_type, query: { limit: -1 }, expect: { snapshot: true } }
";
    let suite = DOCS.to_owned() + cases;
    write(folder.path(), "tests/shop/app.test.yaml", &suite);
    let text = outcome(&couchctl(folder.path(), &["test"]), 1);
    assert!(text.contains("there is no snapshot yet"), "{text}");
    outcome(&couchctl(folder.path(), &["test", "--update"]), 0);
    outcome(&couchctl(folder.path(), &["test"]), 0);
    let recorded = fs::read_to_string(folder.path().join("tests/shop/app.snapshots.json"));
    let recorded = recorded.expect("snapshots");
    for part in ["\"value\": 6", "<b>2</b>", "type is missing", "query_parse_error"] {
        assert!(recorded.contains(part), "{part} is missing in {recorded}");
    }
    write(folder.path(), "tests/shop/app.test.yaml", &suite.replace("n: 2", "n: 5"));
    let text = outcome(&couchctl(folder.path(), &["test"]), 1);
    assert!(text.contains("the snapshot differs"), "{text}");
}

#[test]
fn mistakes_in_suites_are_told_together_with_their_lines() {
    let folder = project();
    let cases = "
tests:
  - { name: a, view: by_tipe, expect: { count: 1 } }
  - { name: b, update: tuch, expect: { status: 200 } }
  - { name: c, search: nams, expect: { count: 1 } }
  - { name: d, list: lines, view: nothing_like_it, expect: { status: 200 } }
";
    write(folder.path(), "tests/shop/app.test.yaml", &(DOCS.to_owned() + cases));
    write(
        folder.path(),
        "tests/shop/other.test.yaml",
        "design: app\ndocs: [none.json]\ntests: []\n",
    );
    let text = outcome(&couchctl(folder.path(), &["test"]), 2);
    for line in [
        "tests/shop/app.test.yaml:7: design document `app` has no view `by_tipe`",
        "hint: did you mean `by_type`?",
        "tests/shop/app.test.yaml:8: design document `app` has no update function `tuch`",
        "tests/shop/app.test.yaml:9: design document `app` has no search index `nams`",
        "tests/shop/app.test.yaml:10: design document `app` has no view `nothing_like_it`",
        "tests/shop/other.test.yaml:2:8: the fixture `none.json` does not exist",
        "tests/shop/other.test.yaml:3:8: the suite has no tests",
    ] {
        assert!(text.contains(line), "`{line}` is missing in\n{text}");
    }
}

#[test]
fn documents_that_couchdb_would_refuse_are_errors_of_the_suite() {
    for (docs, expected) in [
        ("docs: [{ _id: _x, n: 1 }]", "app.test.yaml:1: CouchDB would refuse the document"),
        ("docs: [broken.json]", "broken.json:2:"),
    ] {
        let folder = project();
        write(folder.path(), "tests/shop/broken.json", "{\"_id\": \"a\",\n \"n\": }");
        let suite =
            format!("{docs}\ntests: [{{ name: a, view: by_type, expect: {{ count: 1 }} }}]\n");
        write(folder.path(), "tests/shop/app.test.yaml", &suite);
        let text = outcome(&couchctl(folder.path(), &["test"]), 2);
        assert!(text.contains(expected), "`{expected}` is missing in\n{text}");
    }
}
