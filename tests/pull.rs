//! Pull over every design document that a recorded CouchDB accepted: what is written is read back as it was, so
//! that a push would change nothing.

mod support;

use std::path::Path;

use couchctl::deploy::plan::{Change, Options, ServerDatabase, ServerDesign, Target, changes};
use couchctl::deploy::plan::{DatabasePlan, Status};
use couchctl::deploy::{Pulled, pull};
use couchctl::design::signature;
use couchctl::engine::{Engine, Limits, Profile};
use couchctl::json::{Map, Value, to_string};
use couchctl::project::{DatabaseConfig, ModuleError, ModuleLoader, Project, Writer};
use proptest::prelude::*;

struct Loader;

impl ModuleLoader for Loader {
    fn load(&self, _: &Path, source: &str) -> Result<Value, ModuleError> {
        let source = source.to_owned();
        Engine::new(Profile::QuickJs, Limits::default())
            .run(move |vm| vm.load_module(&source))
            .and_then(|loaded| loaded)
            .map_err(|error| ModuleError { message: error.to_string(), line: None })
    }
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Attachments as a server answers them with `attachments=true`: it leaves out what is none, and gives each a
/// type.
fn as_stored(body: &mut Map<String, Value>) {
    let Some(Value::Object(attachments)) = body.get_mut("_attachments") else { return };
    attachments.retain(|_, attachment| attachment.is_object());
    for (_, attachment) in attachments {
        if attachment["content_type"].is_null() {
            attachment["content_type"] = Value::from("application/octet-stream");
        }
        attachment["revpos"] = Value::from(1);
    }
}

/// All design documents of the recordings that were saved, with a name for messages.
fn recorded() -> Vec<(String, String, Map<String, Value>)> {
    let mut found = Vec::new();
    let mut add = |name: &Value, id: &str, design: &Value| {
        let mut body = design.as_object().cloned().expect("an object");
        let own = body.shift_remove("_id");
        let id = own.as_ref().and_then(Value::as_str).unwrap_or(id);
        body.retain(|name, _| {
            !matches!(name.as_str(), "_rev" | "_deleted" | "_revisions" | "_conflicts")
        });
        as_stored(&mut body);
        found.push((name.as_str().unwrap_or_default().to_owned(), id.to_owned(), body));
    };
    let signatures = support::conformance("signatures.json");
    for case in array(&signatures["designs"]).filter(|case| case["signature"].is_string()) {
        add(&case["name"], "_design/d", &case["design"]);
    }
    for case in array(&support::conformance("views.json")) {
        if case["design_save"].is_null() {
            add(&case["name"], "_design/d", &case["design"]);
        }
        for other in array(&case["other_designs"]) {
            add(&case["name"], "_design/other", other);
        }
    }
    for case in array(&support::conformance("functions.json")) {
        for design in array(&case["designs"]) {
            add(&case["name"], "_design/d", design);
        }
    }
    for case in array(&support::conformance("save_design.json")) {
        let id = case["response"]["id"].as_str().unwrap_or_default();
        if case["status"] == 201 && case["body"].is_object() && id.starts_with("_design/") {
            let mut design = case["body"].clone();
            design["_id"] = Value::from(id);
            add(&case["name"], id, &design);
        }
    }
    found.retain(|(_, id, _)| id.starts_with("_design/"));
    found
}

fn server(designs: &[(&str, &Map<String, Value>)]) -> ServerDatabase {
    ServerDatabase {
        name: "db".to_owned(),
        exists: true,
        designs: designs
            .iter()
            .map(|(id, body)| ServerDesign {
                id: (*id).to_owned(),
                rev: "1-a".parse().expect("a revision"),
                body: (*body).clone(),
                conflicts: Vec::new(),
                index: None,
            })
            .collect(),
        ..ServerDatabase::default()
    }
}

/// Pulls into an empty project and opens it.
fn pulled(server: &ServerDatabase) -> (tempfile::TempDir, Vec<(String, Pulled)>, Project) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("couchctl.toml"), "").expect("a file");
    let views = folder.path().join("views/db");
    let config = DatabaseConfig::default();
    let writer = Writer { root: folder.path(), folder: &views, config: &config, loader: &Loader };
    let outcome = pull(&writer, None, server, &|_| true, false);
    let project = Project::open(folder.path(), &Loader).expect("a project");
    (folder, outcome, project)
}

