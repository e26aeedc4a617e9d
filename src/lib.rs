//! couchctl treats design documents and schemas of CouchDB as the source of a deployment: it tests them
//! without a server, with CouchDB's results, and deploys them without an outage.
//!
//! The ways through the library, both from a project. Test: a [`project`] is what is on disk; its [`design`] documents become view
//! [`group`]s, which the [`engine`] runs over [`document`]s and the pure core in [`view`] keeps in
//! CouchDB's order and queries. A [`suite`] compares the answers with what it expects, and a [`report`]
//! shows the outcome; a [`schema`] says what documents must be, and [`generate`] makes files of it. Deploy:
//! what a [`server`] has and what the project has make a plan, which [`deploy`] shows and executes. The
//! [`sandbox`] is a server for trying it, and runs all other [`functions`] of design documents, as does the
//! [`query_server`]. [`cli`] is the program around all of it.
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
