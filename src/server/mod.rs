//! The CouchDB HTTP client: the one place that talks to a server.
//!
//! [`Server`] sends requests as a [`Connection`](crate::project::Connection) says and understands the
//! answers; [`RemoteDatabase`] is one of its databases. Reads are repeated when the network or a
//! gateway fails; writes are not: after a write whose outcome is unknown, the document is read and
//! its revision compared with the one that the write would have got.

mod authentication;
mod client;
mod database;
mod design;
mod documents;
mod error;
mod meaning;
mod model;
mod pages;
mod path;
mod request;
mod write;

pub use client::{Options, Server};
pub use database::RemoteDatabase;
pub use error::{Failure, Refusal, ServerError};
pub use meaning::Meaning;
pub use model::{
    ActiveTask, Cluster, CollationDriver, Component, DatabaseInfo, DatabaseProperties, IndexInfo,
    IndexSizes, Session, UpdatesPending, Versions, Welcome,
};
pub use pages::{Page, Position};
