use std::fs;
use std::path::Path;

use super::*;
use crate::json::Value;

struct NoModules;

impl ModuleLoader for NoModules {
    fn load(&self, _: &Path, _: &str) -> Result<Value, ModuleError> {
        Err(ModuleError { message: "no engine".to_owned(), line: None })
    }
}

fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        fs::write(path, text).expect("a file");
    }
    root
}

#[test]
fn a_whole_project() {
    let root = project(&[
        (
            "couchctl.toml",
            "[databases.a]\nname = \"alpha\"\nsecurity = \"security/a.json\"\n[databases.x]\nfolder = \"ddocs/x-db\"",
        ),
        ("security/a.json", "{}"),
        ("views/a/d/v/map.js", "function (doc) { }"),
        ("views/b/e.json", "{\"filters\": {}}"),
        ("views/README.md", "x"),
        ("ddocs/x-db/y/views/v/map.js", "function (doc) { }"),
        ("schemas/a/task.schema.json", "{}"),
        ("schemas/a/notes.md", ""),
        ("schemas/c/task.schema.json", "{}"),
        ("tests/a/d.test.yaml", ""),
        ("tests/a/fixtures/x.ndjson", ""),
        ("tests/z/d.test.yaml", ""),
        ("tests/support/mod.rs", ""),
        ("tests/support/sample/couchctl.toml", ""),
        ("tests/support/sample/tests/a/d.test.yaml", ""),
    ]);
    let project = Project::open(&root.path().join("views/a/d"), &NoModules).expect("a project");
    let names: Vec<_> = project
        .databases
        .iter()
        .map(|database| (database.key.as_str(), database.name.as_str()))
        .collect();
    assert_eq!(names, [("a", "alpha"), ("b", "b"), ("c", "c"), ("x", "x")]);
    let a = project.database("alpha").expect("a database");
    assert_eq!(project.database("a"), Some(a));
    assert!(a.design("d").is_some() && a.design("_design/d").is_some() && a.design("e").is_none());
    assert_eq!((a.schemas.len(), a.suites.len()), (1, 1));
    assert!(a.security.is_some());
    assert_eq!(project.shown(&a.schemas[0]), Path::new("schemas/a/task.schema.json"));
    assert!(project.database("x").is_some_and(|database| database.design("y").is_some()));
    let orphans: Vec<_> =
        project.orphans.iter().map(|orphan| project.shown(&orphan.path).to_owned()).collect();
    assert_eq!(orphans, [Path::new("views/README.md"), Path::new("tests/z/d.test.yaml")]);
}

#[test]
fn everything_wrong_is_told() {
    let root = project(&[
        (
            "couchctl.toml",
            "[databases.gone]\n[databases.a]\nsecurity = \"none.json\"\nname = \"b\"",
        ),
        ("views/a/d/v/map.js", "function (doc) { }"),
        ("views/a/d.json", "{\"filters\": {}}"),
        ("views/b/e.js", "module.exports = {}"),
    ]);
    let error = Project::open(root.path(), &NoModules).expect_err("problems");
    assert_eq!(
        error.to_string(),
        "views/a/d.json: `_design/d` is also defined by `views/a/d`\n\
         none.json: the file that `security` names does not exist\n\
         views/b/e.js: no engine\n\
         couchctl.toml: the database `gone` has no folder `views/gone`\n\
         couchctl.toml: the databases `a` and `b` are both named `b`"
    );
    assert!(error.problems.iter().all(|problem| !problem.fault.code().is_empty()));
}

#[test]
fn a_couchapp_is_a_project() {
    let root = project(&[
        ("couchctl.toml", "[databases.blog]\nfolder = \".\""),
        ("couchapp.json", "{}"),
        ("_id", "_design/blog"),
        ("views/recent/map.js", "function (doc) { }\n"),
        ("tests/blog/blog.test.yaml", ""),
    ]);
    let project = Project::open(root.path(), &NoModules).expect("a project");
    let [database] = project.databases.as_slice() else { panic!("{:?}", project.databases) };
    assert_eq!(database.suites.len(), 1);
    let design = database.design("blog").expect("a design document");
    assert_eq!(design.body.keys().collect::<Vec<_>>(), ["couchapp", "views"]);
}
