//! Writing: revisions, conflicts and what CouchDB refuses.

use proptest::prelude::*;

use super::members;
use crate::design::Revision;
use crate::document::{Absent, Database, DocumentFile, ReadOptions, WriteError};

fn put(database: &mut Database, text: &str) -> Result<String, (u16, &'static str, String)> {
    shown(database.put(&members(text)))
}

fn shown(answer: Result<Revision, WriteError>) -> Result<String, (u16, &'static str, String)> {
    answer
        .map(|revision| revision.to_string())
        .map_err(|error| (error.status, error.error, error.reason))
}

fn conflict() -> Result<String, (u16, &'static str, String)> {
    Err((409, "conflict", "Document update conflict.".into()))
}

#[test]
fn revisions_are_the_servers() {
    let mut database = Database::new(1, false);
    assert_eq!(
        put(&mut database, r#"{"_id":"a"}"#),
        Ok("1-967a00dff5e02add41819138abb3284d".into())
    );
    assert_eq!(
        put(&mut database, r#"{"_id":"b","x":1}"#),
        Ok("1-0785e9eb543380151003dc452c3a001a".into())
    );
    let update = r#"{"x":2,"_rev":"1-0785e9eb543380151003dc452c3a001a","_id":"b"}"#;
    assert_eq!(put(&mut database, update), Ok("2-8c49edca19d786e747fb5bea32c4cb91".into()));
    // `doc-attachments` of the recorded answers: types that CouchDB compresses, and one it does not.
    let attachments = r#"{"_id":"att","_attachments":{
        "b.txt":{"content_type":"text/plain","data":"aGVsbG8gd29ybGQ="},
        "a/empty.bin":{"content_type":"application/octet-stream","data":""},
        "z.json":{"content_type":"application/json","data":"e30="}}}"#;
    assert_eq!(put(&mut database, attachments), Ok("1-acf1723ff05a626fb083b27ffcc326ad".into()));
    assert_eq!(database.len(), 3);
    assert_eq!(database.ids().iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["a", "att", "b"]);
}

