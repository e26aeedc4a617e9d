//! The page at `/_utils`: databases, design documents, views and their rows, for people.
//!
//! It is one page that asks the sandbox as any client would, made of files without a build step. What
//! no client of CouchDB can know, the results of suites, it reads from `/_utils/tests`; it learns of
//! changes from `/_utils/events`, a stream of server-sent events, so that it holds one connection.

use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::super::failure::Failure;
use super::super::response::Response;
use super::super::state::Call;

/// How often a stream of events shows that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(20);

/// What the page may load: nothing but itself.
const POLICY: &str = "default-src 'none'; connect-src 'self'; script-src 'self'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What CouchDB's own page may load; its 404 says so too.
const COUCHDB_POLICY: &str = "child-src 'self' data: blob:; default-src 'self'; img-src 'self' data:; font-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; frame-src https://blog.couchdb.org;";

/// Answers a request below `/_utils`.
pub(in super::super) fn page(call: &Call, file: &[&str]) -> Response {
    let (kind, text) = match file {
        // Names in the page are relative to it.
        [] if !call.request.target.starts_with("/_utils/") => {
            return Response::empty(301).with("Location", "/_utils/");
        }
        [] | ["" | "index.html"] => ("text/html", include_str!("../utils/index.html")),
        ["utils.css"] => ("text/css", include_str!("../utils/utils.css")),
        ["utils.js"] => ("text/javascript", include_str!("../utils/utils.js")),
        _ => return no_page(),
    };
    Response::bytes(200, &format!("{kind}; charset=utf-8"), text)
        .with("Cache-Control", "no-cache")
        .with("Content-Security-Policy", POLICY)
        .with("X-Content-Type-Options", "nosniff")
}

/// `/_utils/tests`: the report of the last run of the project's suites, `null` where there are none.
pub(in super::super) fn tests(call: &Call) -> Result<Response, Failure> {
    call.user.require_server_admin()?;
    let report = call.server.tests.borrow().clone();
    let response = Response::json_text(200, report.as_deref().unwrap_or("null").to_owned());
    Ok(response.with("Cache-Control", "no-cache"))
}

/// `/_utils/events?database=NAME`: tells when the database changes (`event: database`), and when the
/// suites have been run (`event: tests`).
pub(in super::super) fn events(call: &Call) -> Result<Response, Failure> {
    call.user.require_server_admin()?;
    let store = call.request.parameter("database").map(|name| call.server.store(name));
    let mut updates = store.transpose()?.map(|store| store.subscribe());
    let mut tests = call.server.tests.subscribe();
    let (pieces, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        // Whoever listens is told at once that the stream has begun.
        let mut event = ":\n\n";
        while pieces.send(event.into()).await.is_ok() {
            event = tokio::select! {
                () = pieces.closed() => return,
                ran = tests.changed() => match ran {
                    Ok(()) => "event: tests\ndata:\n\n",
                    Err(_) => return,
                },
                is_there = changed(&mut updates) => {
                    if !is_there {
                        updates = None;
                    }
                    "event: database\ndata:\n\n"
                }
                () = tokio::time::sleep(HEARTBEAT) => ":\n\n",
            };
        }
    });
    Ok(Response::feed("text/event-stream", receiver).with("Cache-Control", "no-cache"))
}

/// Waits for a change; `false` when the database is gone.
async fn changed(updates: &mut Option<watch::Receiver<u64>>) -> bool {
    match updates {
        Some(updates) => updates.changed().await.is_ok() && *updates.borrow() != u64::MAX,
        None => std::future::pending().await,
    }
}

/// There is no such page.
pub(in super::super) fn no_page() -> Response {
    Response::bytes(404, "text/plain", "Not found.")
        .with("Cache-Control", "private, must-revalidate")
        .with("Content-Security-Policy", COUCHDB_POLICY)
}
