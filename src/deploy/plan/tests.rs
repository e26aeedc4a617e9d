//! Plans of small projects against modelled servers.

use super::*;
use crate::design::{Sources, signature};
use crate::json::{Map, parse_str};
use crate::project::DatabaseConfig;

const MAP: &str = "function (doc) { emit(doc._id, 1); }";

fn body(text: &str) -> Map<String, Value> {
    let text = text.replace("MAP", MAP);
    parse_str(&text).ok().and_then(|value| value.as_object().cloned()).expect(&text)
}

fn project(designs: &[(&str, &str)]) -> Database {
    Database {
        name: "db".to_owned(),
        key: "db".to_owned(),
        folder: "views/db".into(),
        config: DatabaseConfig::default(),
        designs: designs
            .iter()
            .map(|(name, text)| DesignDocument {
                id: format!("_design/{name}"),
                body: body(text),
                sources: Sources::default(),
            })
            .collect(),
        schemas: Vec::new(),
        suites: Vec::new(),
        schema_suites: Vec::new(),
        documents: Vec::new(),
        security: None,
    }
}

fn server(designs: &[(&str, &str)]) -> ServerDatabase {
    ServerDatabase {
        name: "db".to_owned(),
        exists: true,
        designs: designs
            .iter()
            .map(|(name, text)| ServerDesign {
                id: format!("_design/{name}"),
                rev: Revision { generation: 1, hash: "a".to_owned() },
                body: body(text),
                conflicts: Vec::new(),
                index: None,
            })
            .collect(),
        ..ServerDatabase::default()
    }
}

fn plan_with(designs: &[(&str, &str)], server: &ServerDatabase, options: Options) -> DatabasePlan {
    let database = project(designs);
    DatabasePlan::new(Target { database: &database, security: None }, server, options)
}

fn plan(designs: &[(&str, &str)], on_server: &[(&str, &str)]) -> DatabasePlan {
    plan_with(designs, &server(on_server), Options::default())
}

fn statuses(plan: &DatabasePlan) -> Vec<(&str, Status, IndexEffect)> {
    let names = plan.designs.iter();
    names.map(|design| (&design.id[8..], design.status, design.index.effect)).collect()
}

