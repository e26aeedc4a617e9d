//! The program itself: exit codes, and text of others on the terminal.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn project(map: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let view = folder.path().join("views/app/d/v");
    std::fs::create_dir_all(&view).expect("folders");
    std::fs::write(view.join("map.js"), map).expect("a file");
    folder
}

fn couchctl(folder: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_couchctl"))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("couchctl starts");
    // It may end before it has read everything.
    let _ = child.stdin.take().expect("its input").write_all(input);
    child.wait_with_output().expect("couchctl ends")
}

#[test]
fn text_of_documents_is_escaped_on_the_terminal() {
    let folder = project("function (doc) { emit(doc.k, doc.k); log(doc.k); throw doc.k; }");
    let quiet = project("function (doc) { emit(doc.k, doc._id); }");
    let document =
        br#"{"_id":"\u001b[2Ja\r\nb\u202e","_rev":"1-a","k":"\u001b]0;x\u0007\u009b31m"}"#;
    for folder in [&folder, &quiet] {
        let output = couchctl(folder.path(), &["query", "d/v"], document);
        let shown = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(shown).expect("UTF-8");
        let harmful = |character: char| {
            character != '\n' && (character.is_control() || character == '\u{202e}')
        };
        assert!(!text.contains(harmful), "{text:?}");
        assert_eq!(output.status.code(), Some(0), "{text}");
    }
}

#[test]
fn hostile_functions_are_findings_not_crashes() {
    for (map, said) in [
        ("function (doc) { var a = []; for (;;) a.push(new Array(1000000).fill(1)); }", "exit_status,1"),
        ("function (doc) { (function again() { again(); })(); }", "exit_status,139"),
        (
            "function (doc) { var p = {}; p = new Proxy(p, {}); Object.setPrototypeOf(p, p); p.a; }",
            "exit_status,139",
        ),
        ("function (doc) { throw ['fatal', 'a', 'b']; }", ""),
    ] {
        let folder = project(map);
        let output = couchctl(folder.path(), &["query", "d/v"], br#"{"_id":"a","_rev":"1-a"}"#);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{map}: {text}");
        assert!(text.contains(said), "{map}: {text}");
    }
}

#[test]
fn broken_input_is_a_usage_error() {
    let folder = project("function (doc) { emit(doc._id); }");
    for input in [
        &b"{\"_id\":\"a\""[..],
        b"\xff\xfe",
        b"{\"_id\":\"\xff\"}",
        b"{\"_id\":\"a\0\"}",
        b"{\"_id\":\"a\",\"_rev\":\"1-a\",\"n\":01}",
        b"{\"_id\":\"a\",\"_rev\":\"1-a\",\"s\":\"\\x\"}",
        b"{\"_id\":1}",
    ] {
        let output = couchctl(folder.path(), &["query", "d/v"], input);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{}: {text}", input.escape_ascii());
        assert!(text.contains("stdin:1"), "{}: {text}", input.escape_ascii());
    }
}

/// What the program held at most, in MB, as Linux tells while it runs.
#[cfg(target_os = "linux")]
fn peak(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kilobytes| kilobytes >> 10)
}

/// Memory is bounded by the rows, of which there are none, not by the file.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "takes minutes: cargo test --release --test hostile -- --ignored"]
fn ten_million_documents_stream_through_a_query() {
    let folder = project("function (doc) { if (doc.type === 'none') { emit(doc._id, null); } }");
    let mut child = Command::new(env!("CARGO_BIN_EXE_couchctl"))
        .args(["query", "d/v", "--format", "json"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("couchctl starts");
    let mut input = std::io::BufWriter::new(child.stdin.take().expect("its input"));
    let mut most = 0;
    for n in 0..10_000_000 {
        writeln!(input, r#"{{"_id":"{n}","_rev":"1-967a00dff5e02add41819138abb3284d","type":"task","s":"text"}}"#)
            .expect("it reads on");
        if n % 1_000_000 == 0 {
            most = most.max(peak(child.id()).unwrap_or_default());
        }
    }
    most = most.max(peak(child.id()).unwrap_or_default());
    drop(input);
    let output = child.wait_with_output().expect("couchctl ends");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "{\"total_rows\":0,\"offset\":0,\"rows\":[\r\n\r\n]}\n"
    );
    assert!(most < 1500, "it held {most} MB");
}
