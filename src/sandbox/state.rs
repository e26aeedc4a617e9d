//! What a server knows: its databases, who may log in, its configuration.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::SystemTime;

use rand::Rng;
use tokio::sync::{Semaphore, watch};

use super::Options;
use super::auth::Logins;
use super::endpoints::replicate::Replications;
use super::engines::Engines;
use super::failure::Failure;
use super::request::Request;
use super::security::User;
use super::store::Store;

/// The databases that every server has.
pub(super) const SYSTEM_DATABASES: [&str; 2] = ["_replicator", "_users"];

/// Answers from many documents that are made at a time: each may take a lot of memory.
const READING: usize = 8;

/// A server.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) options: Options,
    pub(super) uuid: String,
    pub(super) engines: Engines,
    pub(super) logins: Logins,
    pub(super) replications: Replications,
    /// The report of the last run of the project's suites, as JSON.
    pub(super) tests: watch::Sender<Option<Arc<str>>>,
    /// Values that were set by `_config`, by section and key.
    config: Mutex<BTreeMap<(String, String), String>>,
    stores: RwLock<BTreeMap<String, Arc<Store>>>,
    reading: Semaphore,
    uuids: AtomicU64,
}

/// A request, and who makes it.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) server: Arc<Server>,
    pub(super) request: Arc<Request>,
    pub(super) user: User,
    /// How often the request was rewritten.
    pub(super) rewrites: usize,
}

impl Server {
    pub(super) fn new(options: Options) -> Self {
        let server = Self {
            uuid: random_hex(),
            engines: Engines::new(options.profile, options.limits),
            logins: Logins::default(),
            replications: Replications::default(),
            tests: watch::Sender::new(None),
            config: Mutex::default(),
            stores: RwLock::default(),
            reading: Semaphore::new(READING),
            uuids: AtomicU64::new(0),
            options,
        };
        for name in SYSTEM_DATABASES {
            server.insert(Store::new(name, 2, false, &server.options));
        }
        server
    }

    /// The database of this name.
    pub(super) fn store(&self, name: &str) -> Result<Arc<Store>, Failure> {
        let stores = self.stores.read().unwrap_or_else(PoisonError::into_inner);
        stores.get(name).cloned().ok_or_else(Failure::no_database)
    }

    /// Adds a database; `false` when there is one of its name.
    pub(super) fn insert(&self, store: Store) -> bool {
        let mut stores = self.stores.write().unwrap_or_else(PoisonError::into_inner);
        if stores.contains_key(&store.name) {
            return false;
        }
        stores.insert(store.name.clone(), Arc::new(store));
        true
    }

    /// Takes a database away.
    pub(super) fn remove(&self, name: &str) -> Result<(), Failure> {
        let mut stores = self.stores.write().unwrap_or_else(PoisonError::into_inner);
        let store = stores.remove(name).ok_or_else(Failure::no_database)?;
        store.close();
        Ok(())
    }

    /// All databases, by name.
    pub(super) fn stores(&self) -> Vec<Arc<Store>> {
        let stores = self.stores.read().unwrap_or_else(PoisonError::into_inner);
        stores.values().cloned().collect()
    }

    /// Ends everything that waits or builds.
    pub(super) fn close(&self) {
        for store in self.stores() {
            store.close();
        }
    }

    pub(super) fn config(&self) -> MutexGuard<'_, BTreeMap<(String, String), String>> {
        self.config.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new id, unlike any other, in ascending order as CouchDB's `sequential` ones.
    pub(super) fn new_uuid(&self) -> String {
        let number = self.uuids.fetch_add(1, Ordering::Relaxed);
        format!("{}{number:06x}", &self.uuid[..26])
    }

    /// Whether everybody is an admin.
    pub(super) fn is_admin_party(&self) -> bool {
        self.options.admins.is_empty()
    }
}

impl Call {
    /// The same request with another method, path and query.
    pub(super) fn with_request(&self, request: Request) -> Self {
        Self { request: Arc::new(request), ..self.clone() }
    }

    /// Runs something that takes its time, or waits for locks, beside the connections.
    pub(super) async fn blocking<T: Send + 'static>(
        self,
        work: impl FnOnce(&Self) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let done = tokio::task::spawn_blocking(move || work(&self));
        done.await.unwrap_or_else(|_| Err(Failure::internal("a handler failed")))
    }

    /// The same for work that makes an answer from documents, of which there may be many: in turn, so
    /// that only so many of these answers are being made at a time.
    pub(super) async fn reading<T: Send + 'static>(
        self,
        work: impl FnOnce(&Self) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let server = Arc::clone(&self.server);
        let Ok(_turn) = server.reading.acquire().await else {
            return Err(Failure::internal("closed"));
        };
        self.blocking(work).await
    }
}

/// 32 random hexadecimal digits.
pub(super) fn random_hex() -> String {
    let bits: u128 = rand::rng().random();
    format!("{bits:032x}")
}

/// Lower-case hexadecimal digits.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        use std::fmt::Write;
        // Writing to memory cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Seconds since 1970.
pub(super) fn unix_time() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