fn plan(project: &Project, server: &ServerDatabase) -> DatabasePlan {
    let target = Target { database: &project.databases[0], security: None };
    DatabasePlan::new(target, server, Options::default())
}

#[test]
fn pull_then_diff_is_empty() {
    let all = recorded();
    assert!(all.len() > 500, "{} design documents", all.len());
    let mut folders = 0;
    for (name, id, body) in &all {
        let server = server(&[(id, body)]);
        let (_folder, outcome, project) = pulled(&server);
        let [(_, Pulled::Written(path))] = outcome.as_slice() else {
            panic!("{name}: {outcome:?}: {}", to_string(&Value::Object(body.clone())))
        };
        folders += usize::from(path.is_dir());
        assert_eq!(project.orphans, [], "{name}");
        let plan = plan(&project, &server);
        assert!(plan.is_empty(), "{name}");
        let design = &project.databases[0].designs[0];
        assert_eq!((plan.designs.len(), plan.designs[0].status), (1, Status::Unchanged), "{name}");
        assert_eq!(signature(&design.body), signature(body), "{name}");
        let differences = changes(body, &design.body);
        assert!(differences.iter().all(|change| change.change == Change::Restated), "{name}");
        // Nothing is left beside it.
        let entries = std::fs::read_dir(path.parent().expect("a folder")).expect("a folder");
        assert_eq!(entries.count(), 1, "{name}");
    }
    // A folder is what people want to edit.
    assert!(folders * 10 > all.len() * 7, "{folders} of {} are folders", all.len());
}

#[test]
fn all_in_one_database() {
    let all = recorded();
    let ids: Vec<String> = (0..all.len()).map(|number| format!("_design/case-{number}")).collect();
    let designs: Vec<_> =
        ids.iter().zip(&all).map(|(id, (_, _, body))| (id.as_str(), body)).collect();
    let server = server(&designs);
    let (_folder, _, project) = pulled(&server);
    let plan = plan(&project, &server);
    assert_eq!(plan.designs.len(), all.len());
    let others: Vec<&str> = plan
        .designs
        .iter()
        .filter(|design| design.status != Status::Unchanged)
        .map(|design| design.id.as_str())
        .collect();
    assert_eq!(others, [""; 0]);
    assert!(plan.is_empty());
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("function (doc) { emit(doc._id, 1); }".to_owned()),
        Just("function (doc) {\n  emit(doc._id, 1);\n}\n".to_owned()),
        Just("module.exports = function (doc) { };".to_owned()),
        Just("// !code lib/*.js\nfunction (doc) { }".to_owned()),
        Just("_count".to_owned()),
        Just("_count\n".to_owned()),
        Just("\u{feff}x\u{85}".to_owned()),
        "\\PC{0,12}",
    ]
}

fn name() -> impl Strategy<Value = String> {
    const KNOWN: &[&str] = &[
        "views",
        "lib",
        "map",
        "reduce",
        "options",
        "filters",
        "indexes",
        "nouveau",
        "index",
        "couchapp",
        "vendor",
        "signatures",
        "language",
        "rewrites",
        "validate_doc_update",
        "a",
        "A",
        "a.js",
        "a.json",
        "_id",
        "_docs",
        "_attachments",
        "..",
        ".",
        ".couchapprc",
        "",
        "a/b",
        "../../up",
        "/tmp/x",
        "a\\b",
        "nul",
        "__proto__",
        "map.js",
        "a ",
        "a.",
        "couchctl.toml",
        "schemas",
    ];
    prop_oneof![9 => proptest::sample::select(KNOWN).prop_map(str::to_owned), 1 => "\\PC{0,8}"]
}

