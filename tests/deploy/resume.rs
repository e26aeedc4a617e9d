//! `push --resume`: of many databases only those whose last push failed.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::place::{Answer, Place, finished};
use crate::wire::{Reply, Wire};

/// A project for three databases, `…-a`, `…-b` and `…-c`, and a gateway that lets nothing be written to
/// some of them.
struct Three {
    place: Place,
    gateway: Wire,
    /// How the names of these end.
    closed: Arc<Mutex<&'static [&'static str]>>,
}

impl Three {
    fn new() -> Self {
        let place = Place::new("resume").expect("a sandbox");
        let config = format!("[databases.{0}]\nmatch = \"{0}-*\"\n", place.name);
        place.write("couchctl.toml", &config);
        for end in ["a", "b", "c"] {
            let database = place.database.server().database(&format!("{}-{end}", place.name));
            place.run(database.create(false)).expect("a database");
        }
        let upstream = place.connection.url.trim_start_matches("http://").to_owned();
        let closed: Arc<Mutex<&'static [&'static str]>> = Arc::default();
        let closed_now = Arc::clone(&closed);
        let gateway = Wire::before(upstream, move |asked| {
            let database = asked.target.split('/').nth(1).unwrap_or_default();
            let closed = closed_now.lock().expect("no panic");
            if asked.writes() && closed.iter().any(|end| database.ends_with(end)) {
                Reply::json(403, r#"{"error":"forbidden","reason":"closed today"}"#)
            } else {
                Reply::Pass
            }
        });
        let three = Self { place, gateway, closed };
        three.version(1);
        three
    }

    fn version(&self, number: usize) {
        let map = format!("function (doc) {{ emit(doc.n, {number}); }}\n");
        self.place.design("d/v/map.js", &map);
    }

    /// The end of a database's name in its place.
    fn named(&self, text: &str) -> String {
        text.replace('~', &format!("{}-", self.place.name))
    }

    /// Runs the program while these are closed; which databases it wrote to, too.
    fn couchctl(
        &self,
        closed: &'static [&'static str],
        arguments: &[&str],
    ) -> (Answer, Vec<String>) {
        *self.closed.lock().expect("no panic") = closed;
        let before = self.gateway.requests().len();
        let child = self.place.spawn(&self.gateway.url(), arguments);
        let answer = finished(child, Duration::from_secs(30));
        let asked = self.gateway.requests().split_off(before);
        let databases = asked.iter().filter_map(|asked| asked.target.split('/').nth(1));
        let mut databases: Vec<String> = databases
            .filter_map(|name| name.strip_prefix(&format!("{}-", self.place.name)))
            .map(str::to_owned)
            .collect();
        databases.sort();
        databases.dedup();
        (answer, databases)
    }

    /// The files in which failures are noted.
    fn notes(&self) -> Vec<PathBuf> {
        let folder = self.place.path().join(".couchctl/failed");
        let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
        entries.map(|entry| entry.expect("an entry").path()).collect()
    }
}

#[test]
fn only_what_failed_is_pushed_again() {
    let three = Three::new();
    let (answer, _) = three.couchctl(&["-b", "-c"], &["push"]);
    assert_eq!(answer.code, Some(3), "{answer:?}");
    assert!(answer.stdout.starts_with(&three.named("~a: ")), "{answer:?}");
    assert!(answer.stderr.contains("closed today"), "{answer:?}");
    let hint = "hint: 2 of 3 databases failed: `couchctl push --resume` pushes only these\n";
    assert!(answer.stderr.ends_with(hint), "{answer:?}");
    assert_eq!(answer.stderr.matches("error: ").count(), 2, "{answer:?}");
    // One for both, and how to go on.
    assert_eq!(answer.stderr.matches("hint: ").count(), 2, "{answer:?}");
    let notes = three.notes();
    assert_eq!(notes.len(), 1, "{notes:?}");
    let text = std::fs::read_to_string(&notes[0]).expect("a file");
    assert!(text.contains("closed today") && text.contains(&three.named("~b")), "{text}");
    let ignored = std::fs::read_to_string(three.place.path().join(".couchctl/.gitignore"));
    assert_eq!(ignored.expect("a file"), "*\n");

    let (answer, asked) = three.couchctl(&["-c"], &["push", "--resume"]);
    assert_eq!(answer.code, Some(3), "{answer:?}");
    assert!(answer.stderr.contains("resuming: 2 databases whose last push failed"), "{answer:?}");
    assert_eq!(asked, ["b", "c"]);
    let hint = "hint: 1 of 2 databases failed: `couchctl push --resume` pushes only these\n";
    assert!(answer.stderr.ends_with(hint), "{answer:?}");

    let (answer, asked) = three.couchctl(&[], &["push", "--resume", "--format", "json"]);
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert_eq!(asked, ["c"]);
    assert_eq!(three.notes(), Vec::<PathBuf>::new());

    let (answer, asked) = three.couchctl(&[], &["push", "--resume"]);
    assert_eq!(answer.code, Some(2), "{answer:?}");
    assert!(answer.stderr.contains("no failed push to"), "{answer:?}");
    assert_eq!(asked, Vec::<String>::new());
}

#[test]
fn a_push_of_all_or_of_one_is_noted_too() {
    let three = Three::new();
    three.couchctl(&["-a", "-b", "-c"], &["push"]);
    // One on its own.
    let (answer, _) = three.couchctl(&[], &["push", "--database", &three.named("~a")]);
    assert_eq!(answer.code, Some(0), "{answer:?}");
    let (_, asked) = three.couchctl(&["-c"], &["push", "--resume"]);
    assert_eq!(asked, ["b", "c"]);
    let (answer, _) = three.couchctl(&[], &["push"]);
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert_eq!(three.notes(), Vec::<PathBuf>::new());
}

#[test]
fn a_database_that_is_gone_is_forgotten() {
    let three = Three::new();
    three.couchctl(&["-b", "-c"], &["push"]);
    let gone = three.place.database.server().database(&three.named("~b"));
    three.place.run(gone.delete()).expect("a database");
    let (answer, asked) = three.couchctl(&["-c"], &["push", "--resume"]);
    assert_eq!(answer.code, Some(3), "{answer:?}");
    let gone = format!("note: `{}` is not there any more", three.named("~b"));
    assert!(answer.stderr.contains(&gone), "{answer:?}");
    assert_eq!(asked, ["c"]);
    let noted = std::fs::read_to_string(&three.notes()[0]).expect("a file");
    assert!(!noted.contains(&three.named("~b")), "{noted}");
}

#[test]
fn what_cannot_be_read_is_no_reason_not_to_push() {
    let three = Three::new();
    three.couchctl(&["-b"], &["push"]);
    std::fs::write(&three.notes()[0], "{").expect("a file");
    let (answer, _) = three.couchctl(&[], &["push", "--resume"]);
    assert_eq!(answer.code, Some(2), "{answer:?}");
    let (answer, _) = three.couchctl(&[], &["push"]);
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert!(answer.stderr.contains("note: what failed cannot be noted"), "{answer:?}");
}
