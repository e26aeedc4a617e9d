//! The HTTP client against recorded answers of CouchDB and a server that misbehaves.

use std::time::Duration;

use crate::support;
use crate::wire::{Reply, Wire};
use couchctl::json::{self, Value};
use couchctl::project::{Connection, Secret};
use couchctl::server::{Failure, Meaning, Options, Server};

/// A client that does not wait long.
fn client(url: &str) -> Server {
    let connection = Connection {
        url: url.to_owned(),
        user: Some("ann".into()),
        password: Some(Secret::new("p@ss:wörd/+1")),
        ..Connection::default()
    };
    let options = Options {
        patience: Duration::from_millis(300),
        connect: Duration::from_millis(300),
        pause: Duration::from_millis(1),
    };
    Server::new(&connection, options).expect("a client")
}

fn run<F: Future>(work: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(work)
}

/// Every recorded refusal: status and body.
fn refusals() -> Vec<(u16, Value)> {
    let mut found: Vec<(u16, Value)> = Vec::new();
    for case in support::conformance("http.json").as_array().expect("cases") {
        for step in case["steps"].as_array().expect("steps") {
            let status = step["status"].as_u64().unwrap_or(0) as u16;
            let body = match step.get("response_text").and_then(Value::as_str) {
                Some(text) => json::parse_str(text).ok(),
                None => step.get("response").cloned(),
            };
            let refusal = body.filter(|body| status >= 400 && body.get("error").is_some());
            found.extend(refusal.map(|body| (status, body)));
        }
    }
    found
}

#[test]
fn every_recorded_refusal_is_understood() {
    let refusals = refusals();
    assert!(refusals.len() > 60, "{} refusals", refusals.len());
    let bodies = refusals.clone();
    let wire = Wire::start(move |request| {
        let number: usize = request.target.trim_start_matches("/n").parse().expect("a number");
        let (status, body) = &bodies[number];
        Reply::json(*status, &json::to_string(body))
    });
    for (number, (status, body)) in refusals.iter().enumerate() {
        // A client of its own for each: after a wrong password one sends nothing more.
        let error =
            run(client(&wire.url()).database(&format!("n{number}")).info()).expect_err("a refusal");
        let Failure::Refused(refusal) = &error.failure else { panic!("{error}") };
        assert_eq!(refusal.status, *status);
        assert_eq!(Some(refusal.error.as_str()), body["error"].as_str());
        let reason = body["reason"].as_str().unwrap_or_default();
        assert_eq!(refusal.reason, reason);
        let expected = meaning(*status, &refusal.error, reason);
        assert_eq!(error.meaning(), Some(expected), "{error}");
    }
}

/// What the recorded refusals mean, written down independently of the client's table: by status and
/// whole reason where the reason decides.
fn meaning(status: u16, error: &str, reason: &str) -> Meaning {
    match (status, error, reason) {
        (401, "unauthorized", "Name or password is incorrect.") => Meaning::WrongPassword,
        (401, "unauthorized", "You are not a server admin.") => Meaning::NotServerAdmin,
        (401, "unauthorized", "You are not a server or db admin.")
        | (401 | 403, _, "You are not a db or server admin.")
        | (500, "error_saving_ddoc", _)
        | (500, "error", "no_majority") => Meaning::NotDatabaseAdmin,
        (401, "unauthorized", _) => Meaning::SignInNeeded,
        (403, _, "Account is temporarily locked due to multiple authentication failures") => {
            Meaning::AccountLocked
        }
        (403, _, "You are not allowed to access this db.") => Meaning::NotMember,
        (403, _, "Missing replicator database" | "local_endpoints_not_supported")
        | (500, "db_not_found", _)
        | (500, "error", "Missing replicator database") => Meaning::Replication,
        (403, _, _) => Meaning::Forbidden,
        (404, _, "Database does not exist.") => Meaning::NoDatabase,
        (404, _, "missing") => Meaning::NoDocument,
        (404, _, "deleted") => Meaning::Deleted,
        (404, _, "missing_named_view") => Meaning::NoView,
        (404, _, "Design document was updated or deleted.") => Meaning::DesignChanged,
        (404, _, "Document is missing attachment") => Meaning::NoAttachment,
        (404, _, _) => Meaning::NotFound,
        (405 | 410 | 415, _, _) => Meaning::Unsupported,
        (409, "conflict", _) => Meaning::Conflict,
        (412, "file_exists", _) => Meaning::DatabaseExists,
        (412, "missing_stub", _) => Meaning::AttachmentGone,
        (413, _, _) => Meaning::TooLarge,
        (400, "illegal_database_name" | "database_name_too_long", _) => Meaning::DatabaseName,
        (400, "illegal_docid", _) => Meaning::DocumentId,
        (400, "doc_validation", _) => Meaning::InvalidDocument,
        (400, "query_parse_error", _) => Meaning::InvalidQuery,
        (
            400,
            "invalid_operator" | "invalid_sort_field" | "missing_required_key" | "no_usable_index",
            _,
        ) => Meaning::InvalidSelector,
        (400, "bad_request", _) => Meaning::BadRequest,
        (500, "unknown_error", _) => Meaning::Internal,
        (503, "required index service unavailable", _) => Meaning::NoSearch,
        other => panic!("a refusal that this table does not know: {other:?}"),
    }
}

