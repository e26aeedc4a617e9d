//! The HTTP client and deployment, over loopback: recorded answers, the sandbox, and servers that
//! misbehave. The tests of deployment are those that run against a real CouchDB too (`tests/live`).

#[path = "../support/mod.rs"]
mod support;
#[path = "../support/wire.rs"]
mod wire;

mod client;
mod faults;
#[path = "../live/kills.rs"]
mod kills;
#[path = "../live/outage.rs"]
mod outage;
#[path = "../live/place.rs"]
mod place;
mod pulled;
#[path = "../live/pushes.rs"]
mod pushes;
mod resume;
mod secrets;
mod transport;
mod waiting;

use std::time::Duration;

use couchctl::sandbox::{Options, Sandbox};

/// How many documents a build runs over while a client queries the live view; each takes
/// [`INDEX_DELAY`].
const DOCUMENTS: usize = 2_000;
const INDEX_DELAY: Duration = Duration::from_millis(1);

/// Every how many requests a push is killed.
const STRIDE: usize = 5;

/// A server of its own for each test.
#[expect(clippy::unnecessary_wraps, reason = "the tests against a real server may have none")]
fn server(test: &str) -> Option<(String, Option<Sandbox>)> {
    let slow = ["outage", "cut", "interrupt"].contains(&test);
    let index_delay = if slow { INDEX_DELAY } else { Duration::ZERO };
    let sandbox = Sandbox::start(Options { index_delay, ..Options::default() }).expect("a sandbox");
    Some((sandbox.url(), Some(sandbox)))
}
