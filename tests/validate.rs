//! `couchctl validate`, run as a program over files of every form.

use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use couchctl::json::{Value, parse};

const SCHEMA: &str = r#"{ "$schema": "https://json-schema.org/draft/2020-12/schema",
  "required": ["n"], "properties": { "type": true, "n": { "type": "integer" } },
  "additionalProperties": false }"#;

fn project() -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    write(root.path(), "couchctl.toml", b"");
    write(root.path(), "schemas/app/t.schema.json", SCHEMA.as_bytes());
    root
}

fn write(root: &Path, path: &str, content: &[u8]) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, content).expect("a file");
}

fn run(root: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_couchctl"))
        .arg("validate")
        .args(arguments)
        .current_dir(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("couchctl runs");
    // A command that refuses its arguments does not read.
    let _ = child.stdin.take().expect("a pipe").write_all(input);
    child.wait_with_output().expect("it ends")
}

fn report(root: &Path, arguments: &[&str], input: &[u8]) -> Value {
    let output = run(root, &[arguments, &["--format", "json"]].concat(), input);
    parse(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).expect("memory");
    encoder.finish().expect("memory")
}

fn zstd(content: &[u8]) -> Vec<u8> {
    let level = ruzstd::encoding::CompressionLevel::Fastest;
    ruzstd::encoding::compress_to_vec(content, level)
}

#[test]
fn documents_of_every_form() {
    let root = project();
    let (good, bad) = (r#"{"_id":"a","type":"t","n":1}"#, r#"{"_id":"b","type":"t","n":"x"}"#);
    let forms = [
        format!("{good}\n{bad}\n"),
        format!("[{good},\n{bad}]"),
        format!(
            r#"{{"total_rows":2,"offset":0,"rows":[{{"id":"a","key":"a","value":{{}},"doc":{good}}},
{{"id":"b","key":"b","value":{{}},"doc":{bad}}}]}}"#
        ),
        format!("{{\"docs\":[{good},\n{bad}]}}"),
        format!("[{good}]\n[{bad}]\n"),
    ];
    for form in &forms {
        let form = form.as_bytes();
        let two = [gzip(b""), gzip(form)].concat();
        for content in [form.to_vec(), gzip(form), two, zstd(form)] {
            let told = report(root.path(), &["-"], &content);
            assert_eq!(told["valid"], 1, "{told}");
            assert_eq!(told["invalid"], 1, "{told}");
            let document = &told["documents"][0];
            assert_eq!(document["id"], "b");
            assert_eq!(document["line"], 2, "{}", String::from_utf8_lossy(form));
            assert_eq!(document["violations"][0]["pointer"], "/n");
            assert_eq!(document["violations"][0]["message"], "expected an integer, found \"x\"");
        }
    }
}

#[test]
fn frames_of_zstd_follow_each_other() {
    let root = project();
    let line = b"{\"_id\":\"a\",\"type\":\"t\",\"n\":1}\n";
    let skipped = [0x50, 0x2A, 0x4D, 0x18, 2, 0, 0, 0, 1, 2];
    let content = [&zstd(&line[..9]), &skipped[..], &zstd(&line[9..]), &zstd(line)].concat();
    let told = report(root.path(), &["-"], &content);
    assert_eq!(told["valid"], 2, "{told}");
    let broken = run(root.path(), &["-"], &content[..content.len() - 4]);
    assert_eq!(broken.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&broken.stderr).contains("cannot be read"));
}

