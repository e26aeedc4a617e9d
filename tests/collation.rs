//! Order of keys against the answers of a real `CouchDB`.

use std::cmp::Ordering;
use std::path::PathBuf;

use couchctl::json::{Value, double_to_stored, number, number_to_double, parse_str};
use couchctl::view::collation::{Collation, compare, sort_key};

/// Where the recorded answers are; they are no part of this repository.
fn conformance() -> PathBuf {
    std::env::var_os("COUCHCTL_CONFORMANCE").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/conformance")),
        PathBuf::from,
    )
}

#[test]
fn orders_keys_like_couchdb() {
    let path = conformance().join("collation.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}; set COUCHCTL_CONFORMANCE to the directory with the recorded answers",
            path.display()
        )
    });
    let recorded = parse_str(&text).expect("the recording is JSON");
    let lists = recorded["lists"].as_array().expect("`lists`");
    assert!(lists.iter().any(|list| list["collation"] == "raw"));
    for list in lists {
        check(list);
    }
}

fn check(list: &Value) {
    let name = &list["name"];
    let collation = match list["collation"].as_str() {
        Some("default") => Collation::Icu,
        Some("raw") => Collation::Raw,
        other => panic!("{name}: collation {other:?}"),
    };
    let keys: Vec<(usize, Value, Vec<u8>)> = list["groups"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
        .flat_map(|(rank, group)| {
            group.as_array().into_iter().flatten().map(move |key| (rank, key))
        })
        .map(|(rank, key)| {
            let key = emitted(key);
            let bytes = sort_key(&key, collation);
            (rank, key, bytes)
        })
        .collect();
    assert!(!keys.is_empty(), "{name}: no keys");
    for (rank, key, bytes) in &keys {
        for (other_rank, other, other_bytes) in &keys {
            let expected: Ordering = rank.cmp(other_rank);
            assert_eq!(
                compare(key, other, collation),
                expected,
                "{name}, {collation:?}: {key} to {other}"
            );
            assert_eq!(
                bytes.cmp(other_bytes),
                expected,
                "{name}, {collation:?}: sort keys of {key} and {other}"
            );
        }
    }
}

/// The recorded keys are members of documents; a map function has emitted them, so that all numbers
/// went through JavaScript.
fn emitted(key: &Value) -> Value {
    match key {
        Value::Number(text) => {
            let double = number_to_double(text.as_str());
            number(&double_to_stored(double, &mut ryu_js::Buffer::new()))
        }
        Value::Array(items) => items.iter().map(emitted).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, member)| (name.clone(), emitted(member))).collect()
        }
        _ => key.clone(),
    }
}
