//! The sandbox: an HTTP server that answers as CouchDB 3.5 does, for tests, CI and first contact.
//!
//! It keeps documents in memory, runs views and functions with the same [`engine`](crate::engine) as
//! everything else here, and forgets everything when it ends. It is no database: `/` says so in
//! `vendor`.
//!
//! A request goes through [`server`](self) (connections and bounds), the router, which knows CouchDB's
//! paths, and one of the endpoints. A store is a database with its security object and its indexes;
//! an index belongs to a signature, is built when a query asks for it, and is lost when CouchDB would
//! lose it: a deployment that forgets to warm an index shows here too.

mod auth;
mod contents;
mod endpoints;
mod engines;
mod external;
mod failure;
mod index;
mod lenient;
mod patience;
mod request;
mod response;
mod router;
mod security;
mod server;
mod state;
mod store;

pub use contents::Refusal;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use self::state::Server;
use crate::engine::{Limits, Profile};
use crate::project::Secret;

/// Code that walks deeply nested JSON recurses. The pages are only reserved, not used.
const STACK: usize = 32 << 20;

/// What a sandbox is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens; port 0 takes any free one.
    pub bind: SocketAddr,
    /// Names and passwords of server admins. Without any, everybody is one ("admin party").
    pub admins: Vec<(String, Secret)>,
    /// The engine it behaves as.
    pub profile: Profile,
    /// Bounds on what functions may use.
    pub limits: Limits,
    /// How long indexing a document takes, beyond the time that it really takes.
    pub index_delay: Duration,
    /// How long a fresh index stays uncommitted: it is lost when the only design document known to
    /// use it changes before (`[query_server_config] commit_freq`, 5 s).
    pub commit_delay: Duration,
    /// Whether indexes are built in the background when documents change, as `ken` does on a server.
    pub autobuild: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from(([127, 0, 0, 1], 0)),
            admins: Vec::new(),
            profile: Profile::default(),
            limits: Limits::default(),
            index_delay: Duration::ZERO,
            commit_delay: Duration::from_secs(5),
            autobuild: false,
        }
    }
}

/// Why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// It cannot listen there.
    #[error("cannot listen on `{address}`: {error}")]
    Bind {
        /// Where it was to listen.
        address: SocketAddr,
        /// What the system says.
        error: std::io::Error,
    },
    /// It would be open to others without a password.
    #[error("`{0}` can be reached from other machines, and there is no admin")]
    Unprotected(SocketAddr),
    /// The system has no threads left.
    #[error("cannot start the sandbox: {0}")]
    System(std::io::Error),
}

impl SandboxError {
    /// The next step.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Bind { .. } => Some("name another port, or 0 for any free one"),
            Self::Unprotected(_) => {
                Some("name an admin, or bind to 127.0.0.1, which other machines cannot reach")
            }
            Self::System(_) => None,
        }
    }
}

/// A running sandbox. It ends when this is dropped.
#[derive(Debug)]
pub struct Sandbox {
    address: SocketAddr,
    server: Arc<Server>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Sandbox {
    /// Starts a sandbox on threads of its own. It answers when this returns.
    ///
    /// # Errors
    /// When it cannot listen where it was told to, or would be open to everybody there.
    pub fn start(options: Options) -> Result<Self, SandboxError> {
        let bind = options.bind;
        if !bind.ip().is_loopback() && options.admins.is_empty() {
            return Err(SandboxError::Unprotected(bind));
        }
        let listener = std::net::TcpListener::bind(bind)
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            .map_err(|error| SandboxError::Bind { address: bind, error })?;
        let address = listener.local_addr().map_err(SandboxError::System)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(64)
            .thread_name("couchctl-sandbox")
            .thread_stack_size(STACK)
            .enable_all()
            .build()
            .map_err(SandboxError::System)?;
        let server = Arc::new(Server::new(options));
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&server);
        let thread = std::thread::Builder::new()
            .name("couchctl-sandbox".into())
            .spawn(move || {
                runtime.block_on(server::serve(listener, shared, stopped));
                // Requests under way, be it an endless feed, are given up.
                runtime.shutdown_timeout(Duration::from_millis(100));
            })
            .map_err(SandboxError::System)?;
        Ok(Self { address, server, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address as CouchDB's clients take it: `http://127.0.0.1:49152`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // It may have ended by itself.
            let _ = stop.send(());
        }
        self.server.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
