//! Deployment and validation against a real CouchDB: the one in `COUCHCTL_TEST_URL` (with an administrator's user and
//! password, `http://admin:password@127.0.0.1:5984`). Databases have random names and are removed
//! afterwards. Without the variable nothing is tested, and the tests say so.

#[expect(dead_code, reason = "the tests without a real server need more of it")]
#[path = "../support/wire.rs"]
mod wire;

#[path = "../deploy/faults.rs"]
mod faults;

#[path = "../support/expressible.rs"]
mod expressible;

#[path = "../support/maker.rs"]
mod maker;

mod kills;
mod outage;
mod place;
mod pushes;
mod schemas;

use couchctl::sandbox::Sandbox;

/// How many documents a build runs over while a client queries the live view.
const DOCUMENTS: usize = 50_000;

/// Every how many requests a push is killed.
const STRIDE: usize = 1;

/// The server to test against, or `None`, with a note, when there is none.
#[expect(clippy::print_stderr, reason = "a test that does not run says so")]
fn server(test: &str) -> Option<(String, Option<Sandbox>)> {
    let url = std::env::var("COUCHCTL_TEST_URL").ok();
    if url.is_none() {
        eprintln!("{test}: skipped, since COUCHCTL_TEST_URL is not set");
    }
    Some((url?, None))
}
