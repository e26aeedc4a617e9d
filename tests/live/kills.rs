//! Killed at every step: after each request of a push, before and after the server got it.

use std::process::Child;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::STRIDE;
use crate::place::{Answer, Place, finished};
use crate::wire::{Reply, Wire};

fn version(place: &Place, number: u32) {
    let map = format!("function (doc) {{ emit(doc.n, {number}); }}\n");
    place.design("numbers/by_number/map.js", &map);
    place.design("other/by_k/map.js", &format!("function (doc) {{ emit(doc.k, {number}); }}\n"));
    place.design("other/filters/f.js", &format!("function (doc) {{ return doc.n > {number}; }}\n"));
}

/// The value that a view answers with, which must be that of one whole version.
fn value(place: &Place, design: &str, view: &str) -> i64 {
    let query = [("limit", "1".to_owned())];
    let answer = place.run(place.database.view(&format!("_design/{design}"), view, &query));
    let answer = answer.expect("live views answer");
    assert_eq!(answer["total_rows"], 200, "{answer}");
    answer["rows"][0]["value"].as_i64().expect("a number")
}

#[test]
fn killed_at_every_step_nothing_is_lost_and_the_next_push_finishes() {
    let Some(place) = Place::new("kills") else { return };
    place.fill(200);
    version(&place, 0);
    place.report(&["push", "--no-test"]);
    let upstream = place.connection.url.trim_start_matches("http://").to_owned();
    let mut number = 0;
    let mut steps = 0;
    for passed in [false, true] {
        for step in (0..).step_by(STRIDE) {
            number += 1;
            version(&place, number);
            let child: Arc<Mutex<Option<Child>>> = Arc::default();
            let victim = Arc::clone(&child);
            let wire = Wire::before(upstream.clone(), move |asked| {
                if asked.number != step {
                    return Reply::Pass;
                }
                if let Some(child) = victim.lock().expect("no panic").as_mut() {
                    child.kill().expect("SIGKILL");
                }
                if passed { Reply::PassThen(Box::new(Reply::Reset)) } else { Reply::Reset }
            });
            // Nothing is asked before the child can be found.
            let mut place_of_child = child.lock().expect("no panic");
            *place_of_child = Some(place.spawn(&wire.url(), &["push", "--no-test", "--jobs", "1"]));
            drop(place_of_child);
            let answer = loop {
                std::thread::sleep(Duration::from_millis(5));
                let mut child = child.lock().expect("no panic");
                if child.as_mut().expect("a child").try_wait().expect("a status").is_some() {
                    let child = child.take().expect("a child");
                    break Answer::of(&child.wait_with_output().expect("output"));
                }
            };
            let finished_before = answer.code == Some(0);
            if !finished_before {
                assert_eq!(answer.code, None, "killed: {answer:?}");
                steps += 1;
                for (design, view) in [("numbers", "by_number"), ("other", "by_k")] {
                    let value = value(&place, design, view);
                    let versions = [i64::from(number) - 1, i64::from(number)];
                    assert!(versions.contains(&value), "{design} after step {step}: {value}");
                }
                let next = place.spawn(&place.connection.url, &["push", "--no-test"]);
                let answer = finished(next, Duration::from_mins(1));
                assert_eq!(answer.code, Some(0), "after step {step}: {answer:?}");
            }
            assert_eq!(place.ids(), ["_design/numbers", "_design/other"], "after step {step}");
            for (design, view) in [("numbers", "by_number"), ("other", "by_k")] {
                assert_eq!(place.rows_as_they_are(design, view).len(), 200, "after step {step}");
                assert_eq!(value(&place, design, view), i64::from(number), "after step {step}");
            }
            if finished_before {
                break;
            }
        }
    }
    println!("killed at {steps} steps");
    assert!(steps > 30 / STRIDE, "{steps}");
}
