//! Replication.

use super::super::failure::Failure;
use super::super::state::Call;
use super::super::store::Store;
use crate::json::{Map, Value};

#[derive(Debug, Default)]
pub(in super::super) struct Replications {}

pub(super) fn check_document(_document: &mut Map<String, Value>) -> Result<(), Failure> {
    Ok(())
}

pub(super) fn saved(_call: &Call, _store: &Store, _id: &str) {}

pub(in super::super) async fn replicate(
    _call: Call,
) -> Result<super::super::response::Response, Failure> {
    Err(Failure::new(501, "not_implemented", "this feature is not yet implemented"))
}

pub(in super::super) fn scheduler(
    _call: &Call,
) -> Result<super::super::response::Response, Failure> {
    Err(Failure::new(501, "not_implemented", "this feature is not yet implemented"))
}
