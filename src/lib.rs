//! couchctl tests the views of CouchDB design documents without a server, with CouchDB's results.
//!
//! The way through the library: a [`project`] is what is on disk; its [`design`] documents become view
//! [`group`]s, which the [`engine`] runs over [`document`]s and the pure core in [`view`] keeps in
//! CouchDB's order and queries. A [`suite`] compares the answers with what it expects, and a [`report`]
//! shows the outcome. A [`schema`] says what documents must be, and [`generate`] makes files of it. What a
//! push would do to a server is a plan of [`deploy`]. [`cli`] is the program around all of it.
//!
//! What CouchDB does is the specification; items name the section of its documentation or the source
//! file that a behaviour comes from.

pub mod cli;
pub mod deploy;
pub mod design;
pub mod document;
pub mod engine;
pub mod exit;
pub mod functions;
pub mod generate;
pub mod group;
pub mod json;
pub mod mango;
pub mod project;
pub mod query_server;
pub mod report;
pub mod sandbox;
pub mod schema;
pub mod server;
pub mod suite;
pub mod view;
