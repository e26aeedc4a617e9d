//! No output of any command holds a password, whatever goes wrong.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use couchctl::project::Secret;
use couchctl::sandbox::{Options, Sandbox};

use crate::wire::{Reply, Wire};

const PASSWORD: &str = "s3cret/p@ss:w+rd?\u{e9}#1";
const TOKEN: &str = "t0ken-s3cret";

/// The password in all the forms in which it could turn up.
fn forms() -> Vec<String> {
    let percent = |keep: fn(u8) -> bool| -> String {
        PASSWORD.bytes().fold(String::new(), |mut text, byte| {
            if keep(byte) {
                text.push(char::from(byte));
            } else {
                let _ = write!(text, "%{byte:02X}");
            }
            text
        })
    };
    vec![
        PASSWORD.to_owned(),
        "s3cret".to_owned(),
        percent(|_| false),
        percent(|byte| byte.is_ascii_alphanumeric()),
        STANDARD.encode(format!("ann:{PASSWORD}")),
    ]
}

/// Every command (`every_command_is_looked_through`), with what may go wrong. The address of `serve` is nobody's, so
/// that it ends.
const COMMANDS: [&[&str]; 34] = [
    &["push"],
    &["push", "--no-test", "--format", "json", "--auth", "cookie"],
    &["push", "--no-test", "--keep-previous", "--yes"],
    &["push", "--plan", "plan.json"],
    &["push", "--resume"],
    &["push", "--env", "sandbox"],
    &["push", "--env", "production"],
    &["push", "--strategy", "in-place", "--exact", "--prune"],
    &["diff"],
    &["diff", "--format", "json"],
    &["diff", "--format", "markdown", "--out", "plan.json"],
    &["diff", "--rows", "5", "--verbose"],
    &["diff", "--env", "production"],
    &["diff", "--env", "prodution"],
    &["warm"],
    &["warm", "--format", "json"],
    &["cleanup"],
    &["cleanup", "--previous", "--format", "json"],
    &["rollback"],
    &["rollback", "--format", "json"],
    &["pull"],
    &["pull", "--force", "--format", "json"],
    &["pull", "--database", "other"],
    &["check"],
    &["test", "--verbose"],
    &["query", "mine/a/v", "/dev/null"],
    &["push", "--database", "other"],
    &["init"],
    &["validate", "--database", "mine"],
    &["validate", "--database", "mine", "--format", "sarif", "--resume", "noted"],
    &["generate", "types"],
    &["query-server"],
    &["serve", "--admin", "ann", "--bind", "192.0.2.1"],
    &["help"],
];

/// Those that ask a server.
const ASKING: [&str; 7] = ["push", "diff", "warm", "cleanup", "rollback", "pull", "validate"];

/// Files that commands write into the project.
const WRITTEN: [&str; 2] = ["plan.json", "noted"];

