//! What pushes, warmings, clean-ups and rollbacks do.

use std::time::Duration;

use couchctl::json::{Map, Value, parse_str};

use crate::place::{Answer, Place, finished};
use crate::wire::{Reply, Wire};

fn object(text: &str) -> Map<String, Value> {
    match parse_str(text) {
        Ok(Value::Object(members)) => members,
        other => panic!("not an object: {other:?}"),
    }
}

fn upstream(place: &Place) -> String {
    place.connection.url.trim_start_matches("http://").to_owned()
}

/// The design documents that a report says were saved, but for couchctl's own.
fn saved(report: &Value) -> Vec<&str> {
    let saved = report["saved"].as_array().expect("a list");
    saved.iter().filter_map(|saved| saved["id"].as_str()).collect()
}

#[test]
fn an_unchanged_push_takes_one_request_for_a_database() {
    let Some(place) = Place::new("unchanged") else { return };
    for design in 0..20 {
        for view in 0..5 {
            let map = format!("function (doc) {{ emit(doc.k, [{design}, {view}]); }}\n");
            place.design(&format!("d{design}/v{view}/map.js"), &map);
        }
    }
    assert_eq!(saved(&place.report(&["push"])).len(), 20);
    let wire = Wire::before(upstream(&place), |_| Reply::Pass);
    let push = place.spawn(&wire.url(), &["push"]);
    let answer = finished(push, Duration::from_secs(20));
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert_eq!(answer.stdout, format!("{}: nothing to do\n", place.name));
    let requests = wire.requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
}

#[test]
fn nothing_but_what_an_index_needs_is_staged() {
    let Some(place) = Place::new("staging") else { return };
    place.fill(10);
    place.design("a/v/map.js", "function (doc) { emit(doc.k, 1); }\n");
    place.design("a/validate_doc_update.js", "function (newDoc) { throw({forbidden: 'no'}); }\n");
    place.design("a/filters/f.js", "function () { return true; }\n");
    let wire = Wire::before(upstream(&place), |_| Reply::Pass);
    let answer = finished(place.spawn(&wire.url(), &["push"]), Duration::from_secs(20));
    assert_eq!(answer.code, Some(0), "{answer:?}");
    let requests = wire.requests();
    let staged: Vec<_> = requests
        .iter()
        .filter(|asked| asked.method == "PUT" && asked.target.contains("couchctl-stage"))
        .collect();
    assert_eq!(staged.len(), 1);
    let body = object(std::str::from_utf8(&staged[0].body).expect("text"));
    assert_eq!(body.keys().collect::<Vec<_>>(), ["views", "autoupdate"]);
    assert_eq!(place.ids(), ["_design/a"]);
    // The record of the push is no design document.
    let record = place.run(place.database.document("_local/couchctl")).expect("an answer");
    let rev = &place.designs()["_design/a"]["_rev"];
    assert_eq!(record.expect("a record")["designs"]["_design/a"], *rev);
}

#[test]
fn every_strategy_ends_the_same() {
    let Some(place) = Place::new("strategies") else { return };
    place.fill(300);
    for (number, strategy) in ["staged", "serial", "in-place"].iter().enumerate() {
        for design in ["a", "b"] {
            let map = format!("function (doc) {{ emit(doc.n, {number}); }}\n");
            place.design(&format!("{design}/v/map.js"), &map);
            let map = format!("function (doc) {{ emit(doc.n, '{design}{number}'); }}\n");
            place.design(&format!("{design}/w/map.js"), &map);
        }
        let report = place.report(&["push", "--no-test", "--strategy", strategy]);
        assert_eq!(saved(&report), ["_design/a", "_design/b"], "{strategy}");
        assert_eq!(place.ids(), ["_design/a", "_design/b"], "{strategy}");
        for design in ["a", "b"] {
            let rows = place.rows_as_they_are(design, "v");
            assert_eq!(rows.len(), 300, "{strategy}");
            assert_eq!(rows[0]["value"], number, "{strategy}");
        }
    }
}

