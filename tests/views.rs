//! `conformance/views.json`: whole design documents, their documents and requests, in both profiles.

mod support;

use couchctl::document::Database;
use couchctl::engine::{Engine, Limits, Profile};
use couchctl::group::{GroupDefinition, Request, ViewGroup};
use couchctl::json::{self, Map, Value};
use couchctl::view::Context;
use support::conformance;

/// Requests whose answer is known to differ: case, profile (`None`: both), reason.
const KNOWN: &[(&str, Option<Profile>, &str)] = &[
    (
        "emit-numbers-tiny",
        None,
        "subnormal numbers are 0.0 from the start, not only where they are printed",
    ),
    ("doc-numbers", None, "subnormal numbers are 0.0 from the start: another revision"),
    (
        "sandbox-this-write",
        None,
        "the server fails at a map function that writes to its list of functions",
    ),
    (
        "sandbox-json-frozen",
        Some(Profile::QuickJs),
        "the server prints with the function's own JSON object",
    ),
    ("sandbox-globals", Some(Profile::SpiderMonkey), "boa is built without Intl"),
    ("locale-functions", Some(Profile::SpiderMonkey), "boa is built without Intl"),
    ("language-coffeescript", None, "CoffeeScript is not supported"),
];

fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap_or_else(|| panic!("expected an object, not {value}"))
}

/// A database as the case describes it.
fn database(case: &Value) -> Database {
    let shards = usize::try_from(case["q"].as_u64().unwrap_or(1)).expect("few shards");
    let mut database = Database::new(shards, case["partitioned"] == Value::Bool(true));
    // The server writes the documents of a bulk request in the order of their ids.
    let mut documents: Vec<&Value> = case["docs"].as_array().expect("docs").iter().collect();
    documents.sort_by_key(|document| document["_id"].as_str().unwrap_or_default().to_owned());
    for document in documents {
        database.put(object(document)).expect("a document that can be saved");
    }
    for revision in case["replicated"].as_array().into_iter().flatten() {
        database.replicate(object(revision)).expect("a revision that can be saved");
    }
    let mut design = object(&case["design"]).clone();
    design.shift_insert(0, "_id".into(), "_design/d".into());
    for design in
        case["other_designs"].as_array().into_iter().flatten().map(object).chain([&design])
    {
        database.put(design).expect("a design document that can be saved");
    }
    steps(&mut database, &case["setup"]);
    database
}

fn steps(database: &mut Database, steps: &Value) {
    for step in steps.as_array().into_iter().flatten() {
        let id = step["path"].as_str().expect("path").trim_start_matches('/');
        match step["method"].as_str() {
            Some("PUT") => {
                let mut document = object(&step["body"]).clone();
                document.insert("_id".into(), id.into());
                if let (Some(revision), true) = (database.revision(id), step["from_rev"] == true) {
                    document.insert("_rev".into(), revision.to_string().into());
                }
                database.put(&document).expect("a document that can be saved");
            }
            Some("DELETE") => {
                database.delete(id).expect("a document that can be deleted");
            }
            Some("POST") if id == "_purge" => {
                for (id, revisions) in object(&step["body"]) {
                    for revision in revisions.as_array().into_iter().flatten() {
                        let revision =
                            revision.as_str().expect("text").parse().expect("a revision");
                        assert!(database.purge(id, &revision));
                    }
                }
            }
            other => panic!("unknown step {other:?}"),
        }
    }
}

struct Server {
    engine: Engine,
    database: Database,
    definition: GroupDefinition,
    /// What an `update=false` query sees.
    stale: Option<Result<ViewGroup, couchctl::group::BuildFailure>>,
    changed: bool,
    /// Requests that found the group built.
    built: usize,
}

