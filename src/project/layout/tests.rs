//! Design documents from folders as several tools lay them out.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::{Found, Layout, ModuleError, ModuleLoader, Reader};
use crate::design::DesignDocument;
use crate::json::{Value, parse_str, to_string};

/// Takes the text of a module for JSON behind `module.exports = `.
struct Loader;

impl ModuleLoader for Loader {
    fn load(&self, _: &Path, source: &str) -> Result<Value, ModuleError> {
        let json = source.trim().strip_prefix("module.exports = ").unwrap_or(source);
        parse_str(json)
            .map_err(|error| ModuleError { message: error.message, line: Some(error.line) })
    }
}

struct Folder {
    root: TempDir,
    layout: Option<Layout>,
    trim: Option<bool>,
}

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let folder = Self { root, layout: None, trim: None };
        for (path, text) in files {
            folder.write(path, text.as_bytes());
        }
        folder
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.root.path().join("db").join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        fs::write(path, bytes).expect("a file");
    }

    fn read(&self) -> Found {
        let reader = Reader {
            layout: self.layout,
            trim: self.trim,
            loader: &Loader,
            root: self.root.path(),
        };
        reader.database(&self.root.path().join("db"))
    }

    #[track_caller]
    fn design(&self) -> DesignDocument {
        let mut found = self.read();
        assert_eq!(found.problems, []);
        assert_eq!(found.designs.len(), 1, "{:?}", found.designs);
        found.designs.remove(0)
    }

    #[track_caller]
    fn body(&self) -> String {
        to_string(&Value::Object(self.design().body))
    }

    /// The problems, each as its path below the folder and its message.
    fn problems(&self) -> Vec<String> {
        let base = format!("{}/", self.root.path().join("db").display());
        self.read().problems.iter().map(|problem| problem.to_string().replace(&base, "")).collect()
    }
}

#[test]
fn own_layout() {
    let folder = Folder::new(&[
        ("d/by_b/map.js", "\n  function (doc) { emit(1); }\n"),
        ("d/by_a/map.js", "module.exports = function (doc) {\n};\n"),
        ("d/by_a/reduce", "_count\n"),
        ("d/by_a/options.json", "{\"collation\": \"raw\"}"),
        ("d/lib/time.js", "exports.now = 1;\n"),
        ("d/filters/f.js", "// a filter\nexport default (doc) => true;\n"),
        ("d/validate_doc_update.js", "function (n) {}\n"),
        ("d/language", "javascript\n"),
        ("d/_attachments/a/b.txt", "hi"),
        ("d/.hidden", "x"),
    ]);
    assert_eq!(
        folder.body(),
        r#"{"filters":{"f":"(doc) => true"},"language":"javascript","validate_doc_update":"function (n) {}","views":{"by_a":{"map":"function (doc) {\n}","options":{"collation":"raw"},"reduce":"_count"},"by_b":{"map":"function (doc) { emit(1); }"},"lib":{"time":"exports.now = 1;"}},"_attachments":{"a/b.txt":{"content_type":"text/plain","data":"aGk="}}}"#
    );
    let design = folder.design();
    assert_eq!(design.id, "_design/d");
    let place = |path: &str| {
        let source = design.sources.get(&path.split('.').collect::<Vec<_>>()).expect("a source");
        format!("{}:{}", source.path.display(), source.line)
    };
    assert_eq!(place("views.by_b.map"), "db/d/by_b/map.js:2");
    assert_eq!(place("filters.f"), "db/d/filters/f.js:2");
    assert_eq!(place("views.by_a"), "db/d:1");
}

#[test]
fn compile_layout() {
    let folder = Folder::new(&[
        ("medic-client/_id", "_design/medic\n"),
        ("medic-client/views/v/map.js", "\u{feff}function (doc) { }\u{a0}\n"),
        ("medic-client/views/v/reduce.js", "function (k, v) { }\n"),
        ("medic-client/views/lib/x.js", "module.exports = function () {};\n"),
        ("medic-client/lib/y.js", "y"),
        ("medic-client/nouveau/i/index.js", "module.exports = function (doc) { };\n"),
        ("medic-client/nouveau/i/default_analyzer", "standard\n"),
        ("medic-client/rewrites.json", "[{\"from\": \"a\"}]"),
        ("medic-client/version.1.txt", "v"),
    ]);
    assert_eq!(folder.design().id, "_design/medic");
    assert_eq!(
        folder.body(),
        r#"{"lib":{"y":"y"},"nouveau":{"i":{"default_analyzer":"standard","index":"function (doc) { }"}},"rewrites":[{"from":"a"}],"version.1":"v","views":{"lib":{"x":"module.exports = function () {};"},"v":{"map":"function (doc) { }","reduce":"function (k, v) { }"}}}"#
    );
}