#[test]
fn every_status() {
    let on_server = server(&[
        ("changed", r#"{"views":{"v":{"map":"MAP"}}}"#),
        ("foreign", r#"{"views":{"w":{"map":"MAP"}}}"#),
        ("formatting", r#"{"views":{"f":{"map":"MAP // all"}}}"#),
        ("same", r#"{"language":"javascript","views":{"s":{"map":"MAP"}}}"#),
    ]);
    let designs = [
        ("changed", r#"{"views":{"v":{"map":"MAP","reduce":"_count"}}}"#),
        ("formatting", r#"{"views":{"f":{"map":"MAP"}}}"#),
        ("new", r#"{"views":{"n":{"map":"MAP"}}}"#),
        ("same", r#"{"views":{"s":{"map":"MAP"}},"language":"javascript"}"#),
    ];
    let plan = plan_with(&designs, &on_server, Options::default());
    assert_eq!(
        statuses(&plan),
        [
            ("changed", Status::Changed, IndexEffect::Rebuilt),
            ("foreign", Status::Foreign, IndexEffect::Kept),
            ("formatting", Status::Formatting, IndexEffect::Kept),
            ("new", Status::New, IndexEffect::New),
            ("same", Status::Unchanged, IndexEffect::Kept),
        ]
    );
    assert!(plan.designs[0].index.drops);
    assert_eq!(plan.indexes_at_stake().collect::<Vec<_>>(), ["_design/changed"]);
    assert_eq!(plan.staging.len(), 2);
    let exact = Options { prune: true, exact: true };
    let plan = plan_with(&designs, &on_server, exact);
    assert_eq!(
        statuses(&plan),
        [
            ("changed", Status::Changed, IndexEffect::Rebuilt),
            ("foreign", Status::Prune, IndexEffect::Dropped),
            ("formatting", Status::Changed, IndexEffect::Rebuilt),
            ("new", Status::New, IndexEffect::New),
            ("same", Status::Changed, IndexEffect::Kept),
        ]
    );
    assert_eq!(plan.deletions().count(), 1);
    assert_eq!(plan.puts().count(), 4);
}

#[test]
fn indexes_are_shared_within_a_database() {
    let shared = r#"{"views":{"v":{"map":"MAP"}}}"#;
    let with_filter = r#"{"views":{"v":{"map":"MAP"}},"filters":{"f":"function () {}"}}"#;
    // Renamed: the new one finds the index of the old one.
    let plan_ = plan(&[("b", with_filter)], &[("a", shared)]);
    assert_eq!(plan_.designs[1].index.effect, IndexEffect::Shared);
    assert_eq!(plan_.designs[1].index.shared_with, ["_design/a"]);
    assert!(plan_.staging.is_empty());
    // Two new ones: the first builds for both.
    let plan_ = plan(&[("a", shared), ("b", with_filter)], &[]);
    let effects: Vec<_> = plan_.designs.iter().map(|design| design.index.effect).collect();
    assert_eq!(effects, [IndexEffect::New, IndexEffect::Shared]);
    assert_eq!(plan_.staging.len(), 1);
    // One of two goes: its index stays for the other.
    let on_server = server(&[("a", shared), ("b", shared)]);
    let options = Options { prune: true, exact: false };
    let plan_ = plan_with(&[("a", shared)], &on_server, options);
    assert_eq!(plan_.designs[1].status, Status::Prune);
    assert_eq!(plan_.designs[1].index.effect, IndexEffect::Kept);
    assert!(!plan_.designs[1].index.drops);
}

#[test]
fn a_comment_is_not_worth_a_rebuild() {
    let on_server =
        [("d", r#"{"views":{"v":{"map":"MAP"}},"filters":{"f":"function () { return 1; }"}}"#)];
    let filter =
        r#"{"views":{"v":{"map":"MAP // all"}},"filters":{"f":"function () { return 2; }"}}"#;
    let plan_ = plan(&[("d", filter)], &on_server);
    let design = &plan_.designs[0];
    assert_eq!((design.status, design.index.effect), (Status::Changed, IndexEffect::Kept));
    let put = design.body.as_ref().expect("a body");
    assert_eq!(put["views"]["v"]["map"], MAP);
    assert_eq!(put["filters"]["f"], "function () { return 2; }");
    // When the index is rebuilt anyway, the project's text is pushed.
    let view = r#"{"views":{"v":{"map":"MAP // all"},"w":{"map":"MAP"}}}"#;
    let plan_ = plan(&[("d", view)], &on_server);
    assert_eq!(
        plan_.designs[0].body.as_ref().expect("a body")["views"]["v"]["map"],
        format!("{MAP} // all")
    );
}

#[test]
fn members_are_named() {
    let kinds = |before: &str, after: &str| -> Vec<(String, Change)> {
        let changes = changes(&body(before), &body(after));
        changes.into_iter().map(|change| (change.path.join("."), change.change)).collect()
    };
    let one = |path: &str, change| vec![(path.to_owned(), change)];
    assert_eq!(kinds(r#"{"a":1}"#, r#"{"a":1}"#), []);
    assert_eq!(kinds(r#"{"a":1}"#, r#"{"a":1.0}"#), one("a", Change::Restated));
    assert_eq!(kinds(r#"{"a":1}"#, r#"{"a":2}"#), one("a", Change::Changed));
    assert_eq!(kinds(r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#), one("", Change::Restated));
    assert_eq!(kinds("{}", r#"{"a":null}"#), one("a", Change::Added));
    assert_eq!(kinds(r#"{"a":{}}"#, "{}"), one("a", Change::Removed));
    // What the signature covers is compared as terms.
    assert_eq!(
        kinds(r#"{"options":{"a":1}}"#, r#"{"options":{"a":1.0}}"#),
        one("options.a", Change::Changed)
    );
    assert_eq!(
        kinds(r#"{"options":{"a":1,"b":2}}"#, r#"{"options":{"b":2,"a":1}}"#),
        one("options", Change::Reordered)
    );
    assert_eq!(
        kinds(
            r#"{"views":{"a":{"map":"MAP"},"b":{"map":"MAP"}}}"#,
            r#"{"views":{"b":{"map":"MAP"},"a":{"map":"MAP"}}}"#
        ),
        one("views", Change::Reordered)
    );
    assert_eq!(
        kinds(
            r#"{"views":{"a":{"map":"MAP"},"b":{"map":"x"}}}"#,
            r#"{"views":{"b":{"map":"x"},"a":{"map":"MAP"}}}"#
        ),
        one("views", Change::Restated)
    );
    // Functions, modules of `lib`, and texts that are neither.
    assert_eq!(
        kinds(r#"{"filters":{"f":"MAP"}}"#, r#"{"filters":{"f":" MAP"}}"#),
        one("filters.f", Change::Formatting)
    );
    assert_eq!(
        kinds(r#"{"lib":{"f":"a = 1"}}"#, r#"{"lib":{"f":"a=1"}}"#),
        one("lib.f", Change::Formatting)
    );
    assert_eq!(kinds(r#"{"f":"a = 1"}"#, r#"{"f":"a=1"}"#), one("f", Change::Changed));
    let reduce = |name: &str| r#"{"views":{"v":{"map":"MAP","reduce":"X"}}}"#.replace('X', name);
    assert_eq!(kinds(&reduce("_sum"), &reduce("_sum ")), one("views.v.reduce", Change::Changed));
    let erlang =
        |map: &str| format!(r#"{{"language":"erlang","views":{{"v":{{"map":"{map}"}}}}}}"#);
    assert_eq!(kinds(&erlang("a"), &erlang("a ")), one("views.v.map", Change::Changed));
}

#[test]
fn staging_documents_are_recognised() {
    let designs = [(
        "d",
        r#"{"validate_doc_update":"function () { throw 1; }","views":{"v":{"map":"MAP"},"lib":{"a":"1"}},"options":{"x":1},
            "filters":{"f":"function () {}"},"autoupdate":true,
            "nouveau":{"n":{"index":"function (doc) {}"}},"indexes":{"i":{"index":"function (doc) {}","analyzer":"simple"}}}"#,
    )];
    let plan_ = plan(&designs, &[]);
    assert_eq!(plan_.staging.len(), 2);
    let [views, search] = plan_.staging.as_slice() else { unreachable!() };
    assert_eq!(views.body.keys().collect::<Vec<_>>(), ["options", "views", "autoupdate"]);
    assert_eq!(views.signature, Some(signature(&body(designs[0].1))));
    assert_eq!(views.id, format!("{STAGING_PREFIX}{}", signature(&body(designs[0].1))));
    assert_eq!(views.view(), Some("v"));
    assert_eq!(search.signature, None);
    assert_eq!(search.search.len(), 2);
    for staging in &plan_.staging {
        assert_eq!(owner(&staging.id, &staging.body), Owner::Staging);
        let mut other = staging.body.clone();
        other.insert("validate_doc_update".to_owned(), Value::from("x"));
        assert_eq!(owner(&staging.id, &other), Owner::Project);
        assert_eq!(owner("_design/couchctl-stage:x", &staging.body), Owner::Project);
    }
    // An interrupted push left them: one is used, the other is not needed any more.
    let mut left = server(&[]);
    for staging in &plan_.staging {
        left.designs.push(ServerDesign {
            id: staging.id.clone(),
            rev: Revision { generation: 1, hash: "b".to_owned() },
            body: staging.body.clone(),
            conflicts: Vec::new(),
            index: None,
        });
    }
    let resumed = plan_with(&designs, &left, Options::default());
    assert_eq!(statuses(&resumed), [("d", Status::New, IndexEffect::New)]);
    assert!(resumed.staging.iter().all(|staging| staging.present.is_some()));
    assert_eq!(resumed.leftovers, []);
    let other = plan_with(
        &[("d", r#"{"views":{"w":{"map":"MAP"}}}"#)],
        &left,
        Options { prune: true, exact: false },
    );
    assert_eq!(other.leftovers.len(), 2);
    assert_eq!(statuses(&other), [("d", Status::New, IndexEffect::New)]);
}

#[test]
fn search_indexes_are_told_by_what_they_hold() {
    let before = r#"{"nouveau":{"n":{"index":"function (doc) {}"}}}"#;
    let renamed = r#"{"nouveau":{"m":{"index":"function (doc) {}"}}}"#;
    let changed = r#"{"nouveau":{"n":{"index":"function (doc) {}","default_analyzer":"simple"}}}"#;
    let effects = |after: &str| -> Vec<(String, IndexEffect)> {
        let plan = plan(&[("d", after)], &[("d", before)]);
        plan.designs[0].search.iter().map(|search| (search.name.clone(), search.effect)).collect()
    };
    assert_eq!(effects(before), [("n".to_owned(), IndexEffect::Kept)]);
    assert_eq!(
        effects(renamed),
        [("m".to_owned(), IndexEffect::Shared), ("n".to_owned(), IndexEffect::Dropped)]
    );
    assert_eq!(effects(changed), [("n".to_owned(), IndexEffect::Rebuilt)]);
    assert_eq!(effects("{}"), [("n".to_owned(), IndexEffect::Dropped)]);
}

#[test]
fn who_changed_it() {
    let mut on_server = server(&[("a", "{}"), ("b", "{}"), ("c", "{}")]);
    let designs = [("a", "{}"), ("b", "{}"), ("c", "{}"), ("d", "{}")];
    let revs = [("a", "1-a"), ("b", "1-x"), ("d", "4-d")];
    on_server.record = Some(PushRecord {
        version: 1,
        designs: revs
            .iter()
            .map(|(name, rev)| (format!("_design/{name}"), (*rev).to_owned()))
            .collect(),
        ..PushRecord::default()
    });
    let plan = plan_with(&designs, &on_server, Options::default());
    let found: Vec<&Provenance> = plan.designs.iter().map(|design| &design.provenance).collect();
    assert_eq!(
        found,
        [
            &Provenance::AsPushed,
            &Provenance::ChangedSince("1-x".to_owned()),
            &Provenance::Unrecorded,
            &Provenance::DeletedSince("4-d".to_owned()),
        ]
    );
}

#[test]
fn attachments_become_stubs() {
    let target = r#"{"_attachments":{
        "a.txt":{"content_type":"text/plain","data":"aGk="},
        "b.png":{"content_type":"image/png","data":"aGk="},
        "c.png":{"content_type":"image/png","data":"aGkh"}}}"#;
    let stored = r#"{"_attachments":{
        "a.txt":{"content_type":"text/plain","length":2,"digest":"md5-AAAAAAAAAAAAAAAAAAAAAA==","stub":true,"revpos":1},
        "b.png":{"content_type":"image/png","length":2,"digest":"md5-SfaKXIST7CwL9ImCHCH8Ow==","stub":true,"revpos":1},
        "d.png":{"content_type":"image/png","length":2,"digest":"md5-SfaKXIST7CwL9ImCHCH8Ow==","stub":true,"revpos":1}}}"#;
    let plan_ = plan(&[("d", target)], &[("d", stored)]);
    assert_eq!(plan_.open_attachments().collect::<Vec<_>>(), ["_design/d"]);
    let changes: Vec<_> = plan_.designs[0]
        .members
        .iter()
        .map(|member| (member.path[1].as_str(), member.change))
        .collect();
    assert_eq!(
        changes,
        [("a.txt", Change::Changed), ("c.png", Change::Added), ("d.png", Change::Removed)]
    );
    // With the content at hand.
    let fetched =
        stored.replace(r#""length":2,"digest":"md5-AAAA"#, r#""data":"aGk=","digest":"md5-AAAA"#);
    let plan_ = plan(&[("d", target)], &[("d", &fetched)]);
    assert_eq!(plan_.open_attachments().count(), 0);
    let put = plan_.designs[0].body.as_ref().expect("a body");
    let stub = body(r#"{"stub":true}"#);
    assert_eq!(put["_attachments"]["a.txt"], Value::Object(stub.clone()));
    assert_eq!(put["_attachments"]["b.png"], Value::Object(stub));
    assert_eq!(put["_attachments"]["c.png"]["data"], "aGkh");
}

#[test]
fn problems_stop_a_push() {
    let designs = [("couchctl-stage:x", "{}"), ("refused", r#"{"views":{"v":{"reduce":"_sum"}}}"#)];
    let mut missing = ServerDatabase::missing("db");
    missing.partitioned = Some(true);
    let plan = plan_with(&designs, &missing, Options::default());
    let codes: Vec<_> = plan.problems.iter().map(PlanProblem::code).collect();
    assert_eq!(codes, ["missing-database", "partitioned-differs", "reserved-id", "refused-design"]);
}

#[test]
fn a_saved_plan_is_refused_when_something_moved() {
    let designs = [("d", r#"{"views":{"v":{"map":"MAP"}}}"#)];
    let whole = |server: &ServerDatabase, options| Plan {
        options,
        fingerprint: {
            let database = project(&designs);
            fingerprint(&[Target { database: &database, security: None }])
        },
        databases: vec![plan_with(&designs, server, options)],
    };
    let now = server(&[("d", "{}")]);
    let saved = PlanFile::new(&whole(&now, Options::default()), "http://127.0.0.1:5984").to_json();
    let saved = PlanFile::parse(&saved).expect("a plan");
    assert_eq!(saved.still_holds(&whole(&now, Options::default())), Ok(()));
    let reasons = |plan: &Plan| saved.still_holds(plan).map_err(|moved| moved.reasons);
    let mut moved = now.clone();
    moved.designs[0].rev.generation = 2;
    assert_eq!(
        reasons(&whole(&moved, Options::default())),
        Err(vec!["`_design/d` of `db` is at revision 2-a, not 1-a".to_owned()])
    );
    assert!(reasons(&whole(&now, Options { prune: true, exact: false })).is_err());
    let mut other = whole(&now, Options::default());
    other.fingerprint.push('x');
    assert_eq!(reasons(&other), Err(vec!["the project changed".to_owned()]));
    other.databases.clear();
    assert_eq!(reasons(&other).expect_err("it moved").len(), 2);
    assert!(reasons(&whole(&server(&[("d", "{}"), ("e", "{}")]), Options::default())).is_err());
    for text in ["", "[]", "{}", r#"{"version":2}"#] {
        assert!(PlanFile::parse(text).is_err(), "{text}");
    }
}
