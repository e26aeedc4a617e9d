//! The JavaScript engine: boa, made to behave as the query servers of CouchDB do.
//!
//! [`Engine`] owns a thread on which all JavaScript runs. A job given to [`Engine::run`] receives a
//! [`Vm`], with which it compiles and calls the functions of design documents. Whatever a function
//! does (loops forever, recurses, allocates without end), the caller gets an answer within the
//! [`Limits`], as CouchDB's users do: the server kills a query server process that misbehaves, and so
//! does couchctl give up on a thread.
//!
//! Behaviour follows `share/server/*.js` of CouchDB 3.5; the two [`Profile`]s differ where the
//! engines that CouchDB is built with differ.

mod analysis;
mod builtins;
mod compile;
mod design_functions;
mod documents;
mod failure;
mod globals;
mod guard;
mod json_global;
mod map;
mod memory;
mod mime;
mod module_file;
mod peer;
mod projection;
mod query_server;
mod reduce;
mod render;
mod require;
mod responders;
mod search_index;
mod source_text;
mod sources;
mod spidermonkey;
mod standard;
mod stateless;
mod stringify;
mod syntax;
mod syntax_messages;
mod transcode;
mod vm;
mod worker;

pub use failure::EngineError;
pub use map::{MapFailure, MapFunctions, MapOutcome, MappedRow};
pub use memory::GuardedAllocator;
pub use peer::Peer;
pub use query_server::Ending;
pub(crate) use reduce::stored;
pub use reduce::{ReduceLimit, ReduceOutcome};
pub(crate) use standard::calendar_fields;
pub use syntax::same_syntax;
pub(crate) use syntax_messages::KEYWORDS;
pub use vm::Vm;
pub use worker::Engine;

use std::time::Duration;

/// Which of CouchDB's JavaScript engines to behave as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Profile {
    /// SpiderMonkey 78 as CouchDB 3.5 runs it: sources pass through Esprima 4 and escodegen first,
    /// which limits the syntax to about ES2017. The default of every package but EL 10.
    #[default]
    SpiderMonkey,
    /// The QuickJS that CouchDB 3.5 bundles: modern syntax, a smaller standard library.
    QuickJs,
}

impl Profile {
    /// The profile that runs a design document of this `language`, where `self` is what the server
    /// runs for plain `javascript`; `None` for a language that is not JavaScript.
    ///
    /// CouchDB looks languages up without regard to case (`couch_proc_manager.erl`).
    #[must_use]
    pub fn for_language(self, language: &str) -> Option<Self> {
        match language.to_ascii_uppercase().as_str() {
            "JAVASCRIPT" => Some(self),
            "JAVASCRIPT_QUICKJS" => Some(Self::QuickJs),
            "JAVASCRIPT_SPIDERMONKEY" => Some(Self::SpiderMonkey),
            _ => None,
        }
    }
}

/// Bounds on what a function may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Wall-clock time of one call, CouchDB's `[couchdb] os_process_timeout`.
    pub call_time: Duration,
    /// Bytes that the engine's thread may hold.
    pub memory: usize,
    /// Bytes of a function's source.
    pub source: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { call_time: Duration::from_secs(5), memory: 1 << 30, source: 8_000_000 }
    }
}
