//! `conformance/query_server.json`: the line protocol of couchjs, answered in both profiles.

mod support;

use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use couchctl::engine::Profile;
use couchctl::json::Value;
use couchctl::query_server::serve;
use support::conformance;

/// Lines whose answer is known to differ: case, line of the case, profile (`None`: both), reason.
const KNOWN: &[(&str, usize, Option<Profile>, &str)] = &[];

/// An output that can be looked at when the server is gone.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panics with it").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a conversation must look like: lines to send, and for each what comes back.
struct Conversation {
    name: String,
    lines: Vec<(String, Vec<String>)>,
    /// Exit status and first line on standard error, where the process ends.
    ends: Option<(u8, Option<String>)>,
}

fn conversation(case: &Value, profile: Profile) -> Conversation {
    let lines = match (profile, case.get("quickjs")) {
        (Profile::QuickJs, Some(lines)) => lines,
        _ => &case["lines"],
    };
    let lines = lines.as_array().expect("lines");
    let texts = |value: &Value| {
        let texts = value.as_array().expect("a list").iter();
        texts.map(|text| text.as_str().expect("a text").to_owned()).collect()
    };
    let ends = lines.iter().find_map(|line| line.get("ends")).map(|ends| {
        let status = ends["exit"].as_i64().expect("a status");
        // A process that a signal ends has 128 and the signal's number as status for its parent.
        let status = if status < 0 { 128 - status } else { status };
        let message = ends.get("stderr").and_then(Value::as_str).map(str::to_owned);
        (u8::try_from(status).expect("a status"), message)
    });
    Conversation {
        name: case["name"].as_str().expect("name").to_owned(),
        lines: lines
            .iter()
            .map(|line| (line["in"].as_str().expect("in").to_owned(), texts(&line["out"])))
            .collect(),
        ends,
    }
}

/// Stack traces are the engine's own, and long texts are recorded by their beginning and length.
fn matches(recorded: &str, got: &str) -> bool {
    if let Some((start, rest)) = recorded.split_once('…') {
        let length = rest.trim_start_matches('(').split(' ').next().and_then(|n| n.parse().ok());
        return got.starts_with(start) && Some(got.chars().count()) == length;
    }
    match recorded.split_once("<js stack>") {
        None => recorded == got,
        Some((start, end)) => {
            got.starts_with(start) && got.ends_with(end) && got.len() > start.len() + end.len()
        }
    }
}

fn check(conversation: &Conversation, profile: Profile, failures: &mut Vec<String>) -> usize {
    let lines: Vec<&str> = conversation.lines.iter().map(|(line, _)| line.as_str()).collect();
    let input = lines.join("\n") + "\n";
    let output = Output::default();
    let ending = serve(profile, io::Cursor::new(expand(&input)), output.clone());
    let bytes = output.0.lock().expect("nobody panics with it").clone();
    let text = String::from_utf8(bytes).expect("UTF-8");
    let mut got = text.lines();
    let name = &conversation.name;
    for (number, (line, out)) in conversation.lines.iter().enumerate() {
        let mut wrong = Vec::new();
        for recorded in out {
            let got = got.next().unwrap_or("nothing");
            if !matches(recorded, got) {
                wrong.push(format!("expected {recorded}\n      got      {got}"));
            }
        }
        let known = KNOWN.iter().any(|(case, at, on, _)| {
            case == name && *at == number && on.is_none_or(|on| on == profile)
        });
        match (wrong.is_empty(), known) {
            (false, false) => failures.push(format!(
                "{name} ({profile:?}) line {number}: {}\n      {}",
                line.chars().take(200).collect::<String>(),
                wrong.join("\n      ")
            )),
            (true, true) => failures
                .push(format!("{name} ({profile:?}) line {number}: known, but does not differ")),
            _ => {}
        }
    }
    if let Some(more) = got.next() {
        failures.push(format!("{name} ({profile:?}): one answer too many: {more}"));
    }
    let (status, message) = conversation.ends.clone().unwrap_or((0, None));
    let crashed = status > 128 && status != 255;
    let same_message = crashed || ending.message == message;
    if ending.status != status || !same_message {
        failures
            .push(format!("{name} ({profile:?}): ends with {ending:?}, not {status} {message:?}"));
    }
    conversation.lines.len()
}

