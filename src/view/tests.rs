//! Queries against small indexes. The answers of real servers are compared elsewhere.

use std::sync::Arc;

use super::collation::Collation;
use super::response::{Answer, results};
use super::*;
use crate::json::parse_str;

/// Rows `(document, shard, key, value)`.
type Emitted<'a> = (&'a str, usize, &'a str, &'a str);

fn index(shards: usize, rows: &[Emitted<'_>]) -> Index {
    let mut index = Index::new(shards, Collation::Icu, false);
    index.update(documents(rows));
    index
}

fn documents(rows: &[Emitted<'_>]) -> Vec<DocumentRows> {
    let mut documents: Vec<DocumentRows> = Vec::new();
    for (id, shard, key, value) in rows {
        let pair = ((*key).into(), (*value).into());
        match documents.iter_mut().find(|document| &*document.id == *id) {
            Some(document) => document.emitted.push(pair),
            None => documents.push(DocumentRows {
                id: (*id).into(),
                shard: *shard,
                emitted: vec![pair],
            }),
        }
    }
    documents
}

fn query(body: &str, reduces: bool) -> Query {
    let view = ViewShape { reduces, ..ViewShape::default() };
    Parameters::from_body(&parse_str(body).unwrap(), &[]).unwrap().validate(&view).unwrap()
}

fn map(index: &Index, body: &str) -> String {
    Answer::Map(index.map(&query(body, false), &Context::default()).unwrap()).body()
}

fn values(index: &Index, body: &str) -> Vec<String> {
    let answer = index.map(&query(body, false), &Context::default()).unwrap();
    answer.rows.iter().map(|row| row.row.value.to_string()).collect()
}

fn totals(index: &Index, body: &str) -> Option<(u64, u64)> {
    index.map(&query(body, false), &Context::default()).unwrap().totals
}

fn reduce(index: &Index, source: &str, body: &str) -> Vec<(String, String)> {
    let mut reducer =
        BuiltinReducer::new(Builtin::recognise(source).unwrap().unwrap(), index.collation());
    let reductions = index.reductions(&mut reducer).unwrap();
    let answer =
        index.reduce(&query(body, true), &reductions, &mut reducer, &Context::default()).unwrap();
    let text = |value| match value {
        ReduceValue::Json(text) => text.to_string(),
        ReduceValue::Overflow(reason) => format!("overflow: {reason}"),
    };
    answer.rows.into_iter().map(|row| (row.key, text(row.value))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
}

const SMALL: [Emitted<'static>; 4] = [
    ("b", 0, "1", "2"),
    ("a", 0, "1", "1"),
    ("c", 0, "[1,\"x\"]", "3"),
    ("d", 0, "[1,\"y\"]", "4"),
];

#[test]
fn responses_are_laid_out_like_the_servers() {
    let index = index(1, &SMALL);
    assert_eq!(
        map(&index, r#"{"limit":2}"#),
        "{\"total_rows\":4,\"offset\":0,\"rows\":[\r\n\
         {\"id\":\"a\",\"key\":1,\"value\":1},\r\n{\"id\":\"b\",\"key\":1,\"value\":2}\r\n]}\n"
    );
    assert_eq!(
        map(&index, r#"{"key":9}"#),
        "{\"total_rows\":4,\"offset\":2,\"rows\":[\r\n\r\n]}\n"
    );
    let several = [
        Answer::Reduce(ReduceAnswer {
            update_seq: Some("2-x"),
            rows: vec![
                ReduceRow { key: "1".into(), value: ReduceValue::Json("2".into()) },
                ReduceRow { key: "2".into(), value: ReduceValue::Overflow("big".into()) },
            ],
        }),
        Answer::Map(index.map(&query(r#"{"limit":0}"#, false), &Context::default()).unwrap()),
    ];
    assert_eq!(
        results(&several),
        "{\"results\":[\r\n{\"update_seq\":\"2-x\",\"rows\":[\r\n{\"key\":1,\"value\":2},\r\n\
         {\"key\":null,\"error\":\"reduce_overflow_error\",\"reason\":\"big\"}\r\n]},\r\n\
         {\"total_rows\":4,\"offset\":0,\"rows\":[\r\n\r\n]}\r\n]}\n"
    );
    assert_eq!(results(&[]), "{\"results\":[\r\n]}\n");
}

#[test]
fn documents_come_with_rows() {
    struct Reader;
    impl DocumentReader for Reader {
        fn document(
            &self,
            id: &str,
            revision: Option<&str>,
            options: DocumentOptions,
        ) -> Option<Arc<str>> {
            (id != "gone")
                .then(|| {
                    format!("[\"{id}\",\"{revision:?}\",{}]", options.conflicts)
                        .replace("\"None\"", "0")
                })
                .map(|text| text.replace("\"Some(\"", "\"").replace("\")\"", "\"").into())
        }
    }
    let index = index(
        1,
        &[
            ("d", 0, "1", "1"),
            ("d", 0, "2", "{\"_id\":\"x\"}"),
            ("d", 0, "3", "{\"_id\":null}"),
            ("d", 0, "4", "{\"_id\":\"gone\"}"),
            ("d", 0, "5", "{\"_rev\":\"1-a\"}"),
            ("d", 0, "6", "{\"_id\":7}"),
        ],
    );
    let context = Context { documents: Some(&Reader), ..Context::default() };
    let answer =
        index.map(&query(r#"{"include_docs":true,"conflicts":true}"#, false), &context).unwrap();
    let shown: Vec<_> = answer.rows.iter().map(|row| row.document.as_deref().unwrap()).collect();
    assert_eq!(
        shown,
        ["[\"d\",0,true]", "[\"x\",0,false]", "null", "null", "[\"d\",\"1-a\",true]", "null"]
    );
}

#[test]
fn updates_replace_rows() {
    let mut index = index(2, &[("a", 0, "1", "1"), ("b", 1, "2", "2"), ("c", 1, "3", "3")]);
    index.update(documents(&[("b", 1, "4", "4"), ("d", 0, "0", "0")]));
    index.update(vec![DocumentRows { id: "c".into(), shard: 1, emitted: Vec::new() }]);
    assert_eq!(values(&index, "{}"), ["0", "1", "4"]);
    assert_eq!(index.total_rows(), 3);
}

#[test]
fn offsets() {
    let index =
        index(2, &[("a", 0, "0", "0"), ("b", 0, "3", "3"), ("c", 1, "1", "1"), ("d", 1, "2", "2")]);
    assert_eq!(totals(&index, r#"{"startkey":2}"#), Some((4, 2)));
    assert_eq!(totals(&index, r#"{"startkey":2,"descending":true}"#), Some((4, 1)));
    assert_eq!(totals(&index, r#"{"skip":9}"#), Some((4, 4)));
    assert_eq!(totals(&index, r#"{"keys":[]}"#), Some((4, 0)));
    // The second shard, which lacks the first key, counts up to where it stopped.
    assert_eq!(totals(&index, r#"{"keys":[3,0]}"#), Some((4, 1)));
    assert_eq!(totals(&index, r#"{"sorted":false}"#), None);
}

#[test]
fn entries_keep_their_inner_order() {
    let index =
        index(1, &[("d", 0, "1", "2"), ("d", 0, "1", "1"), ("d", 0, "0", "9"), ("e", 0, "1", "0")]);
    assert_eq!(values(&index, "{}"), ["9", "1", "2", "0"]);
    assert_eq!(values(&index, r#"{"descending":true}"#), ["0", "1", "2", "9"]);
    assert_eq!(values(&index, r#"{"descending":true,"skip":2}"#), ["2", "9"]);
    assert_eq!(values(&index, r#"{"descending":true,"skip":2,"limit":1}"#), ["2"]);
}

#[test]
fn grouping() {
    let index = index(1, &SMALL);
    assert_eq!(reduce(&index, "_sum", "{}"), pairs(&[("null", "10")]));
    assert_eq!(reduce(&index, "_sum", r#"{"group_level":1}"#), pairs(&[("1", "3"), ("[1]", "7")]));
    assert_eq!(
        reduce(&index, "_sum", r#"{"group":true,"skip":1,"limit":1}"#),
        pairs(&[("[1,\"x\"]", "3")])
    );
    assert_eq!(reduce(&index, "_sum", r#"{"key":7}"#), []);
    assert_eq!(
        reduce(&index, "_count", r#"{"keys":[[1,"y"],7,1],"group":true}"#),
        pairs(&[("[1,\"y\"]", "1"), ("1", "2")])
    );
}

#[test]
fn a_range_that_ends_before_it_starts_is_refused() {
    let index = index(1, &SMALL);
    let refused = |body: &str| index.map(&query(body, false), &Context::default()).is_err();
    assert!(refused(r#"{"startkey":2,"endkey":1}"#));
    assert!(!refused(r#"{"startkey":2,"endkey":1,"descending":true}"#));
    assert!(refused(r#"{"startkey":1,"endkey":2,"descending":true}"#));
    assert!(!refused(r#"{"startkey":1,"endkey":1,"startkey_docid":"z","endkey_docid":"a"}"#));
}

#[test]
fn partitions() {
    let mut index = Index::new(1, Collation::Icu, true);
    index.update(documents(&[
        ("se:1", 0, "1", "1"),
        ("se:2", 0, "null", "2"),
        ("no:1", 0, "1", "3"),
    ]));
    let query = |body: &str| {
        let view = ViewShape { partitioned: true, ..ViewShape::default() };
        Parameters::from_body(&parse_str(body).unwrap(), &[]).unwrap().validate(&view).unwrap()
    };
    let answer = index.map(&query(r#"{"partition":"se","skip":1}"#), &Context::default()).unwrap();
    assert_eq!((answer.totals, answer.rows.len()), (Some((3, 2)), 1));
    let error =
        index.map(&query(r#"{"partition":"se","sorted":false}"#), &Context::default()).unwrap_err();
    assert_eq!(error.to_string(), "invalid_ejson: {p,<<\"se\">>,null}");
}

mod properties;