#[test]
fn couchapp_layout() {
    let folder = Folder::new(&[
        ("app/.couchapprc", "{}"),
        ("app/.couchappignore", "[ // nothing\n \".*~\", /* old */ \"old/b\\\\.js\" ]"),
        ("app/_id", "_design/blog"),
        ("app/_private", "x"),
        ("app/_docs/welcome.json", "{}"),
        ("app/couchapp.json", "{\"name\": \"é\", \"signatures\": {}}"),
        ("app/views/v/map.js", "// !code lib/*.js\n// !json couchapp\nfunction (doc) { }\n"),
        ("app/views/v/map.js~", "x"),
        ("app/views/empty.txt", "not a view"),
        ("app/lib/a.js", "var a;\n"),
        ("app/lib/b.js", "// !code parts/c.js\n"),
        ("app/parts/c.js", "var c;"),
        ("app/old/b.js", "x"),
        ("app/vendor/w/_attachments/w.js", "w"),
        ("app/vendor/w/metadata.json", "{}"),
    ]);
    assert_eq!(folder.design().id, "_design/blog");
    assert_eq!(
        folder.body(),
        concat!(
            r#"{"couchapp":{"name":"é"},"lib":{"a":"var a;\n","b":"// !code parts/c.js\n"},"old":{},"parts":{"c":"var c;"},"#,
            r#""vendor":{"w":{"metadata":{}}},"views":{"v":{"map":"var a;\nvar c;\n\nvar couchapp = {\"name\": \"\\u00e9\"};\nfunction (doc) { }\n"}},"#,
            r#""_attachments":{"vendor/w/w.js":{"content_type":"application/javascript","data":"dw=="}}}"#
        )
    );
    let found = folder.read();
    assert_eq!(found.documents.len(), 1);
    assert_eq!(found.orphans.len(), 1, "{:?}", found.orphans);
}