impl Server {
    fn group(&mut self, update: bool) -> &Result<ViewGroup, couchctl::group::BuildFailure> {
        if self.changed && update {
            let documents = self.database.documents_for(&self.definition);
            self.stale = Some(ViewGroup::build(
                &mut self.engine,
                self.definition.clone(),
                self.database.shards(),
                self.database.is_partitioned(),
                documents,
            ));
            self.changed = false;
        }
        if self.stale.is_none() {
            let (shards, partitioned) = (self.database.shards(), self.database.is_partitioned());
            let nothing = Vec::new();
            let definition = self.definition.clone();
            self.stale =
                Some(ViewGroup::build(&mut self.engine, definition, shards, partitioned, nothing));
        }
        self.stale.as_ref().expect("was just built")
    }

    /// Status and body.
    fn answer(&mut self, request: &Value) -> (u16, String) {
        let text = |value: &Value| value.as_str().expect("raw text").to_owned();
        let parameters: Vec<(String, String)> = match &request["query"] {
            // Where a parameter is repeated they are listed as pairs.
            Value::Array(pairs) => {
                pairs.iter().map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
            }
            query => {
                object(query).iter().map(|(name, value)| (name.clone(), text(value))).collect()
            }
        };
        let view = request["view"].as_str().expect("view");
        let update = !parameters.iter().any(|(name, value)| {
            matches!(
                (name.as_str(), value.as_str()),
                ("update", "false" | "lazy") | ("stale", "ok" | "update_after")
            )
        });
        let partition = request["partition"].as_str().map(str::to_owned);
        let (view, queries) = match view.strip_suffix("/queries") {
            Some(view) => (view, true),
            None => (view, false),
        };
        let request = Request {
            view: view.to_owned(),
            parameters,
            body: request.get("body").cloned(),
            queries,
            partition: partition.clone(),
        };
        let partition_shard =
            partition.map_or(0, |partition| self.database.shard_of_partition(&partition));
        // Parameters are checked before the index is touched.
        if let Err(failure) = self.group(update) {
            let failure = failure.clone();
            if let Err(error) =
                ViewGroup::check(&self.definition, self.database.is_partitioned(), &request)
            {
                return (error.status, error.body(Some(1)));
            }
            let error = failure.to_query_error();
            if !update && self.built == 0 {
                // Nothing was built yet, so that what cannot be built does not show.
                let (shards, partitioned) =
                    (self.database.shards(), self.database.is_partitioned());
                let empty = ViewGroup::build(
                    &mut self.engine,
                    self.definition.clone(),
                    shards,
                    partitioned,
                    Vec::new(),
                )
                .expect("nothing to fail at");
                let body = empty.respond(&mut self.engine, &request, &Context::default());
                return (200, body.expect("an empty view answers"));
            }
            return (error.status, error.body(Some(1)));
        }
        self.built += 1;
        let group = self.stale.take().expect("was built").expect("did not fail");
        let context = Context {
            documents: Some(&self.database),
            update_seq: "<update_seq>",
            partition_shard,
        };
        let answer = match group.respond(&mut self.engine, &request, &context) {
            Ok(body) => (200, body),
            Err(error) => (error.status, error.body((!request.queries).then_some(1))),
        };
        self.stale = Some(Ok(group));
        answer
    }
}

fn masked(value: &Value) -> Value {
    match value {
        Value::String(text) if text.starts_with('<') && text.ends_with('>') => "<masked>".into(),
        Value::Array(items) => Value::Array(items.iter().map(masked).collect()),
        Value::Object(members) => Value::Object(
            members.iter().map(|(name, member)| (name.clone(), masked(member))).collect(),
        ),
        other => other.clone(),
    }
}

fn sort_rows(answer: &mut Value) {
    if let Some(rows) = answer.get_mut("rows").and_then(Value::as_array_mut) {
        rows.sort_by_key(json::to_string);
    }
}

/// Whether the answer is the recorded one, where masked members may hold anything.
fn same(recorded: &Value, answer: &Value) -> bool {
    match (recorded, answer) {
        (Value::String(mask), _) if mask.starts_with('<') && mask.ends_with('>') => true,
        (Value::String(recorded), Value::String(answer)) if recorded.contains("<stack trace>") => {
            let start = recorded.split("<stack trace>").next().unwrap_or_default();
            answer.starts_with(start)
        }
        (Value::Array(recorded), Value::Array(answer)) => {
            recorded.len() == answer.len()
                && recorded.iter().zip(answer).all(|(recorded, answer)| same(recorded, answer))
        }
        (Value::Object(recorded), Value::Object(answer)) => {
            recorded.len() == answer.len()
                && recorded.iter().zip(answer).all(|((name, recorded), (other, answer))| {
                    name == other && same(recorded, answer)
                })
        }
        _ => recorded == answer,
    }
}

