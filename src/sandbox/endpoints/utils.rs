//! The page at `/_utils`: databases, design documents, views and their rows, for people.
//!
//! It is one page that asks the sandbox as any client would, made of files without a build step.

use super::super::response::Response;
use super::super::state::Call;

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

/// There is no such page.
pub(in super::super) fn no_page() -> Response {
    Response::bytes(404, "text/plain", "Not found.")
        .with("Cache-Control", "private, must-revalidate")
        .with("Content-Security-Policy", COUCHDB_POLICY)
}
