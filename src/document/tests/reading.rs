//! Reading: winners, conflicts and the order of members.

use std::sync::Arc;

use proptest::prelude::*;

use super::members;
use crate::document::{Database, ReadOptions};
use crate::group::GroupDefinition;
use crate::json;
use crate::view::{DocumentOptions, DocumentReader};

fn replicated(revisions: &[&str]) -> Database {
    let mut database = Database::new(1, false);
    for revision in revisions {
        database.replicate(&members(revision)).expect("replicated");
    }
    database
}

#[test]
fn winners_and_conflicts() {
    // `doc-conflicts` of the recorded answers.
    let database = replicated(&[
        r#"{"_id":"c","_rev":"1-aaaa","v":"first"}"#,
        r#"{"_id":"c","_rev":"1-bbbb","v":"second"}"#,
        r#"{"_id":"c","_rev":"1-abcd","v":"third"}"#,
        r#"{"_id":"d","_rev":"2-aaaa","_revisions":{"start":2,"ids":["aaaa","base"]},"v":"longer"}"#,
        r#"{"_id":"d","_rev":"1-zzzz","v":"shorter"}"#,
        r#"{"_id":"e","_rev":"3-x","_deleted":true,"_revisions":{"start":3,"ids":["x","y","z"]}}"#,
        r#"{"_id":"e","_rev":"2-live","_revisions":{"start":2,"ids":["live","z"]},"v":"live"}"#,
    ]);
    let seen = |id| database.map_document(id, false).expect("a document");
    assert_eq!(
        seen("c"),
        r#"{"_id":"c","_rev":"1-bbbb","v":"second","_conflicts":["1-abcd","1-aaaa"]}"#
    );
    assert_eq!(seen("d"), r#"{"_id":"d","_rev":"2-aaaa","v":"longer","_conflicts":["1-zzzz"]}"#);
    assert_eq!(seen("e"), r#"{"_id":"e","_rev":"2-live","v":"live","_deleted_conflicts":["3-x"]}"#);
    let options = DocumentOptions { conflicts: true, ..DocumentOptions::default() };
    let shown: Option<Arc<str>> = database.document("e", None, options);
    assert_eq!(shown.as_deref(), Some(r#"{"_id":"e","_rev":"2-live","v":"live"}"#));
}

#[test]
fn revisions_compare_as_they_are_stored() {
    // 32 hexadecimal digits are 16 bytes: 0x7f is above `a`, as text `7` is below.
    let digits = "7fffffffffffffffffffffffffffffff";
    let database = replicated(&[
        &format!(r#"{{"_id":"a","_rev":"1-{}"}}"#, digits.to_uppercase()),
        r#"{"_id":"a","_rev":"1-aaaa"}"#,
    ]);
    assert_eq!(database.revision("a").expect("a revision").to_string(), format!("1-{digits}"));
}

#[test]
fn members_come_in_couchdbs_order() {
    let database = replicated(&[
        r#"{"_id":"a","_rev":"2-b","_revisions":{"start":2,"ids":["b","a"]},"z":1.0,"_attachments":
            {"t":{"stub":true,"digest":"md5-7mkg+nM0HN26sZkLN8KVSA==","length":3,"revpos":2}},"a":12345678901234567890123}"#,
        r#"{"_id":"a","_rev":"1-z"}"#,
        r#"{"_id":"a","_rev":"1-d","_deleted":true}"#,
    ]);
    let stubs = r#""_attachments":{"t":{"content_type":"application/octet-stream","revpos":2,"digest":"md5-7mkg+nM0HN26sZkLN8KVSA==","length":3,"stub":true}}}"#;
    let seen = database.map_document("a", true).expect("a document");
    let start = r#"{"_id":"a","_rev":"2-b","z":1.0,"a":12345678901234567890123,"#;
    let conflicts = r#""_conflicts":["1-z"],"_deleted_conflicts":["1-d"],"#;
    assert_eq!(seen, format!("{start}{conflicts}\"_local_seq\":3,{stubs}"));
    let options =
        ReadOptions { revs: true, revs_info: true, conflicts: true, ..ReadOptions::default() };
    let read = database.read("a", None, options).expect("a document");
    let revisions = r#""_revisions":{"start":2,"ids":["b","a"]},"_revs_info":[{"rev":"2-b","status":"available"},{"rev":"1-a","status":"missing"}],"#;
    assert_eq!(read, format!("{start}{revisions}\"_conflicts\":[\"1-z\"],{stubs}"));
}

#[test]
fn linked_revisions() {
    let old = "1-d1e76dd4f6a8b3e4a1f1a1a1a1a1a1a1";
    let database = replicated(&[
        &format!(r#"{{"_id":"two","_rev":"{old}","v":"old"}}"#),
        r#"{"_id":"two","_rev":"2-new","_revisions":{"start":2,"ids":["new","d1e76dd4f6a8b3e4a1f1a1a1a1a1a1a1"]}}"#,
    ]);
    let read = |revision| database.document("two", revision, DocumentOptions::default());
    assert_eq!(
        read(Some(old)).as_deref(),
        Some(format!(r#"{{"_id":"two","_rev":"{old}","v":"old"}}"#).as_str())
    );
    let upper = old.to_uppercase();
    assert_eq!(read(Some(&upper)), read(Some(old)));
    assert_eq!((read(Some("bad")), read(Some("1-x"))), (None, None));
    assert!(read(None).is_some());
}

#[test]
fn known_revisions_change_nothing() {
    let text = r#"{"_id":"a","_rev":"2-b","_revisions":{"start":2,"ids":["b","a"]}}"#;
    let mut database = replicated(&[text, text, text]);
    assert_eq!(database.update_sequences(), [1]);
    // A longer history joins the root that was known.
    let longer = r#"{"_id":"a","_rev":"3-c","_revisions":{"start":3,"ids":["c","b","a"]}}"#;
    database.replicate(&members(longer)).expect("replicated");
    assert_eq!(
        database.map_document("a", true).as_deref(),
        Some(r#"{"_id":"a","_rev":"3-c","_local_seq":2}"#)
    );
}

#[test]
fn a_longer_history_joins_a_root_to_its_parent() {
    let apart = [r#"{"_id":"a","_rev":"2-b"}"#, r#"{"_id":"a","_rev":"1-a"}"#];
    let mut database = replicated(&apart);
    let seen = |database: &Database| database.map_document("a", false).expect("a document");
    assert_eq!(seen(&database), r#"{"_id":"a","_rev":"2-b","_conflicts":["1-a"]}"#);
    let joined = r#"{"_id":"a","_rev":"3-c","_revisions":{"start":3,"ids":["c","b","a"]}}"#;
    database.replicate(&members(joined)).expect("replicated");
    assert_eq!(seen(&database), r#"{"_id":"a","_rev":"3-c"}"#);
}

#[test]
fn purging() {
    let mut database = replicated(&[
        r#"{"_id":"a","_rev":"2-b","_revisions":{"start":2,"ids":["b","a"]}}"#,
        r#"{"_id":"a","_rev":"2-c","_revisions":{"start":2,"ids":["c","a"]}}"#,
        r#"{"_id":"a","_rev":"2-d","_revisions":{"start":2,"ids":["d","a"]}}"#,
        r#"{"_id":"b","_rev":"1-x"}"#,
    ]);
    let revision = |text: &str| text.parse().expect("a revision");
    let seen = |database: &Database| database.map_document("a", true).expect("a document");
    assert!(!database.purge("a", &revision("1-a")), "no leaf");
    assert!(!database.purge("none", &revision("1-a")));
    assert!(database.purge("a", &revision("2-c")));
    // Each of the two leaves that are left took a sequence.
    assert_eq!(seen(&database), r#"{"_id":"a","_rev":"2-d","_conflicts":["2-b"],"_local_seq":6}"#);
    assert!(database.purge("a", &revision("2-d")));
    assert_eq!(seen(&database), r#"{"_id":"a","_rev":"2-b","_local_seq":7}"#);
    assert!(database.purge("a", &revision("2-b")));
    assert_eq!((database.revision("a"), database.len()), (None, 1));
    assert_eq!(database.update_sequences(), [8]);
}

#[test]
fn what_a_filter_of_changes_sees() {
    let mut database = replicated(&[
        r#"{"_id":"b","_rev":"2-b","_revisions":{"start":2,"ids":["b","a"]},"n":1}"#,
        r#"{"_id":"a","_rev":"1-a"}"#,
    ]);
    database.delete("a").expect("deleted");
    let texts: Vec<String> = database.changed_documents().iter().map(json::to_string).collect();
    assert_eq!(texts[0], r#"{"_id":"b","_rev":"2-b","n":1,"_revisions":{"start":2,"ids":["b"]}}"#);
    assert!(texts[1].starts_with(r#"{"_id":"a","_rev":"2-"#), "{}", texts[1]);
    assert!(
        texts[1].contains(r#","_deleted":true,"_revisions":{"start":2,"ids":[""#),
        "{}",
        texts[1]
    );
}

#[test]
fn what_a_group_sees() {
    let mut database = Database::new(2, false);
    for id in ["z", "y", "a", "_design/d", "_local/l", "gone"] {
        database.put(&members(&format!(r#"{{"_id":"{id}"}}"#))).expect("created");
    }
    database.delete("gone").expect("deleted");
    let ids = |options: &str| -> Vec<String> {
        let definition = GroupDefinition::new(&members(&format!(r#"{{"options":{options}}}"#)));
        let documents = database.documents_for(&definition);
        assert!(documents.is_sorted_by_key(|document| document.shard));
        documents.iter().map(|document| document.id.to_string()).collect()
    };
    let mut plain = ids("{}");
    assert!(
        plain.iter().position(|id| id == "z") < plain.iter().position(|id| id == "y")
            || database.shard_of("z") != database.shard_of("y")
    );
    plain.sort();
    assert_eq!(plain, ["a", "y", "z"]);
    assert_eq!(ids(r#"{"include_design":true}"#).len(), 4);
}

proptest! {
    /// Replication may bring revisions in any order.
    #[test]
    fn order_does_not_matter(order in Just((0_usize..6).collect::<Vec<_>>()).prop_shuffle()) {
        let revisions = [
            r#"{"_id":"a","_rev":"1-a"}"#,
            r#"{"_id":"a","_rev":"2-b","_revisions":{"start":2,"ids":["b","a"]}}"#,
            r#"{"_id":"a","_rev":"3-c","_revisions":{"start":3,"ids":["c","b","a"]}}"#,
            r#"{"_id":"a","_rev":"3-d","_revisions":{"start":3,"ids":["d","b"]}}"#,
            r#"{"_id":"a","_rev":"2-e","_deleted":true,"_revisions":{"start":2,"ids":["e","a"]}}"#,
            r#"{"_id":"a","_rev":"1-f"}"#,
        ];
        let shuffled: Vec<&str> = order.iter().map(|index| revisions[*index]).collect();
        let (one, other) = (replicated(&revisions), replicated(&shuffled));
        let expected = r#"{"_id":"a","_rev":"3-d","_conflicts":["3-c","1-f"],"_deleted_conflicts":["2-e"]}"#;
        prop_assert_eq!(one.map_document("a", false), Some(expected.into()));
        prop_assert_eq!(other.map_document("a", false), Some(expected.into()));
    }
}
