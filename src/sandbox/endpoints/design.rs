//! What belongs to a design document as a whole: `_info`.

use std::sync::Arc;

use super::super::failure::Failure;
use super::super::response::Response;
use super::super::state::Call;
use super::super::store::Design;
use super::databases::store;
use super::object;
use crate::json::Value;

/// `GET /db/_design/name/_info`.
pub(in super::super) fn info(call: &Call, design: &Arc<Design>) -> Result<Response, Failure> {
    if call.request.method != "GET" {
        return Err(Failure::method("GET"));
    }
    let store = store(call)?;
    let report = store.indexes.open(design).report();
    let pending = store.sequence().saturating_sub(report.sequence);
    let counts =
        [("minimum", pending.into()), ("preferred", pending.into()), ("total", pending.into())];
    let sizes = [
        ("file", (report.rows_size * 2 + 8192).into()),
        ("external", report.rows_size.into()),
        ("active", (report.rows_size + 4096).into()),
    ];
    let view_index = object([
        ("updates_pending", object(counts)),
        ("waiting_commit", report.waiting_commit.into()),
        ("waiting_clients", report.waiting.into()),
        ("updater_running", report.updating.into()),
        ("update_seq", report.sequence.into()),
        ("sizes", object(sizes)),
        ("signature", report.signature.into()),
        ("purge_seq", 0.into()),
        ("language", report.language.into()),
        ("compact_running", false.into()),
        ("collator_versions", Value::Array(vec!["153.120".into()])),
    ]);
    let name = design.document.name().to_owned();
    Ok(Response::json(200, &object([("name", name.into()), ("view_index", view_index)])))
}