#[test]
fn what_is_no_answer_of_couchdb_is_said_to_be_none() {
    let answers: [(Reply, &str); 8] = [
        (Reply::html(200, "Welcome to nginx"), "200 with an HTML page (\"Welcome to nginx\")"),
        (Reply::html(403, "Blocked"), "403 with an HTML page (\"Blocked\")"),
        (Reply::html(502, "502 Bad Gateway"), "502 with an HTML page (\"502 Bad Gateway\")"),
        (Reply::text(404, "Not here\u{1b}[2J"), "404 with the text \"Not here"),
        (Reply::json(500, ""), "500 with an empty body"),
        (Reply::json(500, "[1]"), "500 with the text \"[1]\""),
        (Reply::json(200, "{\"db_name\":\"x\",\"doc_c"), "the answer cannot be read: "),
        (Reply::json(200, ""), "the answer cannot be read: "),
    ];
    for (reply, expected) in answers {
        let wire = Wire::start(move |_| reply.clone());
        let error = run(client(&wire.url()).database("x").info()).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}\nexpected: {expected}");
        assert!(error.starts_with(&format!("GET {}/x: ", wire.url())), "{error}");
    }
}

#[test]
fn reads_are_repeated_and_end() {
    for fault in
        [Reply::Reset, Reply::json(503, "{}"), Reply::Stall, Reply::json(429, ""), Reply::Half]
    {
        // Twice wrong, then right.
        let reply = fault.clone();
        let wire = Wire::start(move |request| {
            if request.number < 2 { reply.clone() } else { Reply::json(200, r#"{"db_name":"x"}"#) }
        });
        let info = run(client(&wire.url()).database("x").info())
            .unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        assert_eq!(info.db_name, "x");
        assert_eq!(wire.requests().len(), 3, "{fault:?}");
        // Wrong for ever.
        let reply = fault.clone();
        let wire = Wire::start(move |_| reply.clone());
        let error = run(client(&wire.url()).database("x").info()).expect_err("a failure");
        assert!(error.is_transient(), "{error}");
        assert_eq!(wire.requests().len(), 4, "{fault:?}");
    }
}

#[test]
fn refusals_are_not_repeated() {
    for status in [400, 401, 403, 404, 409, 412, 413, 500] {
        let wire = Wire::start(move |_| Reply::json(status, r#"{"error":"x","reason":"y"}"#));
        run(client(&wire.url()).database("x").info()).expect_err("a refusal");
        assert_eq!(wire.requests().len(), 1, "{status}");
    }
}

#[test]
fn a_wrong_password_is_sent_once_however_many_requests_there_are() {
    let wire = Wire::start(|_| {
        Reply::json(401, r#"{"error":"unauthorized","reason":"Name or password is incorrect."}"#)
    });
    let client = client(&wire.url());
    let outcomes = run(futures_util::future::join_all((0..8).map(|number| {
        let database = client.database(&format!("d{number}"));
        async move { database.info().await.expect_err("a refusal") }
    })));
    assert_eq!(wire.requests().len(), 1);
    let meant = outcomes.iter().filter(|error| error.means(Meaning::WrongPassword)).count();
    let unsent = outcomes.iter().filter(|error| error.failure == Failure::SignedOut).count();
    assert_eq!((meant, unsent), (1, 7));
}

#[test]
fn a_login_is_made_once_and_not_repeated() {
    let connection = |url: String| Connection {
        url,
        user: Some("a:b".into()),
        password: Some(Secret::new("s3cret")),
        authentication: couchctl::project::Authentication::Cookie,
        ..Connection::default()
    };
    let options = Options { pause: Duration::from_millis(1), ..Options::default() };
    let wire = Wire::start(|request| match request.target.as_str() {
        "/_session" => Reply::json(200, r#"{"ok":true}"#)
            .header("Set-Cookie: AuthSession=YWJj; Version=1; Path=/; HttpOnly"),
        _ => Reply::json(200, r#"{"db_name":"x"}"#),
    });
    let server = Server::new(&connection(wire.url()), options).expect("a client");
    for _ in 0..2 {
        run(server.database("x").info()).expect("an answer");
    }
    let requests = wire.requests();
    let targets: Vec<_> = requests.iter().map(|request| request.target.as_str()).collect();
    assert_eq!(targets, ["/_session", "/x", "/x"]);
    assert_eq!(requests[1].header("cookie"), Some("AuthSession=YWJj"));
    assert_eq!(requests[1].header("authorization"), None);

    let wire = Wire::start(|_| Reply::json(503, "{}"));
    let server = Server::new(&connection(wire.url()), options).expect("a client");
    let error = run(server.database("x").info()).expect_err("no login").to_string();
    assert!(!error.contains("s3cret"), "{error}");
    let logins = wire.requests().iter().filter(|request| request.target == "/_session").count();
    assert_eq!(logins, 1, "a login is never repeated");
}

#[test]
fn an_echoed_password_is_not_shown() {
    let wire = Wire::start(|request| {
        let sent = request.header("authorization").unwrap_or_default().to_owned();
        Reply::json(400, &format!(r#"{{"error":"{sent}","reason":"p@ss:wörd/+1"}}"#))
    });
    let error = run(client(&wire.url()).database("x").info()).expect_err("a refusal");
    for shown in [error.to_string(), format!("{error:?}")] {
        assert!(!shown.contains("wörd") && !shown.contains("YW5uOn"), "{shown}");
    }
}

#[test]
fn nobody_listens() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let error = run(client(&url).database("x").info()).expect_err("no connection");
    assert!(matches!(error.failure, Failure::Connect(_)), "{error}");
    assert!(error.hint().is_some());
}

#[test]
fn a_redirection_is_not_followed() {
    let wire = Wire::start(|_| {
        Reply::json(301, "").header("Location: https://u:s3cret@other.example.org/x")
    });
    let error = run(client(&wire.url()).database("x").info()).expect_err("elsewhere").to_string();
    assert!(error.ends_with("the server redirects to `https://other.example.org/x`"), "{error}");
    assert_eq!(wire.requests().len(), 1);
}