#[test]
fn a_map_that_does_not_compile_changes_nothing() {
    let Some(place) = Place::new("compile") else { return };
    place.fill(10);
    place.design("a/v/map.js", "function (doc) { emit(doc.k, 1); }\n");
    place.report(&["push"]);
    let before = place.designs();
    place.design("a/v/map.js", "function (doc) { emit(doc.k, ; }\n");
    let answer = place.couchctl(&["push", "--no-test"]);
    assert_eq!(answer.code, Some(3), "{answer:?}");
    assert!(answer.stderr.contains("compilation_error"), "{answer:?}");
    assert!(answer.stderr.contains("_design/a"), "{answer:?}");
    assert_eq!(place.designs(), before);
}

#[test]
fn an_index_that_cannot_be_built_is_told_and_never_becomes_live() {
    let Some(place) = Place::new("poison") else { return };
    place.fill(10);
    place.design("a/v/map.js", "function (doc) { emit(doc.k, 1); }\n");
    place.report(&["push"]);
    place.design(
        "a/v/map.js",
        "function (doc) { if (doc.n === 7) { throw 'fatal_error'; } emit(doc.k, 2); }\n",
    );
    let answer = place.couchctl(&["push", "--no-test"]);
    assert_eq!(answer.code, Some(3), "{answer:?}");
    assert!(answer.stderr.contains("the index of `_design/a` cannot be built"), "{answer:?}");
    assert!(answer.stderr.contains("fatal_error"), "{answer:?}");
    assert_eq!(place.rows_as_they_are("a", "v")[0]["value"], 1);
    // What is left of it goes with the next push.
    place.design("a/v/map.js", "function (doc) { emit(doc.k, 3); }\n");
    place.report(&["push", "--no-test"]);
    assert_eq!(place.ids(), ["_design/a"]);
    assert_eq!(place.rows_as_they_are("a", "v").len(), 10);
}

#[test]
fn attachments_are_carried() {
    let Some(place) = Place::new("attachments") else { return };
    place.fill(1);
    place.design("a/views/v/map.js", "function (doc) { emit(doc.k, 1); }\n");
    place.design("a/_attachments/index.html", "<html>text, stored compressed</html>\n");
    place.design("a/_attachments/image.bin", "bytes");
    place.report(&["push"]);
    place.design("a/_attachments/image.bin", "other bytes");
    place.design("a/filters/f.js", "function () { return true; }");
    let wire = Wire::before(upstream(&place), |_| Reply::Pass);
    let answer = finished(place.spawn(&wire.url(), &["push"]), Duration::from_secs(20));
    assert_eq!(answer.code, Some(0), "{answer:?}");
    let requests = wire.requests();
    let put = requests
        .iter()
        .find(|asked| asked.method == "PUT" && asked.target.contains("_design/a"))
        .expect("a put");
    let body = object(std::str::from_utf8(&put.body).expect("text"));
    assert_eq!(body["_attachments"]["index.html"], serde_json::json!({ "stub": true }));
    let content = |name| place.run(place.database.attachment("_design/a", name)).expect("bytes");
    assert_eq!(content("image.bin"), "other bytes");
    assert_eq!(content("index.html"), "<html>text, stored compressed</html>\n");
    assert_eq!(saved(&place.report(&["push"])), Vec::<&str>::new());
}

#[test]
fn conflicting_revisions_do_not_come_back() {
    let Some(place) = Place::new("conflicts") else { return };
    place.fill(10);
    place.design("a/v/map.js", "function (doc) { emit(doc.k, 1); }\n");
    place.design("b/v/map.js", "function (doc) { emit(doc.k, 2); }\n");
    place.report(&["push"]);
    for id in ["_design/a", "_design/b"] {
        let conflict = serde_json::json!({
            "_id": id, "_rev": "1-0", "views": { "old": { "map": "function (doc) { emit(1); }" } },
        });
        let body = serde_json::json!([conflict]);
        place.run(place.database.bulk_docs_as_they_are(vec![body[0].clone()])).expect("a conflict");
        assert!(place.designs()[id].contains_key("_conflicts"));
    }
    place.remove_design("a");
    place.design("b/v/map.js", "function (doc) { emit(doc.k, 3); }\n");
    place.report(&["push", "--prune"]);
    let designs = place.designs();
    assert_eq!(designs.keys().collect::<Vec<_>>(), ["_design/b"]);
    assert!(!designs["_design/b"].contains_key("_conflicts"));
    assert_eq!(place.rows_as_they_are("b", "v")[0]["value"], 3);
}

