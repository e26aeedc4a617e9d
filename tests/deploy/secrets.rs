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

const COMMANDS: [&[&str]; 19] = [
    &["push"],
    &["push", "--no-test", "--format", "json", "--auth", "cookie"],
    &["push", "--no-test", "--keep-previous", "--yes"],
    &["push", "--plan", "plan.json"],
    &["diff"],
    &["diff", "--format", "json"],
    &["diff", "--format", "markdown", "--out", "plan.json"],
    &["diff", "--env", "production"],
    &["diff", "--env", "prodution"],
    &["warm"],
    &["warm", "--format", "json"],
    &["cleanup"],
    &["rollback"],
    &["pull"],
    &["check"],
    &["test", "--verbose"],
    &["query", "mine/a/v", "/dev/null"],
    &["push", "--database", "other"],
    &["init"],
];

/// Runs every command against a server, and looks through all it says.
fn look_through(url: &str, token: bool, certificates: Option<&str>) {
    let folder = tempfile::tempdir().expect("a folder");
    let view = folder.path().join("views/mine/a/v");
    std::fs::create_dir_all(&view).expect("a folder");
    std::fs::write(view.join("map.js"), "function (doc) { emit(doc.n, 1); }").expect("a file");
    let config = format!(
        "[databases.mine]\ncreate = true\n[environments.production]\nurl = \"{url}\"\nuser = \"ann\"\n"
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
            .env("COUCHDB_PASSWORD", PASSWORD);
        if arguments.iter().any(|argument| {
            ["push", "diff", "warm", "cleanup", "rollback", "pull"].contains(argument)
        }) {
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
    let written = std::fs::read_to_string(folder.path().join("plan.json")).unwrap_or_default();
    assert!(forms().iter().all(|form| !written.contains(form)), "{written}");
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
        for command in ["push", "diff", "warm", "cleanup", "rollback", "pull"] {
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
