//! The query parameters: any query string and body, over small indexes of every kind.
//!
//! An input is a line `VIEW PARTITION`, a line with the query string, and a body, which may be empty.
//! `VIEW` may end in `/queries`.

#![no_main]

use std::cell::RefCell;
use std::time::Duration;

use couchctl::document::Database;
use couchctl::engine::{Engine, Limits, Profile};
use couchctl::group::{GroupDefinition, Request, ViewGroup};
use couchctl::json::{self, Value};
use couchctl::view::Context;
use couchctl_fuzz::{items, plant, recorded};
use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::json;

const VIEWS: [&str; 7] = ["plain", "count", "sum", "stats", "distinct", "script", "missing"];

struct Server {
    engine: Engine,
    database: Database,
    group: ViewGroup,
}

thread_local! {
    static SERVERS: RefCell<[Server; 2]> = RefCell::new([server(false), server(true)]);
}

fn server(partitioned: bool) -> Server {
    let map =
        "function (doc) { emit(doc.key, doc.n); emit([doc.key, doc.n], { _id: doc.other }); }";
    let numbers = "function (doc) { emit(doc.key, doc.n); emit([doc.key, doc.n, null], doc.n); }";
    let script =
        "function (keys, values, rereduce) { return rereduce ? sum(values) : values.length; }";
    let design = json!({ "views": {
        "plain": { "map": map },
        "count": { "map": map, "reduce": "_count" },
        "sum": { "map": numbers, "reduce": "_sum" },
        "stats": { "map": numbers, "reduce": "_stats" },
        "distinct": { "map": map, "reduce": "_approx_count_distinct" },
        "script": { "map": map, "reduce": script },
    }});
    let mut database = Database::new(2, partitioned);
    let keys =
        [json!(null), json!(true), json!(1), json!("a"), json!("B"), json!(["a"]), json!({})];
    for number in 0..40_usize {
        let document = json!({
            "_id": format!("p{}:{number}", number % 3),
            "key": keys[number % keys.len()],
            "n": number,
            "other": format!("p0:{}", number * 2),
        });
        database.put(document.as_object().expect("an object")).expect("a document");
    }
    let limits = Limits { call_time: Duration::from_secs(2), ..Limits::default() };
    let mut engine = Engine::new(Profile::SpiderMonkey, limits);
    let definition = GroupDefinition::new(design.as_object().expect("an object"));
    let documents = database.documents_for(&definition);
    let group = ViewGroup::build(&mut engine, definition, 2, partitioned, documents)
        .expect("nothing throws");
    Server { engine, database, group }
}

fn seeds() -> Vec<String> {
    let mut seeds = Vec::new();
    let views = recorded("views.json");
    let requests = items(&views).iter().flat_map(|case| items(&case["requests"]));
    for (number, request) in requests.enumerate() {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in request["query"].as_object().into_iter().flatten() {
            query.append_pair(name, value.as_str().unwrap_or_default());
        }
        for pair in items(&request["query"]) {
            query.append_pair(
                pair[0].as_str().unwrap_or_default(),
                pair[1].as_str().unwrap_or_default(),
            );
        }
        let queries = request["view"].as_str().is_some_and(|view| view.ends_with("/queries"));
        let view = VIEWS[number % VIEWS.len()];
        let body = request.get("body").map(json::to_string).unwrap_or_default();
        let partition = request["partition"].as_str().map(|_| "p1").unwrap_or_default();
        let view = if queries { format!("{view}/queries") } else { view.to_owned() };
        seeds.push(format!("{view} {partition}\n{}\n{body}", query.finish()));
    }
    seeds.sort();
    seeds.dedup();
    seeds
}

fuzz_target!(
    init: plant(seeds),
    |input: &str| -> Corpus {
        let mut parts = input.splitn(3, '\n');
        let (Some(first), Some(query), Some(body)) = (parts.next(), parts.next(), parts.next())
        else {
            return Corpus::Reject;
        };
        let (view, partition) = first.split_once(' ').unwrap_or((first, ""));
        let (view, queries) = match view.strip_suffix("/queries") {
            Some(view) => (view, true),
            None => (view, false),
        };
        let body: Option<Value> = match json::parse_str(body) {
            Ok(body) => Some(body),
            Err(_) if body.is_empty() => None,
            Err(_) => return Corpus::Reject,
        };
        let request = Request {
            view: view.to_owned(),
            parameters: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            body,
            queries,
            partition: (!partition.is_empty()).then(|| partition.to_owned()),
        };
        SERVERS.with_borrow_mut(|servers| {
            for server in servers {
                let Server { engine, database, group } = server;
                let partitioned = database.is_partitioned();
                let checked = ViewGroup::check(group.definition(), partitioned, &request);
                let partition_shard = database.shard_of_partition(partition);
                let context =
                    Context { documents: Some(&*database), update_seq: "0", partition_shard };
                match group.respond(engine, &request, &context) {
                    Ok(body) => {
                        json::parse_str(&body).expect("an answer is JSON");
                        assert!(checked.is_ok(), "{body}");
                    }
                    Err(error) => {
                        json::parse_str(&error.body(Some(1))).expect("a refusal is JSON");
                        if let Err(checked) = checked {
                            assert_eq!(checked, error);
                        }
                    }
                }
            }
        });
        Corpus::Keep
    }
);
