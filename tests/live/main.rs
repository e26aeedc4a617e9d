//! Deployment against a real CouchDB: the one in COUCHCTL_TEST_URL (with an administrator's user and
//! password, `http://admin:password@127.0.0.1:5984`). Databases have random names and are removed
//! afterwards. Without the variable nothing is tested, and the tests say so.

#[path = "../support/wire.rs"]
mod wire;

mod kills;
mod outage;
mod place;
mod pushes;
