//! What is generated from schemas, on a server of CouchDB.

use std::collections::BTreeSet;
use std::path::Path;

use couchctl::generate::vdu::{self, declarative};
use couchctl::json::{Map, Value, parse_str, to_string};
use couchctl::project::Project;
use couchctl::schema::{Outcome, Schemas};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::expressible::{EXPRESSIBLE, is_for_documents, members, of_member};
use crate::maker;
use crate::place::{NoModules, Place};

/// How many documents of each schema are written.
const DOCUMENTS: usize = 1000;

/// The documents of the CloudAI project's schemas, spoilt or not: the server takes exactly those that the
/// schemas take, and refuses the others with a reason that names the same place.
#[test]
fn the_generated_function_agrees_with_the_schemas() {
    let project = Project::open(Path::new(env!("CARGO_MANIFEST_DIR")), &NoModules);
    let project = project.expect("the project of this repository");
    let mut random = StdRng::seed_from_u64(5);
    for key in ["cloudai", "cloudai_planner"] {
        let Some(place) = Place::new(&key.replace('_', "-")) else { return };
        place.run(place.database.create(false)).expect("a database");
        let schemas = Schemas::load(&project, project.database(key).expect("a database"));
        let schemas = schemas.expect("schemas");
        let generated = vdu::generate(&schemas, None).expect("a function");
        let design = serde_json::json!({
            "_id": "_design/schemas", "validate_doc_update": generated.source.trim()
        });
        place.run(place.database.bulk_docs(vec![design])).expect("a design document");
        let mut documents = Vec::new();
        for schema in &schemas.types {
            for _ in 0..DOCUMENTS {
                let Some(mut document) = maker::document(&schema.value, &mut random) else {
                    continue;
                };
                let id = document["_id"].as_str().unwrap_or_default().to_owned();
                // A server refuses such ids, and has other members of its own to judge.
                if id.starts_with('_') {
                    continue;
                }
                document.retain(|name, _| !name.starts_with('_'));
                document.insert("_id".to_owned(), format!("{id}{}", documents.len()).into());
                documents.push(document);
            }
        }
        let (mut valid, mut invalid) = (0, 0);
        for batch in documents.chunks(500) {
            let batch_of_values = batch.iter().cloned().map(Value::Object).collect();
            let answers = place.run(place.database.bulk_docs(batch_of_values)).expect("answers");
            assert_eq!(answers.len(), batch.len());
            for (document, answer) in batch.iter().zip(answers) {
                assert_eq!(answer["id"], document["_id"]);
                let told = || format!("{}: {}", to_string(&answer), text(document));
                match schemas.check(document) {
                    Outcome::Invalid { violations, .. } => {
                        invalid += 1;
                        assert_eq!(answer["error"], "forbidden", "{}", told());
                        let reason = answer["reason"].as_str().unwrap_or_default();
                        let is_there = violations.iter().any(|found| {
                            found.pointer.is_empty()
                                || reason.starts_with(&format!("`{}`: ", found.pointer))
                        });
                        assert!(is_there, "{}", told());
                    }
                    Outcome::Valid | Outcome::Ignored => {
                        valid += 1;
                        assert_eq!(answer.get("error"), None, "{}", told());
                    }
                }
            }
        }
        println!("{key}: {valid} taken, {invalid} refused");
        assert!(valid > documents.len() / 5 && invalid > documents.len() / 5);
    }
}

fn text(document: &Map<String, Value>) -> String {
    to_string(&Value::Object(document.clone()))
}

/// Selectors choose the documents that the schemas take. No release of CouchDB runs them as validation so
/// far; `_find` evaluates selectors in the same way, here over documents `{newDoc, oldDoc}`.
#[test]
fn generated_selectors_agree_with_the_schemas() {
    let Some(place) = Place::new("selectors") else { return };
    place.run(place.database.create(false)).expect("a database");
    let mut random = StdRng::seed_from_u64(9);
    let documents: Vec<Map<String, Value>> = (0..1000)
        .map(|number| {
            let mut document = members(&mut random, 0);
            document.insert("type".to_owned(), "t".into());
            document.insert("_id".to_owned(), format!("{number}").into());
            document
        })
        .collect();
    let wrapped = documents.iter().map(|document| {
        serde_json::json!({ "_id": document["_id"], "newDoc": document, "oldDoc": null })
    });
    place.run(place.database.bulk_docs(wrapped.collect())).expect("saved");
    let mut selectors = 0;
    for text in EXPRESSIBLE {
        let inner = of_member(text);
        let texts = [
            Some(inner.as_str()).filter(|_| !text.contains("#/$defs")),
            Some(text).filter(|text| is_for_documents(text)),
        ];
        for text in texts.into_iter().flatten() {
            place.write("couchctl.toml", "");
            place.write("schemas/db/t.schema.json", text);
            let project = Project::open(place.path(), &NoModules).expect("a project");
            let schemas = Schemas::load(&project, &project.databases[0]).expect("schemas");
            let generated = declarative::generate(&schemas).expect("a selector");
            let expected: BTreeSet<String> = documents
                .iter()
                .filter(|document| schemas.check(document) == Outcome::Valid)
                .map(|document| document["_id"].as_str().unwrap_or_default().to_owned())
                .collect();
            let query = serde_json::json!({
                "selector": generated.selector, "fields": ["_id"], "limit": documents.len() + 1
            });
            let answer = place.run(find(&place, &query));
            let found: BTreeSet<String> = answer["docs"]
                .as_array()
                .unwrap_or_else(|| panic!("{text}: {}", to_string(&answer)))
                .iter()
                .map(|document| document["_id"].as_str().unwrap_or_default().to_owned())
                .collect();
            let differs: Vec<_> = expected.symmetric_difference(&found).collect();
            assert!(differs.is_empty(), "{text}\n{}\n{differs:?}", to_string(&generated.selector));
            selectors += 1;
        }
    }
    println!("{selectors} selectors over {} documents", documents.len());
}

async fn find(place: &Place, query: &Value) -> Value {
    let url = format!("{}/{}/_find", place.connection.url.trim_end_matches('/'), place.name);
    let mut request = reqwest::Client::new()
        .post(url)
        .header("content-type", "application/json")
        .body(to_string(query));
    if let (Some(user), Some(password)) = (&place.connection.user, &place.connection.password) {
        request = request.basic_auth(user, Some(password.reveal()));
    }
    let answer = request.send().await.expect("an answer").text().await.expect("a text");
    parse_str(&answer).expect("JSON")
}
