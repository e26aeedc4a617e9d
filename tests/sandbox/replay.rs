//! One transcript, replayed.

use std::collections::HashMap;
use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use couchctl::json::{self, Value};
use couchctl::project::Secret;
use couchctl::sandbox::{Options, Sandbox};

use crate::compare::{holds, same, same_text};
use crate::http::{self, Answer, basic, request};

/// The names that databases have here for those in the transcripts.
const NAMES: [(&str, &str); 4] =
    [("DB2", "twodbhere"), ("DB", "onedbhere"), ("NEW", "newdbhere"), ("NONE", "nodbhere")];

/// The users of the transcripts: name, password, roles.
const USERS: [(&str, &str, &[&str]); 4] = [
    ("c7_alice", "apple", &["editor", "reader"]),
    ("c7_bob", "berry", &[]),
    ("c7_carol", "cherry", &["dbadm"]),
    ("c7_dora", "dora", &[]),
];

/// A sandbox that a transcript is replayed against.
pub(crate) struct Replay {
    sandbox: Sandbox,
    /// What was recorded, and what stands for it here.
    known: HashMap<String, String>,
    cookie: String,
    pub(crate) failures: Vec<String>,
    pub(crate) steps: usize,
    pub(crate) differing: usize,
    known_differences: Known,
}

/// Steps whose answer is known to differ: transcript, step, reason.
pub(crate) type Known = &'static [(&'static str, usize, &'static str)];

/// Replaces whole words.
fn replace_words(text: &str, from: &str, to: &str) -> String {
    let is_word =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut last = 0;
    for (at, found) in text.match_indices(from) {
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        if !is_word(before) && !is_word(bytes.get(at + found.len())) {
            out.push_str(&text[last..at]);
            out.push_str(to);
            last = at + found.len();
        }
    }
    out.push_str(&text[last..]);
    out
}

impl Replay {
    pub(crate) fn new(options: &Options, known_differences: Known) -> Self {
        let options =
            Options { admins: vec![("admin".into(), Secret::new("password"))], ..options.clone() };
        let sandbox = Sandbox::start(options).expect("a sandbox");
        let replay = Self {
            sandbox,
            known: HashMap::new(),
            cookie: String::new(),
            failures: Vec::new(),
            steps: 0,
            differing: 0,
            known_differences,
        };
        for (name, password, roles) in USERS {
            let mut user = json::Map::new();
            user.insert("name".into(), name.into());
            user.insert("password".into(), password.into());
            user.insert("type".into(), "user".into());
            user.insert("roles".into(), roles.iter().map(|role| Value::from(*role)).collect());
            let path = format!("/_users/org.couchdb.user:{name}");
            let answer = replay.send("PUT", &path, &json::to_string(&Value::Object(user)));
            assert_eq!(answer.status, 201, "{}", answer.text());
        }
        replay
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.sandbox.address()
    }

    /// A request of the admin.
    pub(crate) fn send(&self, method: &str, path: &str, body: &str) -> Answer {
        let headers =
            [basic("admin", "password"), ("Content-Type".into(), "application/json".into())];
        request(self.address(), method, path, &headers, body.as_bytes())
    }