/// Runs every command against a server, and looks through all it says.
fn look_through(url: &str, token: bool, certificates: Option<&str>) {
    let folder = tempfile::tempdir().expect("a folder");
    let view = folder.path().join("views/mine/a/v");
    std::fs::create_dir_all(&view).expect("a folder");
    std::fs::write(view.join("map.js"), "function (doc) { emit(doc.n, 1); }").expect("a file");
    let view = folder.path().join("views/second/a/v");
    std::fs::create_dir_all(&view).expect("a folder");
    std::fs::write(view.join("map.js"), "function (doc) { emit(doc.n, 2); }").expect("a file");
    let schemas = folder.path().join("schemas/mine");
    std::fs::create_dir_all(&schemas).expect("a folder");
    std::fs::write(schemas.join("note.schema.json"), r#"{"type": "object"}"#).expect("a file");
    let config = format!(
        "[databases.mine]\ncreate = true\n[databases.second]\ncreate = true\n\
         [environments.production]\nurl = \"{url}\"\nuser = \"ann\"\nprotected = true\n"
    );
    std::fs::write(folder.path().join("couchctl.toml"), config).expect("a file");
    for arguments in COMMANDS {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_couchctl"));
        command
            .args(arguments)
            .current_dir(folder.path())
            .env_remove("CI")
            .env("COUCHDB_URL", url)
            .env("COUCHDB_USER", "ann")
            .env("COUCHDB_PASSWORD", PASSWORD)
            .stdin(std::process::Stdio::null());
        if ASKING.contains(&arguments[0]) {
            command.args(["--timeout", "1"]);
        }
        if token {
            command.env("COUCHDB_TOKEN", TOKEN);
        }
        if let Some(file) = certificates {
            command.env("COUCHDB_CA_FILE", file);
        }
        let output = command.output().expect("couchctl runs");
        let shown = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(!shown.contains("panicked"), "{arguments:?}: {shown}");
        for form in forms() {
            assert!(!shown.contains(&form), "{arguments:?} against {url} shows {form}: {shown}");
        }
    }
    let noted = std::fs::read_dir(folder.path().join(".couchctl/failed"));
    let noted = noted.into_iter().flatten().map(|entry| entry.expect("an entry").path());
    for path in WRITTEN.iter().map(|name| folder.path().join(name)).chain(noted) {
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(forms().iter().all(|form| !written.contains(form)), "{written}");
    }
}

#[test]
fn every_command_is_looked_through() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_couchctl"))
        .arg("--help")
        .output()
        .expect("couchctl runs");
    let help = String::from_utf8(output.stdout).expect("text");
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names: Vec<&str> = listed
        .take_while(|line| !line.is_empty())
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(names.len() > 10, "{help}");
    for name in names {
        assert!(COMMANDS.iter().any(|arguments| arguments[0] == name), "{name} is not");
    }
}

#[test]
fn no_command_shows_the_password_when_all_is_well() {
    let admins = vec![("ann".to_owned(), Secret::new(PASSWORD))];
    let sandbox = Sandbox::start(Options { admins, ..Options::default() }).expect("a sandbox");
    look_through(&sandbox.url(), false, None);
}

#[test]
fn no_command_shows_the_password_when_it_is_wrong() {
    let admins = vec![("ann".to_owned(), Secret::new("another"))];
    let sandbox = Sandbox::start(Options { admins, ..Options::default() }).expect("a sandbox");
    look_through(&sandbox.url(), false, None);
}

#[test]
fn no_command_shows_the_password_of_a_server_that_echoes_it() {
    let wire = Wire::start(|asked| {
        let sent = asked.header("authorization").unwrap_or_default().to_owned();
        let sent = sent.replace('"', "\\\"");
        let sent = format!("{sent} {PASSWORD} {}", String::from_utf8_lossy(&asked.body));
        match asked.number % 3 {
            0 => Reply::html(502, &sent),
            1 => Reply::text(500, &sent),
            _ => Reply::json(
                400,
                &serde_json::json!({ "error": sent, "reason": PASSWORD }).to_string(),
            ),
        }
    });
    look_through(&wire.url(), false, None);
    look_through(&wire.url(), true, None);
}

#[test]
fn no_command_shows_the_password_when_nobody_answers() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    look_through(&format!("http://{address}"), false, None);
    look_through(&format!("https://{address}"), true, Some("couchctl.toml"));
}

#[test]
fn an_address_with_a_password_is_refused_without_being_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir_all(folder.path().join("views")).expect("a folder");
    for url in ["http://ann:s3cret@127.0.0.1:1", "http//ann:s3cret@x", "http://ann:s3cret@"] {
        for command in ASKING {
            let output = std::process::Command::new(env!("CARGO_BIN_EXE_couchctl"))
                .args([command, "--url", url])
                .current_dir(folder.path())
                .output()
                .expect("couchctl runs");
            let shown =
                String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            assert_eq!(output.status.code(), Some(2), "{shown}");
            assert!(!shown.contains("s3cret"), "{shown}");
        }
    }
}