/// A long line is recorded by its beginning; the rest of it is `z`.
fn expand(input: &str) -> String {
    let mut out = String::new();
    for line in input.lines() {
        match line.split_once('…') {
            Some((start, rest)) => {
                let length: usize = rest
                    .trim_start_matches('(')
                    .split(' ')
                    .next()
                    .and_then(|length| length.parse().ok())
                    .expect("a length");
                let end = "\"]]]";
                out.push_str(start);
                out.push_str(&"z".repeat(length - start.chars().count() - end.len()));
                out.push_str(end);
            }
            None => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

#[test]
fn lines_are_answered_as_couchjs_does() {
    let recorded = conformance("query_server.json");
    let mut failures = Vec::new();
    let mut lines = 0;
    for case in recorded.as_array().expect("cases") {
        for profile in [Profile::SpiderMonkey, Profile::QuickJs] {
            lines += check(&conversation(case, profile), profile, &mut failures);
        }
    }
    assert!(lines > 0, "no line was sent");
    assert!(KNOWN.len() * 50 <= lines, "more than 2 % known differences");
    assert!(failures.is_empty(), "{} of {lines}:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn the_program_answers_line_by_line_and_ends_as_couchjs_does() {
    for (profile, status) in [("spidermonkey", 255), ("quickjs", 0)] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_couchctl"))
            .args(["query-server", "--profile", profile])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut input = child.stdin.take().expect("standard input");
        let mut output = io::BufReader::new(child.stdout.take().expect("standard output"));
        let mut ask = |line: &str| {
            writeln!(input, "{line}").expect("the program reads");
            let mut answer = String::new();
            io::BufRead::read_line(&mut output, &mut answer).expect("the program answers");
            answer
        };
        // Each answer comes before the next line is sent.
        assert_eq!(ask(r#"["reset"]"#), "true\n");
        assert_eq!(ask(r#"["add_fun","function (doc) { emit(doc.n, null); }"]"#), "true\n");
        assert_eq!(ask(r#"["map_doc",{"_id":"a","n":1.0}]"#), "[[[1,null]]]\n");
        let unknown = ask(r#"["ddoc","_design/d",["shows","x"],[null,{}]]"#);
        assert_eq!(
            unknown,
            "[\"error\",\"query_protocol_error\",\"uncached design doc: _design/d\"]\n"
        );
        assert_eq!(child.wait().expect("it ends").code(), Some(status));
    }
}

#[test]
fn what_stands_at_the_top_of_a_function_stays_there() {
    let lines = [
        r#"["reset"]"#,
        r#"["add_fun","const a = 1; (function (doc) { emit(a); })"]"#,
        r#"["add_fun","const a = 2; class B {} (function (doc) { emit(a, typeof B); })"]"#,
        r#"["add_fun","let a = 3; (function (doc) { emit(a++); })"]"#,
        r#"["map_doc",{}]"#,
        r#"["map_doc",{}]"#,
    ];
    for profile in [Profile::SpiderMonkey, Profile::QuickJs] {
        let output = Output::default();
        serve(profile, io::Cursor::new(lines.join("\n") + "\n"), output.clone());
        let bytes = output.0.lock().expect("nobody panics with it").clone();
        let text = String::from_utf8(bytes).expect("UTF-8");
        let answers: Vec<&str> = text.lines().skip(4).collect();
        assert_eq!(
            answers,
            [
                r#"[[[1,null]],[[2,"function"]],[[3,null]]]"#,
                r#"[[[1,null]],[[2,"function"]],[[4,null]]]"#
            ]
        );
    }
}
