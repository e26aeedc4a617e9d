//! What the server answers, as far as couchctl uses it.

use serde::{Deserialize, Serialize};

use crate::json::Value;

/// The answer of `GET /`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Welcome {
    /// The version, such as `3.5.0`.
    pub version: String,
    /// What this build can do.
    #[serde(default)]
    pub features: Vec<String>,
}

/// The answer of `GET /_session`: who the server thinks one is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Session {
    /// The user's name; none for anonymous requests.
    pub user: Option<String>,
    /// The user's roles.
    pub roles: Vec<String>,
    /// How the user was recognised: `default` for user and password, `cookie`, `jwt`, `proxy`.
    pub authenticated: Option<String>,
}

impl Session {
    /// Whether the user is an administrator of the server.
    #[must_use]
    pub fn is_server_admin(&self) -> bool {
        self.roles.iter().any(|role| role == "_admin")
    }
}

#[derive(Deserialize)]
pub(super) struct SessionAnswer {
    #[serde(rename = "userCtx")]
    user_ctx: UserContext,
    #[serde(default)]
    info: SessionInfo,
}

#[derive(Deserialize)]
struct UserContext {
    name: Option<String>,
    #[serde(default)]
    roles: Vec<String>,
}

#[derive(Deserialize, Default)]
struct SessionInfo {
    authenticated: Option<String>,
}

impl From<SessionAnswer> for Session {
    fn from(answer: SessionAnswer) -> Self {
        Self {
            user: answer.user_ctx.name,
            roles: answer.user_ctx.roles,
            authenticated: answer.info.authenticated,
        }
    }
}

/// The answer of `GET /_node/_local/_versions` (server administrators only).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Versions {
    /// The engine of JavaScript functions.
    pub javascript_engine: Component,
    /// The library that orders keys.
    #[serde(default)]
    pub collation_driver: Option<CollationDriver>,
}

/// A part of the server and its version.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Component {
    /// Its name, such as `spidermonkey`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// The library that orders keys.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CollationDriver {
    /// The version of ICU.
    pub library_version: String,
}

/// The answer of `GET /db`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct DatabaseInfo {
    /// Its name.
    pub db_name: String,
    /// Documents, design documents included, deleted ones not.
    #[serde(default)]
    pub doc_count: u64,
    /// Deleted documents.
    #[serde(default)]
    pub doc_del_count: u64,
    /// The sequence of its last change.
    #[serde(default)]
    pub update_seq: Value,
    /// How large it is.
    #[serde(default)]
    pub sizes: IndexSizes,
    /// How it was created.
    #[serde(default)]
    pub props: DatabaseProperties,
    /// How it is spread.
    #[serde(default)]
    pub cluster: Cluster,
}

/// How a database was created.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct DatabaseProperties {
    /// Whether it is a partitioned one.
    #[serde(default)]
    pub partitioned: bool,
}

/// How a database is spread over nodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct Cluster {
    /// Shard ranges.
    #[serde(default)]
    pub q: u64,
    /// Copies of each.
    #[serde(default)]
    pub n: u64,
}

/// What `_design/D/_info` tells of an index: its `view_index` member, merged over all copies
/// (`fabric_group_info.erl`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexInfo {
    /// The signature.
    pub signature: String,
    /// Bytes of its files.
    #[serde(default)]
    pub sizes: IndexSizes,
    /// Update sequences that are not indexed yet.
    #[serde(default)]
    pub updates_pending: UpdatesPending,
    /// Whether some copy is being built.
    #[serde(default)]
    pub updater_running: bool,
    /// Whether some copy waits for its next commit.
    #[serde(default)]
    pub waiting_commit: bool,
}

#[derive(Deserialize)]
pub(super) struct DesignInfoAnswer {
    pub(super) view_index: IndexInfo,
}

/// Sizes in bytes, summed over all copies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexSizes {
    /// Of the files on disk.
    #[serde(default)]
    pub file: u64,
    /// Of what is in use in them.
    #[serde(default)]
    pub active: u64,
    /// Of the contents, uncompressed.
    #[serde(default)]
    pub external: u64,
}

/// How many update sequences of the database an index has not seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdatesPending {
    /// On the best copy of every shard range.
    #[serde(default)]
    pub minimum: u64,
    /// On the preferred copies.
    #[serde(default)]
    pub preferred: u64,
    /// On all copies.
    #[serde(default)]
    pub total: u64,
}

/// One entry of `GET /_active_tasks` (server administrators only).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ActiveTask {
    /// What it is: `indexer` for view builds, `search_indexer` for Clouseau.
    #[serde(rename = "type")]
    pub kind: String,
    /// The shard it works on, such as `shards/00000000-ffffffff/db.1700000000`.
    #[serde(default)]
    pub database: Option<String>,
    /// The design document it builds for, `_design/` included.
    #[serde(default)]
    pub design_document: Option<String>,
    /// Changes done.
    #[serde(default)]
    pub changes_done: Option<u64>,
    /// Changes to do in all.
    #[serde(default)]
    pub total_changes: Option<u64>,
}

impl ActiveTask {
    /// The name of the database whose shard it works on.
    #[must_use]
    pub fn database_name(&self) -> Option<&str> {
        let shard = self.database.as_deref()?;
        let Some(rest) = shard.strip_prefix("shards/") else { return Some(shard) };
        let (_, name) = rest.split_once('/')?;
        Some(name.rsplit_once('.').map_or(name, |(name, _)| name))
    }
}

/// The answer to a saved document.
#[derive(Debug, Deserialize)]
pub(super) struct Saved {
    pub(super) rev: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_of_a_task() {
        let task = |database: &str| ActiveTask {
            kind: "indexer".into(),
            database: Some(database.into()),
            design_document: None,
            changes_done: None,
            total_changes: None,
        };
        let name = |database: &str| task(database).database_name().map(str::to_owned);
        assert_eq!(name("shards/00000000-7fffffff/a/b.1700000000").as_deref(), Some("a/b"));
        assert_eq!(name("plain").as_deref(), Some("plain"));
        assert_eq!(name("shards/broken"), None);
    }
}