/// Requests that never reach a view: methods, paths and content types are the HTTP layer's.
fn is_http(case: &Value, request: &Value) -> bool {
    let view = request["view"].as_str().unwrap_or_default();
    !matches!(request["method"].as_str(), Some("GET" | "POST"))
        || request.get("ddoc").is_some()
        || request.get("headers").is_some()
        || (request["status"] == 405)
        || view.is_empty()
        || (request.get("partition").is_some() && case["partitioned"] != true)
        || request.get("body").is_some_and(Value::is_string)
}

#[test]
fn views_answer_as_the_server_does() {
    let recorded = conformance("views.json");
    let mut failures = Vec::new();
    let (mut checked, mut differing) = (0, 0);
    for profile in [Profile::SpiderMonkey, Profile::QuickJs] {
        for case in recorded.as_array().expect("cases") {
            let name = case["name"].as_str().expect("name");
            if case.get("design_save").is_some_and(|save| {
                let save =
                    save.get("quickjs").filter(|_| profile == Profile::QuickJs).unwrap_or(save);
                save["status"] != 201
            }) {
                continue;
            }
            let known = KNOWN
                .iter()
                .any(|(known, on, _)| *known == name && on.is_none_or(|on| on == profile));
            let mut server = Server {
                engine: Engine::new(profile, Limits::default()),
                database: database(case),
                definition: GroupDefinition::new(object(&case["design"])),
                stale: None,
                changed: true,
                built: 0,
            };
            let mut wrong = Vec::new();
            for (position, request) in
                case["requests"].as_array().expect("requests").iter().enumerate()
            {
                let expected = match request.get("quickjs") {
                    Some(answer) if profile == Profile::QuickJs => answer,
                    _ => request,
                };
                if !is_http(case, request) {
                    checked += 1;
                    let (status, body) = server.answer(request);
                    let answer = json::parse_str(&body).expect("the body is JSON");
                    let response = expected.get("response").unwrap_or(&Value::Null);
                    let text = expected.get("response_text").and_then(Value::as_str);
                    let (mut response, mut answer) = (response.clone(), answer);
                    if request["unordered"] == true {
                        sort_rows(&mut response);
                        sort_rows(&mut answer);
                    }
                    let (response, answer) = (&response, &answer);
                    let right = match text {
                        Some(text) => text == body,
                        None => same(response, answer),
                    };
                    if expected["status"] != status || !right {
                        wrong.push(format!(
                            "  request {position} {} {} {}\n    expected {} {}\n    got      {status} {}",
                            request["view"],
                            request["query"],
                            request.get("body").unwrap_or(&Value::Null),
                            expected["status"],
                            text.map_or_else(|| json::to_string(&masked(response)), str::to_owned),
                            json::to_string(&masked(answer)),
                        ));
                    }
                }
                if let Some(then) = request.get("then") {
                    steps(&mut server.database, then);
                    server.changed = true;
                }
            }
            match (wrong.is_empty(), known) {
                (false, false) => {
                    failures.push(format!("{name} ({profile:?})\n{}", wrong.join("\n")));
                }
                (false, true) => differing += wrong.len(),
                (true, true) => {
                    failures
                        .push(format!("{name} ({profile:?}) is a known difference, but passes"));
                }
                (true, false) => {}
            }
        }
    }
    assert!(checked > 0, "no request was made");
    assert!(failures.is_empty(), "{} cases differ:\n{}", failures.len(), failures.join("\n"));
    assert!(
        differing * 50 <= checked,
        "{differing} of {checked} are known to differ: more than 2 %"
    );
}