#[test]
fn of_two_pushes_at_once_one_is_whole() {
    let Some(place) = Place::new("two") else { return };
    place.fill(2000);
    let other = tempfile::tempdir().expect("a folder");
    let write = |folder: &std::path::Path, who: &str| {
        for design in ["a", "b", "c"] {
            let folder = folder.join("views").join(&place.name).join(design).join("v");
            std::fs::create_dir_all(&folder).expect("a folder");
            let map = format!("function (doc) {{ emit(doc.n, '{who}'); }}\n");
            std::fs::write(folder.join("map.js"), map).expect("a file");
        }
    };
    for round in 0..3 {
        let (one, two) = (format!("one{round}"), format!("two{round}"));
        write(place.path(), &one);
        write(other.path(), &two);
        let url = &place.connection.url;
        let first = place.spawn(url, &["push", "--no-test"]);
        let folder = other.path().to_str().expect("a path");
        let second = place.spawn(url, &["push", "--no-test", "--project", folder]);
        let answers: Vec<Answer> = [first, second]
            .into_iter()
            .map(|child| finished(child, Duration::from_mins(1)))
            .collect();
        assert!(answers.iter().all(|answer| answer.code == Some(0)), "{answers:?}");
        let values: Vec<String> = ["a", "b", "c"]
            .iter()
            .map(|design| place.rows_as_they_are(design, "v")[0]["value"].to_string())
            .collect();
        assert!(values.iter().all(|value| *value == values[0]), "half of each: {values:?}");
        assert_eq!(place.ids(), ["_design/a", "_design/b", "_design/c"]);
    }
}

#[test]
fn rolled_back_and_forth() {
    let Some(place) = Place::new("rollback") else { return };
    place.fill(100);
    place.design("a/v/map.js", "function (doc) { emit(doc.k, 1); }\n");
    place.design(
        "a/validate_doc_update.js",
        "function (newDoc) { if (newDoc.bad) { throw({forbidden: 'bad'}); } }\n",
    );
    place.design("gone/v/map.js", "function (doc) { emit(doc.k, 'gone'); }\n");
    place.report(&["push"]);
    let first = place.designs();
    place.design("a/v/map.js", "function (doc) { emit(doc.k, 2); }\n");
    place.design("a/validate_doc_update.js", "function () {}\n");
    place.remove_design("gone");
    place.report(&["push", "--keep-previous", "--prune"]);
    assert_eq!(
        place.ids(),
        ["_design/a", "_design/couchctl-previous:a", "_design/couchctl-previous:gone"]
    );
    assert!(!place.designs()["_design/couchctl-previous:a"].contains_key("validate_doc_update"));
    // A document written after the push is in the index that comes back.
    let document = serde_json::json!({ "_id": "later", "k": 99 });
    place.run(place.database.bulk_docs(vec![document])).expect("a document");
    place.report(&["rollback"]);
    assert_eq!(place.rows_as_they_are("a", "v").len(), 101);
    assert_eq!(place.rows_as_they_are("a", "v")[0]["value"], 1);
    let content = |body: &Map<String, Value>| {
        let mut body = body.clone();
        body.shift_remove("_rev");
        body
    };
    let back = place.designs();
    for id in ["_design/a", "_design/gone"] {
        assert_eq!(content(&back[id]), content(&first[id]), "{id}");
    }
    assert_eq!(place.ids(), ["_design/a", "_design/couchctl-previous:a", "_design/gone"]);
    // That was nobody else.
    let plan = object(&place.couchctl(&["diff", "--format", "json"]).stdout);
    let designs = plan["databases"][0]["designs"].as_array().expect("design documents");
    assert!(designs.iter().all(|design| design["changed_since"].is_null()), "{designs:?}");
    place.report(&["rollback"]);
    assert_eq!(place.rows_as_they_are("a", "v")[0]["value"], 2);
    // A push that keeps nothing leaves nothing to go back to.
    place.design("a/v/map.js", "function (doc) { emit(doc.k, 4); }\n");
    place.report(&["push"]);
    assert_eq!(place.couchctl(&["rollback"]).code, Some(2));
    assert_eq!(place.ids(), ["_design/a", "_design/gone"]);
}

