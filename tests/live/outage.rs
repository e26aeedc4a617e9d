//! No outage: a client that queries a live view while a push replaces its design document.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use couchctl::json::Value;

use crate::DOCUMENTS;
use crate::place::Place;

/// What a client saw.
struct Seen {
    elapsed: Duration,
    outcome: Result<String, String>,
}

/// Queries the view every 20 ms, and writes a document every 200 ms, until told to stop.
fn client(place: &Place, stop: &AtomicBool) -> Vec<Seen> {
    let mut seen = Vec::new();
    let database = place.database.clone();
    let query = [("limit", "1".to_owned()), ("reduce", "false".to_owned())];
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        let started = Instant::now();
        let answer = place.run(database.view("_design/numbers", "by_number", &query));
        let outcome = answer
            .map(|answer| answer["rows"][0]["value"].to_string())
            .map_err(|error| error.to_string());
        seen.push(Seen { elapsed: started.elapsed(), outcome });
        number += 1;
        if number % 10 == 0 {
            let document = serde_json::json!({ "_id": format!("new{number}"), "n": number });
            place.run(database.bulk_docs(vec![document])).expect("a write");
        }
        std::thread::sleep(Duration::from_millis(20).saturating_sub(started.elapsed()));
    }
    seen
}

fn map(value: &str) -> String {
    format!(
        "function (doc) {{ var t = 0; for (var i = 0; i < 200; i++) {{ t += i; }} emit(doc.n, '{value}'); }}\n"
    )
}

#[test]
fn a_client_never_waits_for_a_build_and_never_gets_an_error() {
    let Some(place) = Place::new("outage") else { return };
    place.fill(DOCUMENTS);
    place.design("numbers/by_number/map.js", &map("one"));
    place.report(&["push", "--no-test"]);

    place.design("numbers/by_number/map.js", &map("two"));
    let stop = AtomicBool::new(false);
    let (seen, report) = std::thread::scope(|scope| {
        let client = scope.spawn(|| client(&place, &stop));
        std::thread::sleep(Duration::from_millis(500));
        let report = place.report(&["push", "--no-test"]);
        std::thread::sleep(Duration::from_millis(500));
        stop.store(true, Ordering::Relaxed);
        (client.join().expect("a client"), report)
    });

    let built = report["warmed"][0]["duration_ms"].as_u64().expect("a duration");
    let slowest = seen.iter().map(|seen| seen.elapsed).max().expect("queries");
    let errors: Vec<&String> = seen.iter().filter_map(|seen| seen.outcome.as_ref().err()).collect();
    println!("{} queries, the slowest {slowest:?}, the build took {built} ms", seen.len());
    assert_eq!(errors, Vec::<&String>::new());
    assert!(seen.len() > 50, "{} queries", seen.len());
    assert!(built > 1500, "a build of {built} ms is too short to tell waiting from working");
    assert!(slowest < Duration::from_millis(built / 2), "the slowest query took {slowest:?}");
    // First all answers are from the old version, then all from the new one.
    let values: Vec<&str> =
        seen.iter().filter_map(|seen| seen.outcome.as_ref().ok()).map(String::as_str).collect();
    let swap = values.iter().position(|value| *value == "\"two\"").expect("the new version");
    assert!(values[..swap].iter().all(|value| *value == "\"one\""));
    assert!(values[swap..].iter().all(|value| *value == "\"two\""));

    // The index was warm, with all its rows, when the push ended.
    assert!(place.rows_as_they_are("numbers", "by_number").len() >= DOCUMENTS);
    assert_eq!(place.ids(), ["_design/numbers"]);
    assert_eq!(report["cleaned_up"], Value::Bool(true));
}
