//! The design documents that couchctl keeps on a server for itself.

use crate::design::{signature, view_groups};
use crate::json::{Map, Value};

use super::search::search_digest;

/// How ids of staging design documents start; what follows is [`staging_key`].
pub const STAGING_PREFIX: &str = "_design/couchctl-stage:";

/// How ids of kept previous versions start; what follows is the name of the design document.
pub const PREVIOUS_PREFIX: &str = "_design/couchctl-previous:";

/// The members a staging design document may have.
pub(super) const STAGED_MEMBERS: [&str; 6] =
    ["language", "options", "views", "indexes", "nouveau", "autoupdate"];

/// Whose a design document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// A project's, or anybody else's: an ordinary one.
    Project,
    /// A staging design document of a push: its id is what its content says, and it holds nothing
    /// but what an index is built from.
    Staging,
    /// The previous version of a design document, kept for a rollback.
    Previous,
}

/// Whose the design document with this id and body is. One whose id looks like a staging document's
/// but whose content was not put there by couchctl counts as anybody's: it is never deleted unasked.
#[must_use]
pub fn owner(id: &str, body: &Map<String, Value>) -> Owner {
    if id.strip_prefix(PREVIOUS_PREFIX).is_some_and(|name| !name.is_empty()) {
        return Owner::Previous;
    }
    match id.strip_prefix(STAGING_PREFIX) {
        Some(key)
            if body.keys().all(|name| STAGED_MEMBERS.contains(&name.as_str()))
                && key == staging_key(body) =>
        {
            Owner::Staging
        }
        _ => Owner::Project,
    }
}

/// What names a staging design document with this body: the signature of its views' index, the
/// digest of its search indexes, or both with a `-` between.
#[must_use]
pub fn staging_key(body: &Map<String, Value>) -> String {
    let views = (!view_groups(body).is_empty()).then(|| signature(body));
    let parts: Vec<String> = views.into_iter().chain(search_digest(body)).collect();
    parts.join("-")
}