#[test]
fn warm_and_cleanup() {
    let Some(place) = Place::new("warm") else { return };
    place.fill(500);
    let body = object(
        r#"{"views":{"v":{"map":"function (doc) { emit(doc.k, 'x'); }"}},"autoupdate":false}"#,
    );
    place.run(place.database.save("_design/a", None, &body)).expect("saved");
    place.run(place.database.save("_design/same", None, &body)).expect("saved");
    place.design("a/v/map.js", "function (doc) { emit(doc.k, 'x'); }\n");
    assert_eq!(place.rows_as_they_are("a", "v").len(), 0);
    let report = place.report(&["warm"]);
    let warmed = report["warmed"].as_array().expect("a list");
    assert_eq!(warmed.len(), 1, "one index for two design documents: {warmed:?}");
    assert_eq!(place.rows_as_they_are("same", "v").len(), 500);

    let staged = object(
        r#"{"views":{"v":{"map":"function (doc) { emit(doc.k, 'staged'); }"}},"autoupdate":false}"#,
    );
    let id = format!(
        "{}{}",
        couchctl::deploy::plan::STAGING_PREFIX,
        couchctl::deploy::plan::staging_key(&staged)
    );
    place.run(place.database.save(&id, None, &staged)).expect("saved");
    let report = place.report(&["cleanup"]);
    assert_eq!(report["removed"][0]["id"], *id);
    assert_eq!(place.ids(), ["_design/a", "_design/same"]);
    assert_eq!(place.rows_as_they_are("a", "v").len(), 500, "what is used stays");
}