fn value() -> impl Strategy<Value = Value> {
    let number = |text: &str| couchctl::json::parse_str(text).expect("a number");
    let leaf = prop_oneof![
        6 => text().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => proptest::sample::select(&["0", "1.0", "-5", "123456789012345678901234567890", "1e300"][..])
            .prop_map(number),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            1 => proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            4 => proptest::collection::vec((name(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a server holds, nothing is lost, and nothing is written outside of the database's folder.
    #[test]
    fn any_design_document_is_pulled(
        id in name().prop_filter("an id", |name| !name.is_empty()),
        members in proptest::collection::vec((name(), value()), 0..5),
    ) {
        // CouchDB keeps names with an underscore for itself.
        let body: Map<String, Value> =
            members.into_iter().filter(|(name, _)| !name.starts_with('_')).collect();
        let id = format!("_design/{id}");
        let server = server(&[(&id, &body)]);
        let (folder, outcome, project) = pulled(&server);
        let shown = to_string(&Value::Object(body.clone()));
        prop_assert!(matches!(outcome[0].1, Pulled::Written(_)), "{outcome:?} {id} {shown}");
        prop_assert_eq!(project.databases[0].designs.len(), 1);
        prop_assert_eq!(&project.databases[0].designs[0].id, &id);
        let differences = changes(&body, &project.databases[0].designs[0].body);
        prop_assert!(
            differences.iter().all(|change| change.change == Change::Restated),
            "{differences:?} {shown}"
        );
        let entries = |path: &Path| std::fs::read_dir(path).expect("a folder").count();
        prop_assert_eq!(entries(folder.path()), 2);
        prop_assert_eq!(entries(&folder.path().join("views")), 1);
        prop_assert_eq!(entries(&folder.path().join("views/db")), 1);
    }
}

#[test]
fn what_is_there_stays_without_force() {
    let body = |map: &str| -> Map<String, Value> {
        let body = serde_json::json!({ "views": { "v": { "map": map } } });
        body.as_object().cloned().expect("an object")
    };
    let (old, new) = (body("function (doc) { emit(1); }"), body("function (doc) { emit(2); }\n"));
    let (folder, _, project) = pulled(&server(&[("_design/d", &old)]));
    let file = folder.path().join("views/db/d/v/map.js");
    assert_eq!(std::fs::read_to_string(&file).expect("a file"), "function (doc) { emit(1); }\n");
    let changed = server(&[("_design/d", &new), ("_design/D", &old)]);
    let again = |project: &Project, force| {
        let writer = Writer::new(&project.root, &project.databases[0], &Loader);
        pull(&writer, Some(&project.databases[0]), &changed, &|_| true, force)
    };
    let outcome = again(&project, false);
    assert!(
        matches!(&outcome[0], (id, Pulled::Written(path)) if id == "_design/D" && path.ends_with("%44"))
    );
    assert!(
        matches!(&outcome[1].1, Pulled::Differs(members) if members == &["views.v.map"]),
        "{outcome:?}"
    );
    assert!(file.exists());
    let project = Project::open(folder.path(), &Loader).expect("a project");
    let outcome = again(&project, true);
    assert!(matches!(&outcome[0].1, Pulled::Unchanged), "{outcome:?}");
    // The line feed at the end needs a JSON file.
    assert!(
        matches!(&outcome[1].1, Pulled::Written(path) if path.ends_with("d.json")),
        "{outcome:?}"
    );
    assert!(!file.exists());
    let project = Project::open(folder.path(), &Loader).expect("a project");
    assert!(
        plan(&project, &changed).designs.iter().all(|design| design.status == Status::Unchanged)
    );
}
