//! Faults of the network and of gateways at every request of a push.

use std::time::{Duration, Instant};

use couchctl::server::Options;

use crate::place::Place;
use crate::wire::{Asked, Reply, Wire};

/// A client that does not wait long.
fn client() -> Options {
    Options {
        patience: Duration::from_millis(500),
        connect: Duration::from_millis(500),
        pause: Duration::from_millis(1),
    }
}

fn faults() -> Vec<Reply> {
    let lost = |reply: Reply| Reply::PassThen(Box::new(reply));
    vec![
        Reply::Reset,
        Reply::Half,
        Reply::Stall,
        Reply::json(500, r#"{"error":"unknown_error","reason":"undefined","ref":1}"#),
        Reply::json(503, r#"{"error":"service unavailable","reason":"try later"}"#),
        Reply::json(429, r#"{"error":"too_many_requests","reason":"slow down"}"#),
        Reply::json(200, r#"{"ok":true,"id":"_desi"#),
        Reply::html(502, "502 Bad Gateway"),
        Reply::html(200, "Sign in"),
        // The request was served, and the answer got lost.
        lost(Reply::Reset),
        lost(Reply::Half),
        lost(Reply::html(504, "504 Gateway Time-out")),
    ]
}

fn version(place: &Place, number: usize) {
    let map = format!("function (doc) {{ emit(doc.n, {number}); }}\n");
    place.design("a/v/map.js", &map);
    place.design("b/filters/f.js", &format!("function () {{ return {number}; }}\n"));
}

/// Writes that were sent again: without a look at what became of them, or, where all were `served`, at
/// all.
fn repeats(requests: &[Asked], served: bool) -> Vec<String> {
    let path = |asked: &Asked| asked.target.split('?').next().unwrap_or_default().to_owned();
    let writes = requests.iter().enumerate().filter(|(_, asked)| asked.writes());
    let mut repeats = Vec::new();
    for (at, asked) in writes {
        let same = |other: &&Asked| {
            (&other.method, &other.target, &other.body)
                == (&asked.method, &asked.target, &asked.body)
        };
        let Some(next) = requests[at + 1..].iter().position(|other| same(&other)) else { continue };
        let looked = requests[at + 1..at + 1 + next].iter().any(|between| {
            between.method == "GET"
                && (path(between) == path(asked) || between.target.contains("/_design_docs"))
        });
        // A cleanup says nothing about what is there, and does no more the second time.
        if (served || !looked) && !asked.target.contains("_cleanup") {
            repeats.push(format!("{} {}", asked.method, asked.target));
        }
    }
    repeats
}

#[test]
fn every_fault_at_every_request_ends_well() {
    let Some(place) = Place::new("faults") else { return };
    place.fill(50);
    version(&place, 0);
    place.push(&place.connection.url, client()).expect("a first push");
    let upstream = place.connection.url.trim_start_matches("http://").to_owned();
    let (mut number, mut succeeded, mut failed) = (0, 0, 0);
    for fault in faults() {
        for at in 0.. {
            number += 1;
            version(&place, number);
            let reply = fault.clone();
            let wire = Wire::before(upstream.clone(), move |asked| {
                if asked.number == at { reply.clone() } else { Reply::Pass }
            });
            let started = Instant::now();
            let outcome = place.push(&wire.url(), client());
            let case = format!("{fault:?} at request {at}");
            assert!(started.elapsed() < Duration::from_secs(15), "{case}: {:?}", started.elapsed());
            let requests = wire.requests();
            let served = matches!(fault, Reply::PassThen(_));
            assert_eq!(repeats(&requests, served), Vec::<String>::new(), "{case}");
            match outcome {
                Ok(()) => succeeded += 1,
                Err(error) => {
                    failed += 1;
                    let shown = error.to_string();
                    assert!(shown.contains("http://127.0.0.1:"), "{case}: {shown}");
                    // The live view answers, and another push finishes.
                    assert_eq!(place.rows_as_they_are("a", "v").len(), 50, "{case}: {shown}");
                    place.push(&place.connection.url, client()).expect("the next push");
                }
            }
            assert_eq!(place.rows_as_they_are("a", "v")[0]["value"], number, "{case}");
            assert_eq!(place.ids(), ["_design/a", "_design/b"], "{case}");
            if requests.len() <= at {
                break;
            }
        }
    }
    println!("{succeeded} pushes succeeded all the same, {failed} said why not");
    assert!(succeeded > failed, "{succeeded} succeeded, {failed} failed");
}
