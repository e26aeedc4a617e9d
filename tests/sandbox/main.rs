//! The recorded transcripts of a real CouchDB, replayed over HTTP against a sandbox; and how it stands
//! up to difficult clients.

mod compare;
mod http;
mod limits;
mod multipart;
mod replay;
mod serve;
#[path = "../support/mod.rs"]
mod support;
mod views;

use std::time::{Duration, Instant};

use couchctl::engine::Profile;
use couchctl::json::{self, Value};
use couchctl::sandbox::Options;

use self::http::{Answer, request};
use self::replay::{Known, Replay};
use self::support::conformance;

/// Steps whose answer is known to differ: transcript, step, reason.
const KNOWN: Known = &[
    ("root", 0, VENDOR),
    ("root", 9, VENDOR),
    ("root", 10, VENDOR),
    ("root", 11, VENDOR),
    ("database-names", 19, VENDOR),
    ("mango", 17, AUTOMATIC_NAME),
    ("mango", 25, AUTOMATIC_NAME),
    ("mango", 26, AUTOMATIC_NAME),
    (
        "bad-json-views",
        3,
        "a sandbox has the whole answer before it sends any of it, and so can tell the error",
    ),
];

const VENDOR: &str = "a sandbox says that it is one";
const AUTOMATIC_NAME: &str =
    "the server hashes what is in its memory, the name of its database too";

/// Design documents whose saving is known to differ, with which engine (`None`: both), and why.
const KNOWN_SAVES: &[(&str, Option<Profile>, &str)] = &[
    ("map-async", Some(Profile::QuickJs), MESSAGE),
    ("map-export-default", Some(Profile::QuickJs), MESSAGE),
    ("map-bad-regexp", Some(Profile::QuickJs), MESSAGE),
    ("map-reserved", Some(Profile::QuickJs), MESSAGE),
    ("map-smart-quotes", Some(Profile::QuickJs), MESSAGE),
    (
        "map-nbsp",
        Some(Profile::QuickJs),
        "an anonymous function is not recognised behind a no-break space",
    ),
    ("map-for-each", Some(Profile::QuickJs), MESSAGE),
    ("map-expression-closure", Some(Profile::QuickJs), MESSAGE),
    ("language-coffeescript", None, "CoffeeScript is not supported"),
    ("language-coffeescript-bad", None, "CoffeeScript is not supported"),
    ("body-nested-2000", None, "JSON is read to a depth of 1,000"),
];

const MESSAGE: &str = "boa words this syntax error otherwise than QuickJS";

/// What was recorded of a step for an engine.
fn of_profile(step: &Value, profile: Profile) -> Value {
    let mut step = step.clone();
    if let (Profile::QuickJs, Some(Value::Object(other))) = (profile, step.get("quickjs").cloned())
    {
        if other.contains_key("status") {
            // What came with the other status goes with it.
            for member in ["response_headers", "view_answer"] {
                step.as_object_mut().and_then(|step| step.shift_remove(member));
            }
        }
        for (name, value) in other {
            step[&name] = value;
        }
    }
    step
}

/// Replays the transcripts of a file, and tells how many steps there were.
fn replay(file: &str, options: &Options, wanted: impl Fn(&str) -> bool) {
    let recorded = conformance(file);
    let mut failures = Vec::new();
    let (mut steps, mut differing) = (0, 0);
    for case in recorded.as_array().expect("cases") {
        let name = case["name"].as_str().expect("a name");
        if !wanted(name) {
            continue;
        }
        let mut replay = Replay::new(options, KNOWN);
        replay.prepare(case);
        for (position, step) in case["steps"].as_array().expect("steps").iter().enumerate() {
            let step = &of_profile(step, options.profile);
            let mut answer = replay.ask(step, position);
            // Steps that wait for something say so.
            let waits = step["note"].as_str().is_some_and(|note| note.starts_with("wait until"))
                || step["path"]
                    .as_str()
                    .is_some_and(|path| path.starts_with("/_scheduler/docs/_replicator"));
            let deadline = Instant::now() + Duration::from_secs(15);
            let mut problem = replay.judge(step, &answer);
            while problem.is_some() && waits && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(100));
                answer = replay.ask(step, position);
                problem = replay.judge(step, &answer);
            }
            replay.learn(step, &answer, false);
            replay.note(name, position, step, problem);
        }
        failures.append(&mut replay.failures);
        steps += replay.steps;
        differing += replay.differing;
    }
    assert!(steps > 0, "nothing was replayed");
    assert!(
        failures.is_empty(),
        "{} of {steps} steps differ:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(differing * 20 <= steps, "{differing} of {steps} are known to differ: more than 5 %");
}

/// Transcripts whose view takes too long in a test, see [`builds`].
const BUILDS: [&str; 2] = ["build", "build-replaced"];

#[test]
fn http() {
    replay("http.json", &Options::default(), |name| !BUILDS.contains(&name));
}

#[test]
fn functions() {
    for profile in [Profile::SpiderMonkey, Profile::QuickJs] {
        replay("functions.json", &Options { profile, ..Options::default() }, |_| true);
    }
}

