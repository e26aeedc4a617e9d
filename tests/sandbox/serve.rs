//! `couchctl serve`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use couchctl::json::{self, Value};

use crate::http::{basic, request};

/// The program, serving; it is told to end when this is dropped.
pub(crate) struct Serving {
    child: Child,
    url: String,
}

impl Serving {
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_couchctl"))
            .arg("--project")
            .arg(folder)
            .args(["serve", "--port", "0"])
            .args(arguments)
            .env("COUCHDB_PASSWORD", "secret")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program");
        let out = child.stdout.take().expect("its output");
        let mut url = String::new();
        BufReader::new(out).read_line(&mut url).expect("a line");
        Self { child, url: url.trim().to_owned() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.url.strip_prefix("http://").expect("a URL").parse().expect("an address")
    }

    /// Bytes of memory that it really uses.
    #[cfg(target_os = "linux")]
    pub(crate) fn resident(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("a status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
        let kilobytes = line.trim().strip_suffix(" kB").and_then(|number| number.parse().ok());
        kilobytes.map(|kilobytes: usize| kilobytes << 10).expect("a number")
    }

    fn get(&self, path: &str, headers: &[(String, String)]) -> (u16, Value) {
        let answer = request(self.address(), "GET", path, headers, b"");
        (answer.status, json::parse_str(&answer.text()).unwrap_or_default())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn project(map: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    };
    write("couchctl.toml", "[databases.shop]\n");
    write("views/shop/items/by_name/map.js", map);
    write(
        "tests/shop/items.test.yaml",
        "docs: [fixtures/items.ndjson, { _id: c, name: pear }]\ntests:\n  - name: all\n    view: by_name\n    expect: { count: 2 }\n",
    );
    write("tests/shop/fixtures/items.ndjson", "{\"_id\":\"a\",\"name\":\"apple\"}\n");
    write("more.ndjson", "{\"_id\":\"b\",\"name\":\"fig\"}\n");
    folder
}

pub(crate) const MAP: &str = "function (doc) { emit(doc.name); }";

#[test]
fn the_project_is_deployed_and_fixtures_are_loaded() {
    let folder = project(MAP);
    let more = folder.path().join("more.ndjson");
    let serving = Serving::start(folder.path(), &["--docs", &more.to_string_lossy()]);
    let (status, rows) = serving.get("/shop/_design/items/_view/by_name", &[]);
    assert_eq!(status, 200);
    let names: Vec<&str> = rows["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .filter_map(|row| row["key"].as_str())
        .collect();
    assert_eq!(names, ["apple", "fig", "pear"]);
}

#[test]
fn it_is_deployed_again_on_save() {
    let folder = project(MAP);
    let serving = Serving::start(folder.path(), &["--watch", "--no-fixtures"]);
    let revision = |serving: &Serving| {
        let (_, design) = serving.get("/shop/_design/items", &[]);
        design["_rev"].as_str().unwrap_or_default().to_owned()
    };
    assert!(revision(&serving).starts_with("1-"));
    let map = folder.path().join("views/shop/items/by_name/map.js");
    fs::write(map, "function (doc) { emit([doc.name]); }").expect("a file");
    let deadline = Instant::now() + Duration::from_mins(2);
    while !revision(&serving).starts_with("2-") {
        assert!(Instant::now() < deadline, "it was not deployed again");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// What the page shows of the suites, once there is something else than `before`.
fn results(serving: &Serving, before: &Value) -> Value {
    let deadline = Instant::now() + Duration::from_mins(2);
    loop {
        let (status, report) = serving.get("/_utils/tests", &[]);
        assert_eq!(status, 200);
        if report != *before {
            return report;
        }
        assert!(Instant::now() < deadline, "the suites were not run: {report}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn suites_are_run_at_the_start_and_on_save() {
    let folder = project(MAP);
    let serving = Serving::start(folder.path(), &["--watch"]);
    let first = results(&serving, &Value::Null);
    let case = &first["suites"][0]["cases"][0];
    assert_eq!((&case["verdict"], &case["kind"]), (&"passed".into(), &"view".into()));
    assert_eq!((&case["function"], &case["name"]), (&"by_name".into(), &"all".into()));
    assert_eq!(first["suites"][0]["database"], "shop");
    // A suite that cannot be read, and one whose case fails.
    let suite = folder.path().join("tests/shop/items.test.yaml");
    fs::write(&suite, "tests: [").expect("a file");
    let problems = results(&serving, &first);
    let message = problems["problems"][0]["message"].as_str().unwrap_or_default();
    assert!(message.starts_with("tests/shop/items.test.yaml:1:"), "{problems}");
    fs::write(&suite, "tests: [{ name: all, view: by_name, expect: { count: 5 } }]")
        .expect("a file");
    let failed = results(&serving, &problems);
    assert_eq!(failed["failed"], 1, "{failed}");
    assert_eq!(
        failed["suites"][0]["cases"][0]["failures"][0]["message"],
        "expected 5 rows, got 0 rows"
    );
}

#[test]
fn results_are_for_admins() {
    let folder = project(MAP);
    let serving = Serving::start(folder.path(), &["--admin", "root", "--no-test"]);
    for path in ["/_utils/tests", "/_utils/events"] {
        assert_eq!(serving.get(path, &[]).0, 401, "{path}");
    }
    // Without a run there are no results.
    assert_eq!(serving.get("/_utils/tests", &[basic("root", "secret")]), (200, Value::Null));
}

#[test]
fn an_admin_has_the_password_of_the_environment() {
    let folder = project(MAP);
    let serving = Serving::start(folder.path(), &["--admin", "root", "--no-fixtures"]);
    assert_eq!(serving.get("/_all_dbs", &[]).0, 401);
    assert_eq!(serving.get("/_all_dbs", &[basic("root", "wrong")]).0, 401);
    let (status, names) = serving.get("/_all_dbs", &[basic("root", "secret")]);
    assert_eq!((status, names[2].as_str()), (200, Some("shop")));
}

#[test]
fn others_are_not_let_in_without_an_admin() {
    let folder = project(MAP);
    let output = Command::new(env!("CARGO_BIN_EXE_couchctl"))
        .arg("--project")
        .arg(folder.path())
        .args(["serve", "--port", "0", "--bind", "0.0.0.0"])
        .output()
        .expect("the program");
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.contains("there is no admin"), "{errors}");
}

#[cfg(unix)]
#[test]
fn it_ends_when_told_to() {
    let folder = project(MAP);
    let mut serving = Serving::start(folder.path(), &[]);
    let id = serving.child.id().to_string();
    let told = Command::new("kill").args(["-TERM", &id]).status().expect("kill");
    assert!(told.success());
    assert_eq!(serving.child.wait().expect("an end").code(), Some(0));
}
