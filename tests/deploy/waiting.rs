//! Waiting for indexes: requests that are cut, design documents that change, Ctrl-C.

use std::time::Duration;

use couchctl::json::parse_str;
use couchctl::server::Options;

use crate::place::{Place, finished};
use crate::wire::{Reply, Wire};

fn upstream(place: &Place) -> String {
    place.connection.url.trim_start_matches("http://").to_owned()
}

/// Whether a request waits for an index.
fn waits(target: &str) -> bool {
    target.contains("/_view/") && target.contains("limit=0") && !target.contains("update=false")
}

#[test]
fn a_gateway_that_cuts_long_requests_does_no_harm() {
    let place = Place::new("cut").expect("a sandbox");
    place.fill(3000);
    place.design("a/v/map.js", "function (doc) { emit(doc.n, 1); }\n");
    // A client that waits no longer than half a second stands for the gateway.
    let client = Options { patience: Duration::from_millis(500), ..Options::default() };
    place.push(&place.connection.url, client).expect("a push");
    assert_eq!(place.rows_as_they_are("a", "v").len(), 3000);
}

#[test]
fn a_design_document_that_changes_while_its_index_is_built_is_looked_at_again() {
    let place = Place::new("changes").expect("a sandbox");
    place.fill(20);
    place.design("a/v/map.js", "function (doc) { emit(doc.n, 1); }\n");
    let gone = r#"{"error":"not_found","reason":"Design document was updated or deleted."}"#;
    let wire = Wire::before(upstream(&place), {
        let first = std::sync::atomic::AtomicBool::new(true);
        move |asked| {
            if waits(&asked.target) && first.swap(false, std::sync::atomic::Ordering::Relaxed) {
                Reply::json(404, gone)
            } else {
                Reply::Pass
            }
        }
    });
    let answer = finished(place.spawn(&wire.url(), &["push"]), Duration::from_secs(20));
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert!(answer.stderr.contains("planning again"), "{answer:?}");
    assert_eq!(place.rows_as_they_are("a", "v").len(), 20);

    let body = parse_str(r#"{"views":{"v":{"map":"function (doc) { emit(doc.n, 2); }"}}}"#);
    let body = body.expect("JSON").as_object().expect("an object").clone();
    let rev = place.designs()["_design/a"]["_rev"].as_str().expect("a revision").parse().ok();
    place.run(place.database.save("_design/a", rev.as_ref(), &body)).expect("saved");
    let wire = Wire::before(upstream(&place), {
        let first = std::sync::atomic::AtomicBool::new(true);
        move |asked| {
            if waits(&asked.target) && first.swap(false, std::sync::atomic::Ordering::Relaxed) {
                Reply::json(404, gone)
            } else {
                Reply::Pass
            }
        }
    });
    let answer = finished(place.spawn(&wire.url(), &["warm"]), Duration::from_secs(20));
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert_eq!(place.rows_as_they_are("a", "v").len(), 20);
}

#[test]
fn a_server_without_search_is_no_obstacle() {
    let place = Place::new("search").expect("a sandbox");
    place.fill(5);
    place.design("a/indexes/text.json", r#"{ "index": "function (doc) { index('n', doc.n); }" }"#);
    let without = [
        (503, r#"{"error":"service unavailable","reason":"Search is not available"}"#),
        (404, r#"{"error":"not_found","reason":"missing"}"#),
    ];
    let wire = Wire::before(upstream(&place), move |asked| {
        if asked.target.contains("/_search/") {
            Reply::json(without[0].0, without[0].1)
        } else if asked.target.contains("/_nouveau/") {
            Reply::json(without[1].0, without[1].1)
        } else {
            Reply::Pass
        }
    });
    let answer = finished(place.spawn(&wire.url(), &["push"]), Duration::from_secs(20));
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert!(answer.stderr.contains("the server has no Clouseau"), "{answer:?}");
    assert_eq!(place.ids(), ["_design/a"]);
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_the_waiting_with_its_own_exit_code() {
    let place = Place::new("interrupt").expect("a sandbox");
    place.fill(3000);
    place.design("a/v/map.js", "function (doc) { emit(doc.n, 1); }\n");
    let child = place.spawn(&place.connection.url, &["push", "--no-test"]);
    std::thread::sleep(Duration::from_millis(800));
    let interrupt = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .expect("kill runs");
    assert!(interrupt.success());
    let answer = finished(child, Duration::from_secs(5));
    assert_eq!(answer.code, Some(130), "{answer:?}");
    assert!(answer.stderr.contains("interrupted"), "{answer:?}");
    // What it staged is found by the next push.
    let answer = place.couchctl(&["push"]);
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert!(answer.stderr.contains("goes on being built"), "{answer:?}");
    assert_eq!(place.ids(), ["_design/a"]);
}