/// What happens while an index is built. The map functions of these transcripts count to 60,000 for
/// each of 6,000 documents; here they count to 6, and the sandbox takes its time. Revisions and
/// signatures are others then.
#[test]
fn builds() {
    let options = Options { index_delay: Duration::from_micros(500), ..Options::default() };
    let text = json::to_string(&conformance("http.json")).replace("i < 60000", "i < 6");
    let recorded = json::parse_str(&text).expect("JSON");
    for case in recorded.as_array().expect("cases") {
        let name = case["name"].as_str().expect("a name");
        if !BUILDS.contains(&name) {
            continue;
        }
        let mut replay = Replay::new(&options, KNOWN);
        replay.prepare(case);
        let steps = case["steps"].as_array().expect("steps");
        std::thread::scope(|scope| {
            let mut waiting = Vec::new();
            for (position, step) in steps.iter().enumerate() {
                if step["background"] == true {
                    let (address, path) = (replay.address(), replay.path(step));
                    let headers = replay.headers(step);
                    let asked = scope.spawn(move || request(address, "GET", &path, &headers, b""));
                    waiting.push((position, step, asked));
                    std::thread::sleep(Duration::from_millis(200));
                    continue;
                }
                let answer = replay.ask(step, position);
                let masked = masked(step);
                let problem = replay.judge(&masked, &answer);
                replay.learn(step, &answer, true);
                replay.note(name, position, step, problem);
            }
            for (position, step, asked) in waiting {
                let answer = asked.join().expect("an answer");
                let problem = replay.judge(step, &answer);
                replay.note(name, position, step, problem);
            }
        });
        assert!(replay.failures.is_empty(), "{}", replay.failures.join("\n"));
    }
}

/// A step without revisions and signatures.
fn masked(step: &Value) -> Value {
    let mut step = step.clone();
    for name in ["rev", "signature"] {
        if let Some(value) = step.pointer_mut(&format!("/response/{name}")) {
            *value = "<any>".into();
        }
    }
    if let Some(value) = step.pointer_mut("/response/view_index/signature") {
        *value = "<any>".into();
    }
    if let Some(headers) = step.get_mut("response_headers").and_then(Value::as_object_mut) {
        headers.shift_remove("ETag");
    }
    step
}

#[test]
fn save_design() {
    for profile in [Profile::SpiderMonkey, Profile::QuickJs] {
        save_designs(profile);
    }
}

fn save_designs(profile: Profile) {
    let recorded = conformance("save_design.json");
    let replay = Replay::new(&Options { profile, ..Options::default() }, KNOWN);
    let known: Vec<&str> = KNOWN_SAVES
        .iter()
        .filter(|(_, of, _)| of.is_none_or(|of| of == profile))
        .map(|(name, ..)| *name)
        .collect();
    let mut failures = Vec::new();
    let mut differing = Vec::new();
    for (number, case) in recorded.as_array().expect("cases").iter().enumerate() {
        let case = &of_profile(case, profile);
        let name = case["name"].as_str().expect("a name");
        // Each on a database of its own.
        let database = format!("case{number}");
        let query = if case["partitioned"] == true { "?partitioned=true" } else { "?q=1" };
        assert_eq!(replay.send("PUT", &format!("/{database}{query}"), "").status, 201);
        let path = replay.path(case).replace("onedbhere", &database);
        let headers = replay.headers(case);
        let body = replay.body(case, 0);
        let answer = request(replay.address(), "PUT", &path, &headers, &body);
        let renamed = Answer {
            body: answer.text().replace(&database, "DB").into_bytes(),
            headers: answer
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), value.replace(&database, "DB")))
                .collect(),
            ..answer
        };
        let mut fail = |problem: String| {
            if known.contains(&name) {
                differing.push(name.to_owned());
            } else {
                failures.push(format!("{name}: {problem}"));
            }
        };
        if let Some(problem) = replay.judge(case, &renamed) {
            fail(problem);
            continue;
        }
        let expected = case.get("view_answer").filter(|answer| answer.is_object());
        let (Some(view), Some(expected)) = (case["view_query"].as_str(), expected) else {
            continue;
        };
        replay.send("PUT", &format!("/{database}/doc"), r#"{"k":"key","v":2}"#);
        let id = path.split('?').next().unwrap_or_default();
        let answer = replay.send("GET", &format!("{id}/_view/{view}"), "");
        if let Some(problem) = replay.judge(expected, &answer) {
            fail(format!("its view: {problem}"));
        }
    }
    assert_eq!(differing, known, "the known differences, and no others");
    assert!(failures.is_empty(), "{} cases differ:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn a_page_shows_what_is_there() {
    let sandbox = couchctl::sandbox::Sandbox::start(Options::default()).expect("a sandbox");
    let get = |path: &str| request(sandbox.address(), "GET", path, &[], b"");
    let redirected = get("/_utils");
    assert_eq!((redirected.status, redirected.header("Location")), (301, Some("/_utils/")));
    let page = get("/_utils/");
    assert_eq!((page.status, page.header("Content-Type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("Content-Security-Policy").expect("a policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"));
    // All that the page loads is here, and nothing is elsewhere.
    let text = page.text();
    assert!(!text.contains("http://") && !text.contains("https://"), "{text}");
    for (file, kind) in [("utils.css", "text/css"), ("utils.js", "text/javascript")] {
        assert!(text.contains(file), "{text}");
        let answer = get(&format!("/_utils/{file}"));
        assert_eq!(answer.status, 200, "{file}");
        assert!(answer.header("Content-Type").is_some_and(|found| found.starts_with(kind)));
    }
    assert_eq!(get("/_utils/none.html").status, 404);
}