#[test]
fn a_saved_plan_is_refused_when_the_server_moved() {
    let Some(place) = Place::new("plan") else { return };
    place.fill(10);
    place.design("a/v/map.js", "function (doc) { emit(doc.k, 1); }\n");
    place.report(&["push"]);
    place.design("a/v/map.js", "function (doc) { emit(doc.k, 2); }\n");
    let plan = place.couchctl(&["diff", "--out", "plan.json"]);
    assert_eq!(plan.code, Some(0), "{plan:?}");
    let rev = place.designs()["_design/a"]["_rev"].as_str().expect("a revision").parse();
    let body = object(r#"{"views":{"v":{"map":"function (doc) { emit(doc.k, 'other'); }"}}}"#);
    place.run(place.database.save("_design/a", rev.as_ref().ok(), &body)).expect("saved");
    let answer = place.couchctl(&["push", "--plan", "plan.json"]);
    assert_eq!(answer.code, Some(2), "{answer:?}");
    assert!(answer.stderr.contains("the plan no longer holds"), "{answer:?}");
    let plan = place.couchctl(&["diff", "--out", "plan.json"]);
    assert_eq!(plan.code, Some(0), "{plan:?}");
    assert_eq!(saved(&place.report(&["push", "--plan", "plan.json"])), ["_design/a"]);
}

#[test]
fn a_protected_server_is_not_changed_unasked() {
    let Some(place) = Place::new("protected") else { return };
    place.design("a/v/map.js", "function (doc) { emit(doc.k, 1); }\n");
    let config = format!(
        "[databases.{}]\ncreate = true\n[environments.live]\nurl = \"{}\"\nprotected = true\n",
        place.name, place.connection.url
    );
    place.write("couchctl.toml", &config);
    let answer = place.couchctl(&["push"]);
    assert_eq!(answer.code, Some(2), "{answer:?}");
    assert!(place.run(place.database.info()).is_err(), "it was created");
    assert_eq!(place.couchctl(&["push", "--yes"]).code, Some(0));
    assert_eq!(place.couchctl(&["push"]).code, Some(0), "nothing to do needs no question");
}

#[test]
fn views_over_partitions_are_built_on_every_shard() {
    let Some(place) = Place::new("partitions") else { return };
    let config = format!("[databases.{}]\ncreate = true\npartitioned = true\n", place.name);
    place.write("couchctl.toml", &config);
    place.design("a/v/map.js", "function (doc) { emit(doc.n, 1); }\n");
    place.design("all/views/v/map.js", "function (doc) { emit(doc.n, 1); }\n");
    place.design("all/options.json", r#"{ "partitioned": false }"#);
    place.report(&["push"]);
    let documents =
        (0..200).map(|n| serde_json::json!({ "_id": format!("p{}:{n}", n % 20), "n": n }));
    place.run(place.database.bulk_docs(documents.collect())).expect("documents");
    place.design("a/v/map.js", "function (doc) { emit(doc.n, 2); }\n");
    place.design("all/views/v/map.js", "function (doc) { emit(doc.n, 2); }\n");
    let report = place.report(&["push"]);
    assert_eq!(saved(&report), ["_design/a", "_design/all"]);
    assert_eq!(report["notices"].as_array().map(Vec::len), Some(0), "{report}");
    for id in ["_design/a", "_design/all"] {
        let info = place.run(place.database.index_info(id)).expect("an index");
        assert!(info.updates_pending.total < 20, "{id}: {info:?}");
    }
    assert_eq!(place.rows_as_they_are("all", "v").len(), 200);
    assert_eq!(place.ids(), ["_design/a", "_design/all"]);
}

#[test]
fn mango_indexes_deploy_like_others() {
    let Some(place) = Place::new("mango") else { return };
    place.fill(100);
    let design = |field: &str| {
        format!(
            r#"{{"language":"query","views":{{"by":{{"map":{{"fields":{{"{field}":"asc"}},"partial_filter_selector":{{}}}},
                "reduce":"_count","options":{{"def":{{"fields":["{field}"]}}}}}}}}}}"#
        )
    };
    place.design("index.json", &design("n"));
    place.report(&["push"]);
    assert_eq!(place.rows_as_they_are("index", "by").len(), 100);
    place.design("index.json", &design("k"));
    assert_eq!(saved(&place.report(&["push"])), ["_design/index"]);
    assert_eq!(place.rows_as_they_are("index", "by").len(), 100);
    assert_eq!(place.rows_as_they_are("index", "by")[0]["key"], serde_json::json!([0]));
}

#[test]
fn an_index_that_moves_to_another_design_document_is_kept() {
    let Some(place) = Place::new("moves") else { return };
    place.fill(1000);
    let map = |number: u32| format!("function (doc) {{ emit(doc.n, {number}); }}\n");
    place.design("a/v/map.js", &map(1));
    place.design("b/v/map.js", &map(2));
    place.report(&["push"]);
    // Both at once, in the other's place.
    place.design("a/v/map.js", &map(2));
    place.design("b/v/map.js", &map(1));
    let report = place.report(&["push"]);
    let built = report["warmed"].as_array().expect("a list").iter();
    let changes: u64 = built.map(|built| built["changes"].as_u64().expect("a number")).sum();
    assert!(changes < 50, "nothing is built anew: {report}");
    for (design, number) in [("a", 2), ("b", 1)] {
        let rows = place.rows_as_they_are(design, "v");
        assert_eq!((rows.len(), &rows[0]["value"]), (1000, &Value::from(number)), "{design}");
    }
    assert_eq!(place.ids(), ["_design/a", "_design/b"]);
}
