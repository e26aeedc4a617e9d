//! `diff` and `pull` as they are run, against the server inside the program.

use std::path::Path;
use std::process::Command;

use couchctl::sandbox::{Options, Sandbox};

struct Place {
    sandbox: Sandbox,
    folder: tempfile::TempDir,
}

impl Place {
    fn new(files: &[(&str, &str)]) -> Self {
        let sandbox = Sandbox::start(Options::default()).expect("a sandbox");
        let place = Self { sandbox, folder: tempfile::tempdir().expect("a folder") };
        for (path, text) in files {
            place.write(path, text);
        }
        place
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    /// Runs couchctl in a folder, and tells exit code and output.
    #[track_caller]
    fn run_in(&self, folder: &Path, arguments: &[&str]) -> (i32, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_couchctl"))
            .args(arguments)
            .args(["--url", &self.sandbox.url()])
            .current_dir(folder)
            .env_clear()
            .output()
            .expect("couchctl runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        (output.status.code().expect("a code"), text(output.stdout), text(output.stderr))
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        self.run_in(self.folder.path(), arguments)
    }

    /// Runs what has to succeed.
    #[track_caller]
    fn ok(&self, arguments: &[&str]) -> String {
        let (code, out, error) = self.run(arguments);
        assert_eq!(code, 0, "{arguments:?}\n{out}{error}");
        out
    }
}

const MAP: &str = "function (doc) {\n  emit(doc._id, 1);\n}\n";

fn project() -> Place {
    Place::new(&[
        ("couchctl.toml", "[databases.app]\ncreate = true\n"),
        ("views/app/d/v/map.js", MAP),
        ("views/app/d/_attachments/hello.txt", "hello\n"),
    ])
}

#[test]
fn a_saved_plan_is_what_is_pushed() {
    let place = project();
    assert_eq!(place.run(&["diff", "--exit-code"]).0, 1);
    place.ok(&["push", "--no-test"]);
    assert_eq!(place.ok(&["diff", "--exit-code"]), "app is as in the project\n\n1 unchanged\n");
    place.write("views/app/d/v/map.js", "function (doc) { emit(doc._id, 1) } // in one line\n");
    let formatting = place.ok(&["diff", "--exit-code"]);
    assert!(formatting.contains("= d: formatting only, left alone; index kept"), "{formatting}");
    place.write("views/app/d/v/map.js", &MAP.replace('1', "2"));
    let (code, out, _) = place.run(&["diff", "--exit-code", "--out", "plan.json"]);
    assert_eq!(code, 1);
    assert!(out.contains("~ d: changed; index rebuilt"), "{out}");
    assert!(!out.contains("hello.txt"), "{out}");
    place.write("views/app/d/v/map.js", &MAP.replace('1', "3"));
    let (code, _, error) = place.run(&["push", "--no-test", "--plan", "plan.json"]);
    assert!(code == 2 && error.contains("the project changed"), "{error}");
    place.write("views/app/d/v/map.js", &MAP.replace('1', "2"));
    place.ok(&["push", "--no-test", "--plan", "plan.json"]);
    let (code, _, error) = place.run(&["push", "--no-test", "--plan", "plan.json"]);
    assert!(code == 2 && error.contains("revision"), "{error}");
}

#[test]
fn every_format_tells_the_same() {
    let place = project();
    let json = place.ok(&["diff", "--format", "json", "--rows", "5"]);
    let report: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(report["version"], 1);
    assert_eq!(report["summary"]["new"], 1);
    assert_eq!(report["databases"][0]["designs"][0]["index"]["effect"], "new");
    let markdown = place.ok(&["diff", "--format", "markdown"]);
    assert!(markdown.contains("| `d` | new | index new |"), "{markdown}");
}

#[test]
fn pulled_into_another_project_nothing_differs() {
    let place = project();
    place.ok(&["push", "--no-test"]);
    let other = tempfile::tempdir().expect("a folder");
    std::fs::write(other.path().join("couchctl.toml"), "").expect("a file");
    let (code, out, error) = place.run_in(other.path(), &["pull", "--database", "app"]);
    assert_eq!(
        (code, out.as_str()),
        (0, "wrote views/app/d\n1 design document written, 0 unchanged, 0 kept\n"),
        "{error}"
    );
    let read = |path: &str| std::fs::read_to_string(other.path().join(path)).expect("a file");
    assert_eq!(read("views/app/d/v/map.js"), MAP);
    assert_eq!(read("views/app/d/_attachments/hello.txt"), "hello\n");
    assert_eq!(place.run_in(other.path(), &["diff", "--exit-code"]).0, 0);
    std::fs::write(other.path().join("views/app/d/v/map.js"), "function (doc) { }\n")
        .expect("a file");
    let (code, _, error) = place.run_in(other.path(), &["pull"]);
    assert!(code == 1 && error.contains("app/d: the project has another views.v.map"), "{error}");
    assert_eq!(read("views/app/d/v/map.js"), "function (doc) { }\n");
    assert_eq!(place.run_in(other.path(), &["pull", "--force"]).0, 0);
    assert_eq!(read("views/app/d/v/map.js"), MAP);
    let (code, _, error) = place.run_in(other.path(), &["pull", "nothing"]);
    assert!(code == 2 && error.contains("no design document `nothing`"), "{error}");
    let (code, _, error) = place.run_in(other.path(), &["pull", "--database", "missing"]);
    assert!(code == 3 && error.contains("missing"), "{error}");
}

#[test]
fn one_set_of_design_documents_for_many_databases() {
    let place = Place::new(&[
        ("couchctl.toml", "[databases.users]\nmatch = \"userdb-*\"\n"),
        ("views/users/d/v/map.js", MAP),
    ]);
    let makes = Place::new(&[]);
    for name in ["userdb-a", "userdb-b", "other"] {
        makes.write("couchctl.toml", &format!("[databases.{name}]\ncreate = true\n"));
        makes.write(&format!("views/{name}/e/v/map.js"), MAP);
        let (code, _, error) =
            place.run_in(makes.folder.path(), &["push", "--no-test", "--database", name]);
        assert_eq!(code, 0, "{error}");
        std::fs::remove_dir_all(makes.folder.path().join("views")).expect("a folder");
    }
    let out = place.ok(&["diff"]);
    assert!(out.starts_with("userdb-a and 1 more like it\n"), "{out}");
    assert!(out.contains("+ d: new; index shared with e"), "{out}");
    assert!(!out.contains("other"), "{out}");
    let one = place.ok(&["diff", "--database", "userdb-b"]);
    assert!(one.starts_with("userdb-b\n"), "{one}");
    place.ok(&["push", "--no-test"]);
    assert_eq!(place.run(&["diff", "--exit-code"]).0, 0);
    let (code, _, error) = place.run(&["pull"]);
    assert!(code == 2 && error.contains("no database is named"), "{error}");
}