#[test]
fn conflicts_of_clients() {
    let mut database = Database::new(1, false);
    let first = put(&mut database, r#"{"_id":"a"}"#).expect("created");
    assert_eq!(put(&mut database, r#"{"_id":"a"}"#), conflict());
    assert_eq!(put(&mut database, r#"{"_id":"a","_rev":"1-0"}"#), conflict());
    assert_eq!(put(&mut database, r#"{"_id":"new","_rev":"1-0"}"#), conflict());
    let second =
        put(&mut database, &format!(r#"{{"_id":"a","_rev":"{first}"}}"#)).expect("updated");
    assert_eq!(put(&mut database, &format!(r#"{{"_id":"a","_rev":"{first}"}}"#)), conflict());
    // The same content again is a new revision.
    let third =
        put(&mut database, &format!(r#"{{"_id":"a","_rev":"{second}"}}"#)).expect("updated");
    assert!(third.starts_with("3-") && third != second);
}

#[test]
fn deleting_and_creating_again() {
    let mut database = Database::new(1, false);
    put(&mut database, r#"{"_id":"a"}"#).expect("created");
    let tombstone = database.delete("a").expect("deleted").to_string();
    assert_eq!(tombstone, "2-eec205a9d413992850a6e32678485900");
    assert_eq!(database.read("a", None, ReadOptions::default()), Err(Absent::Deleted));
    assert_eq!(database.read("b", None, ReadOptions::default()), Err(Absent::Missing));
    assert_eq!(shown(database.delete("a")), Err((404, "not_found", "deleted".into())));
    assert_eq!(shown(database.delete("b")), Err((404, "not_found", "missing".into())));
    assert_eq!((database.len(), database.map_document("a", false)), (0, None));
    let revision: Revision = tombstone.parse().expect("a revision");
    assert_eq!(
        database.read("a", Some(&revision), ReadOptions::default()),
        Ok(format!(r#"{{"_id":"a","_rev":"{tombstone}","_deleted":true}}"#))
    );
    assert_eq!(put(&mut database, &format!(r#"{{"_id":"a","_rev":"{tombstone}"}}"#)), conflict());
    assert_eq!(put(&mut database, r#"{"_id":"a","_deleted":true}"#), conflict());
    let again =
        put(&mut database, r#"{"_id":"a","_attachments":{"x":{"data":"aGk="}}}"#).expect("created");
    assert!(again.starts_with("3-"));
    let text = database.map_document("a", false).expect("a document");
    assert!(text.contains(r#""revpos":1,"#), "revpos counts from what the client named: {text}");
}

#[test]
fn what_couchdb_refuses() {
    let refused = |partitioned, text: &str| {
        let error = Database::new(1, partitioned).put(&members(text)).expect_err("refused");
        (error.status, error.error, error.reason)
    };
    for (text, error, reason) in [
        (r#"{"_id":""}"#, "illegal_docid", "Document id must not be empty"),
        (r#"{"_id":5}"#, "illegal_docid", "Document id must be a string"),
        (
            r#"{"_id":"_bad"}"#,
            "illegal_docid",
            "Only reserved document ids may start with underscore.",
        ),
        (r#"{"_id":"_design/"}"#, "illegal_docid", "Illegal document id `_design/`"),
        (r#"{"_id":"d","_zzz":1}"#, "doc_validation", "Bad special document member: _zzz"),
        (r#"{"_id":"d","_deleted":1}"#, "doc_validation", "Bad special document member: _deleted"),
        (r#"{"_id":"d","_rev":5}"#, "bad_request", "Invalid rev format"),
        (r#"{"_id":"d","_rev":"x"}"#, "bad_request", "Invalid rev format"),
        (
            r#"{"_id":"d","_rev":"1-zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"}"#,
            "bad_request",
            "Invalid rev format",
        ),
        (
            r#"{"_id":"d","_revisions":{"start":"1"}}"#,
            "doc_validation",
            "_revisions.start isn't an integer.",
        ),
        (
            r#"{"_id":"d","_attachments":{"a":{"data":"?"}}}"#,
            "bad_request",
            "Invalid attachment data for a",
        ),
        (r#"{"_id":"d","_attachments":{"a":{}}}"#, "bad_request", "Invalid attachment data for a"),
    ] {
        assert_eq!(refused(false, text), (400, error, reason.to_owned()), "{text}");
    }
    for (id, error, reason) in [
        ("a", "illegal_docid", "Doc id must be of form partition:id"),
        (":a", "illegal_partition", "Partition must not be empty"),
        ("a:", "illegal_docid", "Document id must not be empty"),
        ("a:_b", "illegal_docid", "Only reserved document ids may start with underscore."),
    ] {
        let text = format!(r#"{{"_id":"{id}"}}"#);
        assert_eq!(refused(true, &text), (400, error, reason.to_owned()), "{id}");
    }
    let stub = r#"{"_id":"_design/site","_attachments":{"none.txt":{"stub":true}}}"#;
    let reason = "Invalid attachment stub in _design/site for none.txt".to_owned();
    assert_eq!(refused(true, stub), (412, "missing_stub", reason));
}

#[test]
fn stubs_keep_the_attachments_of_the_parent() {
    let mut database = Database::new(1, false);
    let first = r#"{"_id":"a","_attachments":{"t":{"content_type":"text/plain","data":"aGVs\nbG8gd29ybGQ="}}}"#;
    let first = put(&mut database, first).expect("created");
    let with =
        |stub: &str| format!(r#"{{"_id":"a","_rev":"{first}","_attachments":{{"t":{stub}}}}}"#);
    let (status, error, _) =
        put(&mut database, &with(r#"{"stub":true,"revpos":4}"#)).expect_err("refused");
    assert_eq!((status, error), (412, "missing_stub"));
    put(&mut database, &with(r#"{"stub":true}"#)).expect("updated");
    let options =
        ReadOptions { attachments: true, att_encoding_info: true, ..ReadOptions::default() };
    let text = database.read("a", None, options).expect("a document");
    let expected = r#""_attachments":{"t":{"content_type":"text/plain","revpos":1,"digest":"md5-7mkg+nM0HN26sZkLN8KVSA==","data":"aGVsbG8gd29ybGQ=","encoding":"gzip","encoded_length":31}}}"#;
    assert!(text.ends_with(expected), "{text}");
}

#[test]
fn local_documents() {
    let mut database = Database::new(1, false);
    assert_eq!(put(&mut database, r#"{"_id":"_local/x","n":1}"#), Ok("0-1".into()));
    assert_eq!(put(&mut database, r#"{"_id":"_local/x","_rev":"0-1","n":2}"#), Ok("0-2".into()));
    let text = database.read("_local/x", None, ReadOptions::default());
    assert_eq!(text, Ok(r#"{"_id":"_local/x","_rev":"0-2","n":2}"#.into()));
    assert_eq!((database.len(), database.map_document("_local/x", true)), (0, None));
    assert_eq!(
        put(&mut database, r#"{"_id":"_local/x","_rev":"1-1"}"#).expect_err("refused").0,
        400
    );
    database.delete("_local/x").expect("deleted");
    assert_eq!(database.read("_local/x", None, ReadOptions::default()), Err(Absent::Missing));
}

#[test]
fn bulk_writes_go_by_id() {
    let mut database = Database::new(1, false);
    let documents = [r#"{"_id":"b"}"#, r#"{"_id":"_bad"}"#, r#"{"_id":"a"}"#].map(members);
    let answers = database.put_all(&documents);
    assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    assert!(database.map_document("a", true).expect("a document").contains(r#""_local_seq":1"#));
}

#[test]
fn shards_as_mem3_places_them() {
    // CRC-32 of "a" is e8b7be43, of "123456789" cbf43926, of "" 0.
    for (shards, a, digits) in [(1, 0, 0), (2, 1, 1), (4, 3, 3), (8, 7, 6), (3, 2, 2)] {
        let database = Database::new(shards, false);
        assert_eq!(
            (database.shard_of("a"), database.shard_of("123456789")),
            (a, digits),
            "{shards}"
        );
        assert_eq!(database.shard_of(""), 0);
    }
    let partitioned = Database::new(8, true);
    assert_eq!(partitioned.shard_of("a:x"), partitioned.shard_of("a:y"));
    assert_eq!(partitioned.shard_of_partition("a"), 7);
    assert_eq!(Database::new(usize::MAX, false).shard_of(""), 0);
}

#[test]
fn files_are_loaded_with_their_lines_in_errors() {
    let load = |text: &str| {
        let mut database = Database::new(1, false);
        let loaded = database.load_file(DocumentFile::new(text.as_bytes(), "fixtures.ndjson"));
        loaded.map_err(|error| (error.to_string(), error.hint()))
    };
    let good = "{\"_id\":\"a\"}\n{\"_id\":\"b\",\"_rev\":\"3-x\",\"_attachments\":{\"t\":{\"stub\":true,\"digest\":\"md5-7mkg+nM0HN26sZkLN8KVSA==\"}}}\n";
    assert_eq!(load(good), Ok(2));
    assert_eq!(
        load(&format!("{good}{good}")).expect_err("twice").0,
        "fixtures.ndjson:3: document `a`: conflict: Document update conflict."
    );
    let (error, hint) = load("{\"_id\":\"a\"}\n{\"n\":1}").expect_err("no id");
    assert_eq!(error, "fixtures.ndjson:2: the document has no `_id`");
    assert!(hint.is_some());
    let (error, _) = load("{\"_id\":\"a\",\n\"n\":01}").expect_err("no JSON");
    assert_eq!(error, "fixtures.ndjson:2: a number must not start with zero");
}

proptest! {
    /// Loading computes revisions when they are read, and gets the same ones.
    #[test]
    fn lazy_revisions_are_the_same(n in any::<i64>(), x in any::<f64>(), text in "\\PC{0,20}") {
        let x = if x.is_normal() { x } else { 0.0 };
        let document = members(&serde_json::json!({"_id": "a", "n": n, "x": x, "t": [text, {}]}).to_string());
        let (mut eager, mut lazy) = (Database::new(1, false), Database::new(1, false));
        let revision = eager.put(&document).expect("created");
        lazy.load(&document).expect("loaded");
        prop_assert_eq!(eager.map_document("a", true), lazy.map_document("a", true));
        prop_assert_eq!(lazy.revision("a"), Some(revision));
    }
}
