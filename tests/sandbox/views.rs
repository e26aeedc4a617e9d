//! `views.json` over HTTP, with the requests that never reach a view.

use std::fmt::Write;

use couchctl::json::{self, Value};
use couchctl::sandbox::Options;

use crate::replay::Replay;
use crate::support::conformance;

/// Cases of `views.json` whose views are known to differ; the reasons are in `tests/views.rs`.
const KNOWN_VIEWS: [&str; 6] = [
    "emit-numbers-tiny",
    "doc-numbers",
    "sandbox-this-write",
    "sandbox-globals",
    "locale-functions",
    "language-coffeescript",
];

#[test]
fn views_answer_as_the_server_does() {
    let recorded = conformance("views.json");
    let replay = Replay::new(&Options::default(), &[]);
    let mut failures = Vec::new();
    let mut asked = 0;
    for (number, case) in recorded.as_array().expect("cases").iter().enumerate() {
        let name = case["name"].as_str().expect("a name");
        let refused = case.get("design_save").is_some_and(|save| save["status"] != 201);
        if refused || KNOWN_VIEWS.contains(&name) {
            continue;
        }
        let database = format!("/case{number}");
        prepare_views(&replay, case, &database);
        for (position, request) in case["requests"].as_array().expect("requests").iter().enumerate()
        {
            asked += 1;
            let mut step = request.clone();
            let members = step.as_object_mut().expect("a request");
            members.insert("path".into(), view_path(request, &database).into());
            if request["unordered"] == true {
                sort_rows(&mut step["response"]);
            }
            let mut answer = replay.ask(&step, 0);
            if let (true, Ok(mut rows)) =
                (request["unordered"] == true, json::parse_str(&answer.text()))
            {
                sort_rows(&mut rows);
                answer.body = json::to_string(&rows).into_bytes();
            }
            if let Some(problem) = replay.judge(&step, &answer) {
                failures.push(format!("{name} {position} {}: {problem}", step["path"]));
            }
            change(&replay, &request["then"], &database);
        }
    }
    assert!(asked > 0, "nothing was asked");
    assert!(failures.is_empty(), "{} of {asked} differ:\n{}", failures.len(), failures.join("\n"));
}

fn sort_rows(answer: &mut Value) {
    if let Some(rows) = answer.get_mut("rows").and_then(Value::as_array_mut) {
        rows.sort_by_key(json::to_string);
    }
}

/// The database of a case.
fn prepare_views(replay: &Replay, case: &Value, database: &str) {
    let partitioned = case["partitioned"] == true;
    let path = format!("{database}?q={}&partitioned={partitioned}", case["q"]);
    assert_eq!(replay.send("PUT", &path, "").status, 201);
    for (list, new_edits) in [("docs", true), ("replicated", false)] {
        let Some(documents) = case.get(list) else { continue };
        let body = format!("{{\"docs\":{},\"new_edits\":{new_edits}}}", json::to_string(documents));
        let loaded = replay.send("POST", &format!("{database}/_bulk_docs"), &body);
        assert_eq!(loaded.status, 201, "{}", loaded.text());
    }
    for design in case["other_designs"].as_array().into_iter().flatten() {
        let id = design["_id"].as_str().expect("an id");
        let path = format!("{database}/{id}");
        assert_eq!(replay.send("PUT", &path, &json::to_string(design)).status, 201);
    }
    let design = json::to_string(&case["design"]);
    let saved = replay.send("PUT", &format!("{database}/_design/d"), &design);
    assert_eq!(saved.status, 201, "{}", saved.text());
    change(replay, &case["setup"], database);
}

/// Changes that are made between requests.
fn change(replay: &Replay, steps: &Value, database: &str) {
    for step in steps.as_array().into_iter().flatten() {
        let id = step["path"].as_str().expect("a path");
        let method = step["method"].as_str().expect("a method");
        let mut path = format!("{database}{id}");
        if step["from_rev"] == true || method == "DELETE" {
            let known = json::parse_str(&replay.send("GET", &path, "").text()).expect("JSON");
            if let Some(revision) = known["_rev"].as_str() {
                path = format!("{path}?rev={revision}");
            }
        }
        let body = step.get("body").map(json::to_string).unwrap_or_default();
        let done = replay.send(method, &path, &body);
        assert!(done.status < 300, "{method} {path}: {}", done.text());
    }
}

/// The path of a request to a view.
fn view_path(request: &Value, database: &str) -> String {
    let design = request["ddoc"].as_str().unwrap_or("_design/d");
    let view = encoded(request["view"].as_str().expect("a view"), b"/");
    let below = request["partition"].as_str().map(|name| format!("_partition/{name}/"));
    let text = |value: &Value| encoded(value.as_str().expect("raw text"), b"");
    let pairs: Vec<String> = match &request["query"] {
        Value::Array(pairs) => {
            pairs.iter().map(|pair| format!("{}={}", text(&pair[0]), text(&pair[1]))).collect()
        }
        query => query
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| format!("{name}={}", text(value)))
            .collect(),
    };
    format!("{database}/{}{design}/_view/{view}?{}", below.unwrap_or_default(), pairs.join("&"))
}

fn encoded(text: &str, kept: &[u8]) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) || kept.contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to memory cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
