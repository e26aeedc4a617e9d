//! `couchctl diff --against`: which documents of a server changed schemas make invalid.

use std::fs;
use std::path::Path;
use std::process::Command;

use couchctl::json::{Value, parse_str};
use couchctl::project::Connection;
use couchctl::sandbox::{self, Sandbox};
use couchctl::server::{self, Server};

const BEFORE: &str = r#"{
  "required": ["total"],
  "properties": {
    "total": { "type": "number" },
    "status": { "enum": ["open", "paid", "lost"] },
    "lines": { "items": { "type": "object" } }
  }
}
"#;

const AFTER: &str = r#"{
  "required": ["total", "customer"],
  "properties": {
    "total": { "type": "number" },
    "status": { "enum": ["open", "paid"] },
    "lines": { "items": { "type": "object", "required": ["sku"] } }
  }
}
"#;

/// Ten orders: two without a customer, three that are lost, one of which has no customer either, one with
/// a line without `sku`, and one that has always been invalid.
fn documents() -> Vec<Value> {
    let order = |number: usize| {
        let total = if number == 9 { "\"much\"" } else { "1" };
        let customer = if matches!(number, 1 | 2) { "" } else { r#","customer":"ann""# };
        let status = if matches!(number, 2..=4) { "lost" } else { "paid" };
        let sku = if number == 6 { "" } else { r#""sku":"a""# };
        let text = format!(
            r#"{{"_id":"order:{number}","type":"order","total":{total},"status":"{status}","lines":[{{"sku":"b"}},{{{sku}}}]{customer}}}"#
        );
        parse_str(&text).expect("JSON")
    };
    (0..10).map(order).collect()
}

fn git(root: &Path, arguments: &[&str]) {
    let identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"];
    let status =
        Command::new("git").args(identity).args(arguments).current_dir(root).status().expect("git");
    assert!(status.success(), "{arguments:?}");
}

fn project(databases: &[&str]) -> (Sandbox, tempfile::TempDir) {
    let sandbox = Sandbox::start(sandbox::Options::default()).expect("a sandbox");
    let connection = Connection { url: sandbox.url(), ..Connection::default() };
    let server = Server::new(&connection, server::Options::default()).expect("a client");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        for name in databases {
            let database = server.database(name);
            database.create(false).await.expect("a database");
            database.bulk_docs(documents()).await.expect("saved");
        }
    });
    let root = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(root.path().join("schemas/shop")).expect("a folder");
    fs::write(root.path().join("couchctl.toml"), "[databases.shop]\nmatch = \"shop*\"\n")
        .expect("a file");
    fs::write(root.path().join("schemas/shop/order.schema.json"), BEFORE).expect("a file");
    git(root.path(), &["init", "-q"]);
    git(root.path(), &["add", "."]);
    git(root.path(), &["commit", "-qm", "before"]);
    (sandbox, root)
}

#[track_caller]
fn diff(root: &Path, url: &str, arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_couchctl"))
        .args(["diff", "--url", url, "--exit-code", "--against", "HEAD"])
        .args(arguments)
        .current_dir(root)
        .output()
        .expect("couchctl runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(error, "");
    (output.status.code().expect("a code"), String::from_utf8(output.stdout).expect("UTF-8"))
}

#[test]
fn documents_that_become_invalid_are_counted() {
    let (sandbox, root) = project(&["shop"]);
    let (code, out) = diff(root.path(), &sandbox.url(), &[]);
    assert_eq!(code, 0, "{out}");
    assert!(out.ends_with("\nschemas: as at `HEAD`\n"), "{out}");
    fs::write(root.path().join("schemas/shop/order.schema.json"), AFTER).expect("a file");
    let (code, out) = diff(root.path(), &sandbox.url(), &[]);
    assert_eq!(code, 1, "{out}");
    let expected = "\
shop: schemas changed since `HEAD`
  schemas/shop/order.schema.json:2: `/customer`: is required now: 2 documents
  schemas/shop/order.schema.json:5: `/status`: \"lost\" is not allowed any more: 3 documents
  schemas/shop/order.schema.json:6: `/lines/*/sku`: is required now: 1 document
  5 of 10 documents become invalid, such as `order:1`, `order:2`, `order:3`
";
    assert!(out.ends_with(expected), "{out}");
    let (_, json) = diff(root.path(), &sandbox.url(), &["--format", "json"]);
    let report = parse_str(&json).expect("JSON");
    let told = &report["schemas"][0];
    assert_eq!(told["documents"], 10);
    assert_eq!(told["invalid"], 5);
    assert_eq!(told["sampled"], false);
    assert_eq!(told["changes"][1]["pointer"], "/status");
    assert_eq!(told["changes"][1]["documents"], 3);
    let (_, markdown) = diff(root.path(), &sandbox.url(), &["--format", "markdown"]);
    let line = "| `order` | `/status`: \"lost\" is not allowed any more | 3 |";
    assert!(markdown.contains(line), "{markdown}");
    assert!(markdown.contains("⚠ 5 of 10 documents become invalid"), "{markdown}");
}

#[test]
fn a_sample_of_many_databases() {
    let (sandbox, root) = project(&["shop-a", "shop-b"]);
    fs::write(root.path().join("schemas/shop/order.schema.json"), AFTER).expect("a file");
    let (_, out) = diff(root.path(), &sandbox.url(), &["--sample", "10"]);
    let expected = "10 of 20 documents become invalid (a sample) in 2 databases, such as `order:1`";
    assert!(out.contains(expected), "{out}");
}

#[test]
fn the_first_schemas_of_a_database() {
    let (sandbox, root) = project(&["shop"]);
    git(root.path(), &["rm", "-q", "--cached", "-r", "schemas"]);
    git(root.path(), &["commit", "-qm", "no schemas"]);
    let (code, out) = diff(root.path(), &sandbox.url(), &[]);
    assert_eq!(code, 1, "{out}");
    let expected = "\
  schemas/shop/order.schema.json:1: the type has a schema of its own now: 1 document
  1 of 10 documents becomes invalid, such as `order:9`
";
    assert!(out.ends_with(expected), "{out}");
}

#[test]
fn a_database_that_is_not_there() {
    let (sandbox, root) = project(&[]);
    fs::write(root.path().join("couchctl.toml"), "").expect("a file");
    fs::write(root.path().join("schemas/shop/order.schema.json"), AFTER).expect("a file");
    let (_, out) = diff(root.path(), &sandbox.url(), &[]);
    assert!(out.ends_with("\n  the server does not have the database\n"), "{out}");
}
