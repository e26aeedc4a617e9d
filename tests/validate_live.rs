//! `couchctl validate` against a server: the sandbox.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use couchctl::json::{Value, parse, parse_str};
use couchctl::project::Connection;
use couchctl::sandbox::{self, Sandbox};
use couchctl::server::{self, Server};

const SCHEMA: &str = r#"{ "required": ["n"], "properties": { "n": { "type": "integer" } } }"#;

/// A sandbox with 1,300 documents, the hundredth, two hundredth, … of which is invalid.
fn filled() -> (Sandbox, tempfile::TempDir) {
    let sandbox = Sandbox::start(sandbox::Options::default()).expect("a sandbox");
    let connection = Connection { url: sandbox.url(), ..Connection::default() };
    let server = Server::new(&connection, server::Options::default()).expect("a client");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let database = server.database("app");
        database.create(false).await.expect("a database");
        let documents = (1..=1300).map(|number| {
            let value = if number % 100 == 0 { "null".to_owned() } else { number.to_string() };
            let text = format!(r#"{{"_id":"{number:05}","type":"t","n":{value}}}"#);
            parse_str(&text).expect("JSON")
        });
        database.bulk_docs(documents.collect()).await.expect("saved");
        let design = parse_str(r#"{"_id":"_design/d","language":"javascript"}"#).expect("JSON");
        database.bulk_docs(vec![design]).await.expect("saved");
    });
    let root = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(root.path().join("schemas/app")).expect("a folder");
    fs::write(root.path().join("schemas/app/t.schema.json"), SCHEMA).expect("a file");
    fs::write(root.path().join("couchctl.toml"), "").expect("a file");
    (sandbox, root)
}

fn run(root: &Path, url: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_couchctl"))
        .args(["validate", "--url", url, "--format", "json"])
        .args(arguments)
        .current_dir(root)
        .output()
        .expect("couchctl runs")
}

fn report(output: &Output) -> Value {
    parse(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

fn counts(told: &Value) -> [u64; 3] {
    ["valid", "invalid", "ignored"].map(|name| told[name].as_u64().unwrap_or(u64::MAX))
}

#[test]
fn all_documents_and_then_what_changed() {
    let (sandbox, root) = filled();
    let output = run(root.path(), &sandbox.url(), &[]);
    assert_eq!(output.status.code(), Some(1));
    let told = report(&output);
    assert_eq!(counts(&told), [1287, 13, 1]);
    assert_eq!(told["documents"][0]["id"], "00100");
    // The sequence that it tells leads to what comes later.
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    let since = message.split('\'').nth(1).expect("a sequence").to_owned();
    let told = report(&run(root.path(), &sandbox.url(), &["--since", &since]));
    assert_eq!(counts(&told), [0, 0, 0]);
    let told = report(&run(root.path(), &sandbox.url(), &["--since", "0"]));
    assert_eq!(counts(&told), [1287, 13, 1]);
}

#[test]
fn a_sample() {
    let (sandbox, root) = filled();
    let told = report(&run(root.path(), &sandbox.url(), &["--sample", "700"]));
    let [valid, invalid, ignored] = counts(&told);
    assert_eq!((valid + invalid, ignored), (700, 0));
    let told = report(&run(root.path(), &sandbox.url(), &["--sample", "5000"]));
    assert_eq!(counts(&told), [1287, 13, 0]);
}

#[test]
fn an_interrupted_run_goes_on() {
    let (sandbox, root) = filled();
    let file = root.path().join("checkpoint.json");
    let checkpoint = format!(
        r#"{{"version":1,"server":"{}","database":"app","position":{{"id":"01000"}},"valid":990,"invalid":10,"ignored":0}}"#,
        sandbox.url()
    );
    fs::write(&file, &checkpoint).expect("a file");
    let resume = ["--resume", "checkpoint.json"];
    let told = report(&run(root.path(), &sandbox.url(), &resume));
    assert_eq!(counts(&told), [1287, 13, 1]);
    assert_eq!(told["documents"][0]["id"], "01100");
    assert!(!file.exists(), "a run that is done leaves nothing to go on with");
    // A server that cannot be asked leaves the file as it is.
    fs::write(&file, &checkpoint).expect("a file");
    let url = sandbox.url();
    drop(sandbox);
    let output = run(root.path(), &url, &[&resume[..], &["--timeout", "1"]].concat());
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(fs::read_to_string(&file).expect("the file"), checkpoint);
    // One of another server is refused.
    let output = run(root.path(), "http://127.0.0.1:9", &resume);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is about `app` on"));
}

/// Killed again and again, at whatever moment, the runs count every document once in the end.
#[test]
fn a_killed_run_goes_on() {
    let (sandbox, root) = filled();
    let file = root.path().join("checkpoint.json");
    let arguments = ["validate", "--url", &sandbox.url(), "--format", "json", "--jobs", "1"];
    let mut killed = 0;
    let mut reached = String::new();
    let told = loop {
        let mut child = Command::new(env!("CARGO_BIN_EXE_couchctl"))
            .args(arguments)
            .args(["--resume", "checkpoint.json", "--page", "20"])
            .current_dir(root.path())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("couchctl runs");
        // As soon as it is further than the run before.
        while child.try_wait().expect("a status").is_none() {
            let now = fs::read_to_string(&file).unwrap_or_default();
            if killed < 5 && !now.is_empty() && now != reached {
                reached = now;
                child.kill().expect("killed");
            }
        }
        let output = child.wait_with_output().expect("an end");
        if output.status.code().is_some() {
            assert_eq!(output.status.code(), Some(1));
            break report(&output);
        }
        killed += 1;
        // What was noted last before the end counts.
        reached = fs::read_to_string(&file).expect("a checkpoint");
    };
    assert_eq!(killed, 5);
    assert_eq!(counts(&told), [1287, 13, 1]);
    // The documents before the last kill are counted, and not shown again.
    let last: Value = parse_str(&reached).expect("JSON");
    let before = last["invalid"].as_u64().expect("a number");
    let shown = told["documents"].as_array().expect("documents").len() as u64;
    assert_eq!(shown + before, 13);
    assert!(!file.exists());
}

#[test]
fn a_database_that_there_is_not() {
    let (sandbox, root) = filled();
    fs::rename(root.path().join("schemas/app"), root.path().join("schemas/gone")).expect("renamed");
    let output = run(root.path(), &sandbox.url(), &[]);
    assert_eq!(output.status.code(), Some(3));
}
