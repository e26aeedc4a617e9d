//! Reports of plans made from small databases.

use super::{human, markdown, rows};
use crate::deploy::plan::{
    DatabasePlan, Options, Plan, PushRecord, ServerDatabase, ServerDesign, Target,
};
use crate::deploy::{DocumentChange, Emitted, ViewRows};
use crate::design::{DesignDocument, Sources};
use crate::json::{Value, parse_str};
use crate::project::{Database, DatabaseConfig};
use crate::report::terminal::Style;
use crate::server::{IndexInfo, IndexSizes};

fn members(text: &str) -> crate::json::Map<String, Value> {
    parse_str(text).ok().and_then(|value| value.as_object().cloned()).expect(text)
}

fn plan(names: &[&str], designs: &[(&str, &str)], on_server: &[(&str, &str)]) -> Plan {
    let database = Database {
        name: "db".to_owned(),
        key: "db".to_owned(),
        folder: "views/db".into(),
        config: DatabaseConfig::default(),
        designs: designs
            .iter()
            .map(|(name, text)| DesignDocument {
                id: format!("_design/{name}"),
                body: members(text),
                sources: Sources::default(),
            })
            .collect(),
        schemas: Vec::new(),
        suites: Vec::new(),
        schema_suites: Vec::new(),
        documents: Vec::new(),
        security: None,
    };
    let server = ServerDatabase {
        exists: true,
        doc_count: Some(1_234_567),
        designs: on_server
            .iter()
            .map(|(name, text)| ServerDesign {
                id: format!("_design/{name}"),
                rev: "2-b".parse().expect("a revision"),
                body: members(text),
                conflicts: vec!["1-x".parse().expect("a revision")],
                index: Some(IndexInfo {
                    sizes: IndexSizes { file: 45_200_000, ..IndexSizes::default() },
                    ..IndexInfo::default()
                }),
            })
            .collect(),
        record: Some(PushRecord {
            version: 1,
            designs: [("_design/old".to_owned(), "1-a".to_owned())].into(),
            ..PushRecord::default()
        }),
        ..ServerDatabase::default()
    };
    let options = Options { prune: true, exact: false };
    let target = Target { database: &database, security: None };
    let planned = |name: &&str| {
        let server = ServerDatabase { name: (*name).to_owned(), ..server.clone() };
        DatabasePlan::new(target, &server, options)
    };
    Plan { options, fingerprint: String::new(), databases: names.iter().map(planned).collect() }
}

const BEFORE: &str = r#"{"views":{"v":{"map":"function (doc) {\n  emit(1);\n}"}},"n":1}"#;
const AFTER: &str = r#"{"views":{"v":{"map":"function (doc) {\n  emit(2);\n}"}},"n":1.0}"#;

#[test]
fn a_plan_on_a_terminal() {
    let plan = plan(
        &["db"],
        &[("app", AFTER), ("new", "{\"filters\":{\"f\":\"x\"}}")],
        &[("app", BEFORE), ("old", BEFORE)],
    );
    assert_eq!(
        human::report(&plan, human::Options::default()),
        "\
db
  ~ app: changed; index rebuilt (1,234,567 documents, 45.2 MB now)
      warning: conflicting revisions: 1-x; a push deletes them
      views.v.map
         function (doc) {
        -  emit(1);
        +  emit(2);
         }
      n: stored differently, means the same
  + new: new
      filters.f: added
  - old: deleted; index dropped (45.2 MB)
      warning: somebody changed it since the last push: 1-a was pushed, 2-b is there
      warning: conflicting revisions: 1-x; a push deletes them

1 new, 1 changed, 1 to delete; 1 index to build; 1 index to drop
"
    );
}

#[test]
fn databases_alike_are_shown_once() {
    let names = ["a", "b", "c"];
    let same = plan(&names, &[], &[]);
    let text = human::report(&same, human::Options::default());
    assert_eq!(text, "a, b, c are as in the project\n\nno design documents\n");
    let new = plan(&names, &[("app", AFTER)], &[]);
    assert!(human::report(&new, human::Options::default()).starts_with("a and 2 more like it\n"));
    assert!(markdown::report(&new).contains("#### `a` and 2 more like it\n"));
}

#[test]
fn a_plan_as_markdown() {
    let plan = plan(&["db"], &[("app", AFTER)], &[("app", BEFORE)]);
    assert_eq!(
        markdown::report(&plan),
        "\
### couchctl plan

1 changed; 1 index to build; 1 index to drop.

#### `db`

| design document | | index |
|---|---|---|
| `app` | changed<br>⚠ conflicting revisions: 1-x; a push deletes them | index rebuilt (1,234,567 documents, 45.2 MB now) |

<details><summary><code>app</code></summary>

`views.v.map`

```diff
 function (doc) {
-  emit(1);
+  emit(2);
 }
```

`n`: stored differently, means the same

</details>
"
    );
}

#[test]
fn nothing_of_a_server_acts_on_its_reader() {
    let hostile = "\u{1b}[2J</details>\n```\n<script>@all\u{202e}|x|";
    let text = |map: &str| {
        serde_json::json!({ "views": { hostile: { "map": map } }, hostile: hostile }).to_string()
    };
    let (before, after) = (text(hostile), text("`````"));
    let plan = plan(&["db"], &[(hostile, &after)], &[(hostile, &before), ("old|`x`", &before)]);
    let terminal = human::report(&plan, human::Options::default());
    let comment = markdown::report(&plan);
    for text in [&terminal, &comment] {
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
    }
    // Outside of code, no tag of the server's; inside, no line that ends the code.
    assert!(comment.contains("<summary><code>\\u{1b}[2J&lt;/details&gt;\\u{a}```"), "{comment}");
    assert!(comment.contains("\n``````diff\n"), "{comment}");
    assert!(comment.contains("| `` old\\|`x` `` |"), "{comment}");
}

#[test]
fn rows_that_change() {
    let views = [
        ViewRows {
            design: "_design/app".to_owned(),
            view: "v".to_owned(),
            documents: 2,
            changed: vec![DocumentChange {
                id: "a\u{7}".to_owned(),
                removed: vec![Emitted { key: Value::from("k"), value: Value::Null }],
                added: Vec::new(),
            }],
            failure: None,
        },
        ViewRows {
            design: "_design/app".to_owned(),
            view: "w".to_owned(),
            documents: 2,
            changed: Vec::new(),
            failure: Some("no".to_owned()),
        },
    ];
    assert_eq!(
        rows::report("db", &views, Style::default()),
        "db/app/v: rows of 1 of 2 documents change\n  a\\u{7}\n    - \"k\" → null\ndb/app/w: rows cannot be compared: no\n"
    );
    assert!(markdown::rows([("db", &views[..])].into_iter()).contains("```\ndb/app/v: "));
}