#[test]
fn a_database_folder_that_is_one_couchapp() {
    let folder =
        Folder::new(&[("couchapp.json", "{}"), ("views/v/map.js", "function (doc) { }\n")]);
    assert_eq!(folder.design().id, "_design/db");
    assert_eq!(folder.body(), r#"{"couchapp":{},"views":{"v":{"map":"function (doc) { }\n"}}}"#);
}

#[test]
fn layout_and_trimming_can_be_set() {
    let mut folder = Folder::new(&[("d/v/map.js", "f\n"), ("d/w", "_count\n")]);
    folder.layout = Some(Layout::Compile);
    assert_eq!(folder.body(), r#"{"v":{"map":"f"},"w":"_count"}"#);
    folder.layout = Some(Layout::Couchapp);
    folder.trim = Some(true);
    assert_eq!(folder.body(), r#"{"v":{"map":"f"},"w":"_count","couchapp":{}}"#);
    folder.layout = None;
    folder.trim = Some(false);
    assert_eq!(folder.body(), r#"{"w":"_count\n","views":{"v":{"map":"f\n"}}}"#);
}

#[test]
fn bootstrap_layout() {
    let folder = Folder::new(&[
        ("_design/a/views/v/map.js", "function (doc) { }"),
        ("_design/b.json", "{\"filters\": {}}"),
        ("_security.json", "{}"),
        ("welcome.json", "{}"),
        ("_local/x.json", "{}"),
    ]);
    let found = folder.read();
    assert_eq!(found.problems, []);
    let ids: Vec<&str> = found.designs.iter().map(|design| design.id.as_str()).collect();
    assert_eq!(ids, ["_design/a", "_design/b"]);
    assert_eq!(found.documents.len(), 2);
    assert!(found.security.is_some());
}

#[test]
fn json_files() {
    let folder = Folder::new(&[(
        "accounts.json",
        "{\"_rev\": \"1-a\", \"views\": {\n \"v\": {\"map\":\n [\"function (doc) {\", \"}\"]}}, \"rewrites\": [\"a\"], \"x\": [\"b\"]}",
    )]);
    let design = folder.design();
    assert_eq!(design.id, "_design/accounts");
    assert_eq!(
        folder.body(),
        r#"{"views":{"v":{"map":"function (doc) {\n}"}},"rewrites":["a"],"x":["b"]}"#
    );
    assert_eq!(design.sources.get(&["views", "v", "map"]).map(|source| source.line), Some(3));
}

#[test]
fn modules() {
    let folder = Folder::new(&[(
        "m.js",
        "module.exports = {\"_id\": \"_design/n\", \"language\": \"javascript\"}",
    )]);
    assert_eq!(folder.design().id, "_design/n");
    let designer =
        Folder::new(&[("d/views/v.js", "module.exports = {\"map\": \"m\", \"reduce\": \"_sum\"}")]);
    assert_eq!(designer.body(), r#"{"views":{"v":{"map":"m","reduce":"_sum"}}}"#);
}

#[test]
fn what_is_wrong_is_told_at_once() {
    let folder = Folder::new(&[
        ("a/v/map.js", "function (doc) { }"),
        ("a/v/map.json", "{}"),
        ("a/w/reduce", "_sum"),
        ("a/x/map.js", "\n\nvar a;\nmodule.exports = function (doc) { };"),
        ("b/views/v/map.js", "function (doc) { }"),
        ("b/options.json", "{\n  \"a\": ,\n}"),
        ("c.json", "[]"),
        ("d.json", "{\"_id\": \"plain\"}"),
        ("e.json", "{}"),
        ("f.js", "{{"),
        ("g.js", "5"),
    ]);
    folder.write("h/views/v/map.js", b"a\n\xff");
    fs::create_dir_all(folder.root.path().join("db/i")).expect("a folder");
    assert_eq!(
        folder.problems(),
        [
            "a/v/map.json: the member `views.v.map` also comes from `db/a/v/map.js`",
            "a/x/map.js:3: code outside of the function would be lost",
            "a/w/reduce: the view `w` has no map",
            "b/options.json:2:8: not valid JSON: expected a JSON value, found `,`",
            "c.json: not a JSON object",
            "d.json: `plain` is not the id of a design document",
            "e.json: the design document is empty",
            "f.js:1: expected a member name, found `{`",
            "g.js: the module does not export an object",
            "h/views/v/map.js:2: not valid UTF-8",
            &format!("{}: the design document is empty", folder.root.path().join("db/i").display()),
        ]
        .map(
            |problem| problem.replace(&format!("{}/", folder.root.path().join("db").display()), "")
        )
    );
}

#[test]
fn macros_that_fail() {
    let folder = Folder::new(&[
        ("a/couchapp.json", "{}"),
        ("a/lib/loop.js", "// !code lib/loop.js"),
        ("a/shows/a.js", "\n// !code lib/none*.js\n"),
        ("a/shows/b.js", "// !json lib.none\n"),
        ("a/shows/c.js", "//!code lib/loop.js\n"),
    ]);
    assert_eq!(
        folder.problems(),
        [
            "a/shows/a.js:2: the macro `// !code lib/none*.js` finds nothing",
            "a/shows/b.js:1: the macro `// !json lib.none` finds nothing",
            "a/shows/c.js:1: the macro `// !code lib/loop.js` includes itself",
        ]
    );
    let ignore = Folder::new(&[("a/.couchappignore", "[\"(\"]"), ("a/x", "y")]);
    assert_eq!(ignore.problems(), ["a/.couchappignore: not a list of regular expressions: `(`"]);
}

#[cfg(unix)]
#[test]
fn links_pipes_and_odd_names() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let folder = Folder::new(&[("a/views/v/map.js", "function (doc) { }")]);
    let base = folder.root.path().join("db/a");
    std::os::unix::fs::symlink(&base, base.join("views/loop")).expect("a link");
    std::os::unix::fs::symlink("nowhere", base.join("broken")).expect("a link");
    fs::write(base.join(OsStr::from_bytes(b"x\xff.js")), "x").expect("a file");
    let problems = folder.problems();
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(
        problems.iter().any(|problem| problem.starts_with("a/broken: cannot read")),
        "{problems:?}"
    );
    assert!(
        problems.iter().any(|problem| problem.ends_with("the name is not valid UTF-8")),
        "{problems:?}"
    );
    assert!(
        problems.iter().any(|problem| problem.starts_with("a/views/loop: the symbolic link")),
        "{problems:?}"
    );
}

#[test]
fn huge_files_are_refused() {
    let folder = Folder::new(&[("a/views/v/map.js", "")]);
    let file = fs::File::create(folder.root.path().join("db/a/views/v/map.js")).expect("a file");
    file.set_len((64 << 20) + 1).expect("a size");
    assert_eq!(
        folder.problems(),
        ["a/views/v/map.js: the file has 67108865 bytes; at most 64 MiB are read"]
    );
}

#[test]
fn orphans_are_noted() {
    let found = Folder::new(&[("README.md", "x"), ("_x/y", "z"), (".git/z", "")]).read();
    assert_eq!(found.problems, []);
    assert_eq!(found.orphans.len(), 2, "{:?}", found.orphans);
}