    /// The databases of a transcript.
    pub(crate) fn prepare(&self, case: &Value) {
        let default = json::parse_str(r#"{"DB": "q=1&n=1"}"#).expect("JSON");
        let databases = case.get("dbs").unwrap_or(&default);
        for (name, query) in databases.as_object().expect("dbs") {
            if let Some(query) = query.as_str() {
                let path = self.here(&format!("/{name}?{query}"));
                assert_eq!(self.send("PUT", &path, "").status, 201, "{path}");
            }
        }
        if let Some(security) = case.get("security") {
            let path = self.here("/DB/_security");
            let body = json::to_string(security);
            assert_eq!(self.send("PUT", &path, &body).status, 200);
        }
        for list in ["designs", "docs"] {
            for document in case.get(list).and_then(Value::as_array).into_iter().flatten() {
                let id = document["_id"].as_str().expect("an id").replace("a/b", "a%2Fb");
                let path = self.here(&format!("/DB/{id}"));
                let answer = self.send("PUT", &path, &json::to_string(document));
                assert_eq!(answer.status, 201, "{id}: {}", answer.text());
            }
        }
    }

    /// Recorded text as it reads here.
    pub(crate) fn here(&self, text: &str) -> String {
        let mut text = text.replace("127.0.0.1:5984", &self.address().to_string());
        for (there, here) in NAMES {
            text = replace_words(&text, there, here);
        }
        for (there, here) in &self.known {
            text = text.replace(there, here);
        }
        text
    }

    /// Text of this sandbox as it would have been recorded.
    fn there(&self, text: &str) -> String {
        let mut text = text.replace(&self.address().to_string(), "HOST");
        for (there, here) in NAMES {
            text = text.replace(here, there);
        }
        text
    }

    pub(crate) fn headers(&self, step: &Value) -> Vec<(String, String)> {
        let mut headers = Vec::new();
        match step["as"].as_str() {
            Some("anonymous") => {}
            Some(user) => {
                let known = USERS.iter().find(|(name, ..)| *name == user);
                let (name, password, _) = known.unwrap_or_else(|| panic!("user {user}"));
                headers.push(basic(name, password));
            }
            None => headers.push(basic("admin", "password")),
        }
        let given = step.get("headers").and_then(Value::as_object);
        let names = |name: &str| {
            given.is_some_and(|given| given.keys().any(|key| key.eq_ignore_ascii_case(name)))
        };
        if !names("Content-Type") && step.get("body").is_some_and(|body| !body.is_string())
            || step.get("body_generated").is_some()
        {
            headers.push(("Content-Type".into(), "application/json".into()));
        }
        for (name, value) in given.into_iter().flatten() {
            let Some(value) = value.as_str() else { continue };
            let value = value.replace("<cookie>", &self.cookie);
            headers.push((name.clone(), self.here(&value)));
        }
        headers
    }

    pub(crate) fn body(&self, step: &Value, position: usize) -> Vec<u8> {
        if let Some(text) = step["body_base64"].as_str() {
            return STANDARD.decode(text).expect("base64");
        }
        if step.get("body_generated").is_some() {
            return generated(step, position).into_bytes();
        }
        match step.get("body").or_else(|| step.get("body_text")) {
            None => Vec::new(),
            // Chunked bodies come with their frames.
            Some(Value::String(text)) => self.here(text).into_bytes(),
            Some(body) => self.here(&json::to_string(body)).into_bytes(),
        }
    }

    /// Makes the request of a step.
    pub(crate) fn ask(&self, step: &Value, position: usize) -> Answer {
        let method = step["method"].as_str().unwrap_or("PUT");
        let path = self.path(step);
        request(self.address(), method, &path, &self.headers(step), &self.body(step, position))
    }

    pub(crate) fn path(&self, step: &Value) -> String {
        let path = step["path"].as_str().expect("a path");
        let path = match path.split_once('…') {
            // Long paths are told by their length.
            Some((start, _)) => {
                let length = path.rsplit(['(', ' ']).nth(1).and_then(|n| n.parse().ok());
                let fill = start.chars().last().expect("something to repeat").to_string();
                let length: usize = length.expect("a length");
                format!("{start}{}", fill.repeat(length - start.len()))
            }
            None => path.to_owned(),
        };
        let mut encoded = String::new();
        for character in self.here(&path).chars() {
            match character {
                '"' => encoded.push_str("%22"),
                '\\' => encoded.push_str("%5C"),
                ' ' => encoded.push_str("%20"),
                '[' => encoded.push_str("%5B"),
                ']' => encoded.push_str("%5D"),
                other => encoded.push(other),
            }
        }
        encoded
    }

    /// What is wrong with an answer.
    pub(crate) fn judge(&self, step: &Value, answer: &Answer) -> Option<String> {
        let expected = &step["status"];
        let text = self.there(&answer.text());
        let status = if *expected == 100 { 100 } else { answer.status };
        if *expected != status {
            return Some(format!("expected {expected}, got {} {text}", answer.status));
        }
        for (name, recorded) in step["response_headers"].as_object().into_iter().flatten() {
            let recorded = recorded.as_str().expect("a header");
            let header = self.there(answer.header(name).unwrap_or_default());
            if !same_text(recorded, &header) {
                return Some(format!("expected {name}: {recorded}, got {header}"));
            }
        }
        if let Some(recorded) = step["response_base64"].as_str() {
            let right = STANDARD.decode(recorded).is_ok_and(|recorded| recorded == answer.body);
            return (!right).then(|| format!("expected {recorded}, got {:?}", answer.body));
        }
        if let Some(recorded) = step["response_text"].as_str() {
            return Self::judge_text(step, recorded, &text);
        }
        let recorded = step.get("response")?;
        let Ok(value) = json::parse_str(&text) else {
            return Some(format!("expected {recorded}, got the text {text}"));
        };
        let right =
            if let Some((start, "")) = recorded["id"].as_str().and_then(|id| id.split_once('…')) {
                // Long ids are told by their beginning.
                value["id"].as_str().is_some_and(|id| id.starts_with(start))
                    && value["rev"] == recorded["rev"]
            } else if step["picked"] == true {
                holds(recorded, &value)
            } else if let Some("1000 results, all ok: True") = recorded.as_str() {
                let results = value.as_array().expect("results");
                results.len() == 1000 && results.iter().all(|result| result["ok"] == true)
            } else {
                same(recorded, &value)
            };
        (!right).then(|| format!("expected {}\n    got      {text}", json::to_string(recorded)))
    }

    fn judge_text(step: &Value, recorded: &str, text: &str) -> Option<String> {
        let mut recorded = recorded.to_owned();
        let mut text = text.to_owned();
        if step["raw_body"] == true {
            if recorded.starts_with("HTTP/1.1") {
                // What matters of an interim answer is that the real one follows.
                recorded = recorded.split("\r\n\r\n").nth(1).unwrap_or_default().to_owned();
            } else if recorded.starts_with("data: ") {
                text = text
                    .lines()
                    .filter(|line| line.starts_with("data: "))
                    .collect::<Vec<_>>()
                    .join("\n");
            } else if recorded.starts_with('{') {
                // Stray bytes of chunks after the answer.
                recorded = recorded.lines().next().unwrap_or_default().to_owned() + "\n";
            } else {
                recorded =
                    String::from_utf8_lossy(&http::unchunked(recorded.as_bytes())).into_owned();
            }
        }
        (!same_text(&recorded, &text))
            .then(|| format!("expected {recorded:?}\n    got      {text:?}"))
    }

    /// Remembers what a recorded answer calls things that have other names here.
    pub(crate) fn learn(&mut self, step: &Value, answer: &Answer, revisions: bool) {
        if let Some(cookie) = answer.header("Set-Cookie") {
            let cookie = cookie.split(';').next().unwrap_or_default();
            if cookie != "AuthSession=" {
                cookie.clone_into(&mut self.cookie);
            }
        }
        let Ok(value) = json::parse_str(&answer.text()) else { return };
        let revision = value.get("_rev").or_else(|| value.get("rev")).and_then(Value::as_str);
        let Some(revision) = revision else { return };
        self.known.insert("<r>".into(), revision.to_owned());
        if let (true, Some(recorded)) = (revisions, step["response"]["rev"].as_str()) {
            self.known.insert(recorded.to_owned(), revision.to_owned());
        }
    }

    pub(crate) fn note(
        &mut self,
        name: &str,
        position: usize,
        step: &Value,
        problem: Option<String>,
    ) {
        self.steps += 1;
        let known =
            self.known_differences.iter().any(|(case, step, _)| *case == name && *step == position);
        match (problem, known) {
            (Some(_), true) => self.differing += 1,
            (Some(problem), false) => self.failures.push(format!(
                "{name} {position}: {} {}\n    {problem}",
                step["method"].as_str().unwrap_or("PUT"),
                step["path"].as_str().unwrap_or_default()
            )),
            (None, true) => {
                self.failures
                    .push(format!("{name} {position} is a known difference, but is right"));
            }
            (None, false) => {}
        }
    }
}

/// A body that the transcripts only describe.
fn generated(step: &Value, position: usize) -> String {
    let description = step["body_generated"].as_str().unwrap_or_default();
    if step["note"].as_str().is_some_and(|note| note.starts_with("1000 documents")) {
        let documents: Vec<String> = (position * 1000..(position + 1) * 1000)
            .map(|number| format!("{{\"_id\":\"d{number:05}\",\"k\":{}}}", number % 10))
            .collect();
        return format!("{{\"docs\":[{}]}}", documents.join(","));
    }
    let (before, after, length) =
        if step["path"].as_str().is_some_and(|path| path.ends_with("_bulk_docs")) {
            ("{\"docs\":[{\"_id\":\"big\",\"a\":\"", "\"}]}", 8_100_000)
        } else if let Some(count) = description.strip_prefix("{\"a\": \"xxx…\"} with ") {
            let count = count.split(' ').next().and_then(|count| count.parse().ok());
            ("{\"a\":\"", "\"}", count.expect("a count"))
        } else {
            let length =
                description.split(' ').next().and_then(|length| length.parse::<usize>().ok());
            ("{\"a\":\"", "\"}", length.expect("a length") - 8)
        };
    format!("{before}{}{after}", "x".repeat(length))
}