#[test]
fn order_and_lines_of_many_documents() {
    let root = project();
    let mut lines = String::new();
    for number in 1..=5000 {
        let value = if number % 7 == 0 { "null".to_owned() } else { number.to_string() };
        writeln!(lines, "{{\"_id\":\"{number}\",\"type\":\"t\",\"n\":{value}}}").expect("memory");
    }
    write(root.path(), "data/many.ndjson", lines.as_bytes());
    for jobs in ["1", "4"] {
        let told = report(root.path(), &["data/*.ndjson", "--jobs", jobs, "--limit", "1000"], b"");
        assert_eq!((&told["valid"], &told["invalid"]), (&4286.into(), &714.into()));
        let documents = told["documents"].as_array().expect("documents");
        let numbers: Vec<u64> =
            documents.iter().filter_map(|document| document["line"].as_u64()).collect();
        assert_eq!(numbers, (1..=714).map(|number| 7 * number).collect::<Vec<_>>());
        let causes = told["causes"].as_array().expect("causes");
        assert_eq!(causes.len(), 1);
        assert_eq!(causes[0]["documents"], 714);
        assert_eq!(causes[0]["example"]["line"], 7);
    }
    let told = report(root.path(), &["data/many.ndjson", "--limit", "3"], b"");
    assert_eq!(told["documents"].as_array().map(Vec::len), Some(3));
    assert_eq!(told["omitted"], 711);
}

#[test]
fn lines_of_members_and_of_broken_documents() {
    let root = project();
    let content = b"{\"_id\":\"a\",\n \"type\":\"t\",\n \"n\":\n 1.5, \"x\": 1}\n{\"_id\":\"b\",\n\"n\":1e999}\n";
    let told = report(root.path(), &["-"], content);
    let documents = told["documents"].as_array().expect("documents");
    let lines: Vec<(u64, &str)> = documents
        .iter()
        .flat_map(|document| document["violations"].as_array().expect("violations"))
        .map(|found| (found["line"].as_u64().unwrap_or(0), found["keyword"].as_str().unwrap_or("")))
        .collect();
    assert_eq!(lines, [(3, "type"), (4, "additionalProperties"), (6, "json")]);
}

#[test]
fn exit_codes() {
    let root = project();
    let good = b"{\"_id\":\"a\",\"type\":\"t\",\"n\":1}";
    assert_eq!(run(root.path(), &["-"], good).status.code(), Some(0));
    assert_eq!(run(root.path(), &["-"], b"{\"_id\":\"a\"}").status.code(), Some(1));
    for (arguments, input, message) in [
        (&["-"][..], &b"{\"_id\":"[..], "ends in the middle"),
        (&["gone.json"], b"", "gone.json:1: cannot be read"),
        (&["gone/*.json"], b"", "no file matches"),
        (&["--type", "tt", "-"], b"", "did you mean `t`?"),
        (&["--database", "ap", "-"], b"", "did you mean `app`?"),
    ] {
        let output = run(root.path(), arguments, input);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains(message), "{told}");
    }
}

#[test]
fn reports_for_programs() {
    let root = project();
    let input = b"{\"_id\":\"evil\\u001b[2J\\n::error::x\",\"type\":\"t\",\"n\":[]}\n";
    let tell = |format: &str| {
        let output = run(root.path(), &["--format", format, "-"], input);
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let sarif = parse(tell("sarif").as_bytes()).expect("JSON");
    assert_eq!(sarif["version"], "2.1.0");
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "t/type");
    assert_eq!(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "stdin");
    let junit = tell("junit");
    assert!(junit.contains("failures=\"1\"") && junit.contains("classname=\"app/t\""), "{junit}");
    let github = tell("github");
    assert!(github.starts_with("::error file=stdin,line=1,title=evil"), "{github}");
    assert_eq!(github.matches("\n::error").count(), 0, "{github}");
    let human = tell("human");
    assert!(!human.contains('\u{1b}') && human.contains("evil\\u{1b}[2J"), "{human}");
}

#[test]
fn documents_checked_as_one_type() {
    let root = project();
    let told =
        report(root.path(), &["--type", "t", "-"], b"{\"_id\":\"a\",\"n\":1}\n{\"n\":\"1\"}");
    assert_eq!((&told["valid"], &told["invalid"]), (&1.into(), &1.into()));
}
