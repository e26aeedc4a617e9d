//! Versions of design documents that are kept for a rollback.
//!
//! The kept version of `_design/tasks` is `_design/couchctl-previous:tasks`: the members its indexes are
//! built from, so that they stay alive, with `autoupdate: false`, so that nothing is built for it; and the whole
//! old body under `couchctl`, where its validation function and filters do nothing.

use super::error::DeployError;
use super::event::Event;
use super::plan::{PREVIOUS_PREFIX, views_of};
use super::site::Site;
use crate::design::Revision;
use crate::json::{Map, Value};

/// The member that holds the old body.
const MEMBER: &str = "couchctl";

/// The id under which the version of a design document is kept.
#[must_use]
pub fn previous_id(id: &str) -> String {
    format!("{PREVIOUS_PREFIX}{}", id.strip_prefix("_design/").unwrap_or(id))
}

/// Keeps a version of a design document in place of the one that was kept before, and makes its index know.
/// `body` has its attachments inline.
pub(super) async fn keep(
    site: &Site<'_>,
    id: &str,
    revision: &Revision,
    body: &Map<String, Value>,
) -> Result<(), DeployError> {
    let kept = previous_id(id);
    let found = site.database.document(&kept).await?;
    let parent = found.as_ref().and_then(revision_of);
    let content = kept_body(id, revision, body);
    let failed = |error| site.failed(&kept, error);
    let revision = site.database.save(&kept, parent.as_ref(), &content).await.map_err(failed)?;
    site.register(&kept, &content).await?;
    site.event(Event::Saved { id: kept, revision });
    Ok(())
}

/// The whole design document, its attachments inline, if it still has the revision.
pub(super) async fn whole(
    site: &Site<'_>,
    id: &str,
    revision: &Revision,
) -> Result<Map<String, Value>, DeployError> {
    match site.database.document_with_attachments(id).await? {
        Some(document) if revision_of(&document).as_ref() == Some(revision) => {
            let Value::Object(mut body) = document else { return Ok(Map::new()) };
            for name in ["_id", "_rev"] {
                body.shift_remove(name);
            }
            Ok(body)
        }
        _ => Err(site.changed(id)),
    }
}

pub(super) fn revision_of(document: &Value) -> Option<Revision> {
    document.get("_rev")?.as_str()?.parse().ok()
}

/// The body that keeps a version.
fn kept_body(id: &str, revision: &Revision, body: &Map<String, Value>) -> Map<String, Value> {
    let mut old = body.clone();
    let attachments = old.shift_remove("_attachments");
    let mut kept = views_of(&old);
    for name in ["indexes", "nouveau"] {
        if let Some(member) = old.get(name) {
            kept.insert(name.to_owned(), member.clone());
        }
    }
    let version = serde_json::json!({ "id": id, "rev": revision.to_string(), "body": old });
    kept.insert(MEMBER.to_owned(), version);
    if let Some(attachments) = attachments {
        kept.insert("_attachments".to_owned(), attachments);
    }
    kept
}

/// The id and the body of the version that a document keeps.
pub(super) fn version_of(kept: &Map<String, Value>) -> Option<(String, Map<String, Value>)> {
    let version = kept.get(MEMBER)?;
    let id = version.get("id")?.as_str()?.to_owned();
    let mut body = version.get("body")?.as_object()?.clone();
    if let Some(attachments) = kept.get("_attachments") {
        body.insert("_attachments".to_owned(), attachments.clone());
    }
    Some((id, body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::design::signature;
    use crate::json::parse_str;

    #[test]
    fn a_kept_version_has_the_same_index_and_nothing_active() {
        let body = parse_str(
            r#"{"validate_doc_update":"v","views":{"b":{"map":"m"},"a":{"map":"n"}},"language":"javascript",
                "indexes":{"i":{"index":"f"}},"autoupdate":true,"filters":{"f":"x"},"_attachments":{"a":{"data":""}}}"#,
        );
        let Ok(Value::Object(body)) = body else { panic!("no object") };
        let revision = Revision { generation: 3, hash: "x".into() };
        let kept = kept_body("_design/d", &revision, &body);
        assert_eq!(signature(&kept), signature(&body));
        let names: Vec<&str> = kept.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            ["language", "views", "autoupdate", "indexes", "couchctl", "_attachments"]
        );
        assert_eq!(kept["autoupdate"], Value::Bool(false));
        assert_eq!(version_of(&kept), Some(("_design/d".to_owned(), body)));
        assert_eq!(previous_id("_design/d"), "_design/couchctl-previous:d");
    }
}
