//! The functions of design documents as a server calls them: with request objects in, and HTTP
//! responses out, but without HTTP.
//!
//! [`Functions`] talks to the [`engine`](crate::engine) in CouchDB's query server protocol, as the
//! server talks to its processes, and makes of the answers what the server makes of them: whether a
//! write is accepted, which changes pass a filter, a [`Response`], or a [`Failure`] with the server's
//! status and words. Suites and the sandbox share it; it knows neither documents nor sockets.

mod failure;
mod list;
mod process;
mod request;
mod response;
mod rewrite;
mod runner;
mod url;

pub use failure::Failure;
pub use request::{Request, RequestBody, RequestContext, uuid};
pub use response::Response;
pub use rewrite::{REWRITE_LIMIT, Rewritten, too_many};
pub use runner::{Functions, SearchIndex, Update};
pub use url::{encode_id, parse_query, path_parts, quote, unquote};
