//! The record of what was pushed, in a local document: it tells a later plan what somebody else changed.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::event::{Event, Observer};
use super::keep::revision_of;
use super::plan::{PushRecord, RECORD_ID};
use crate::json::Value;
use crate::server::{Meaning, RemoteDatabase, ServerError};

/// How often somebody else's record may come in between.
const ROUNDS: u32 = 8;

/// The revisions of design documents by their ids.
pub(super) type Revisions = BTreeMap<String, String>;

/// Notes revisions; `renewed` makes them of those that were noted before. What was done without leaving its note has
/// been done all the same.
pub(super) async fn record(
    database: &RemoteDatabase,
    observer: &dyn Observer,
    renewed: &(dyn Fn(Revisions) -> Revisions + Sync),
) {
    if let Err(error) = try_record(database, renewed).await {
        let message = format!("the record of this push could not be written: {error}");
        observer.event(database.name(), Event::Notice(message));
    }
}

async fn try_record(
    database: &RemoteDatabase,
    renewed: &(dyn Fn(Revisions) -> Revisions + Sync),
) -> Result<(), ServerError> {
    for _ in 0..ROUNDS {
        let found = database.document(RECORD_ID).await?;
        let parent = found.as_ref().and_then(revision_of);
        let noted = found.as_ref().and_then(PushRecord::from_document);
        let record = PushRecord {
            version: 1,
            designs: renewed(noted.map(|noted| noted.designs).unwrap_or_default()),
            user: database.server().user().map(str::to_owned),
            time: Some(humantime::format_rfc3339_seconds(SystemTime::now()).to_string()),
        };
        let Ok(Value::Object(body)) = serde_json::to_value(record) else { return Ok(()) };
        match database.save(RECORD_ID, parent.as_ref(), &body).await {
            Err(error) if error.means(Meaning::Conflict) => {}
            outcome => return outcome.map(|_| ()),
        }
    }
    Ok(())
}
