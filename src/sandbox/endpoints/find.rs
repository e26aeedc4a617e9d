//! Mango: `_find` and `_index`.

use super::super::failure::Failure;
use super::super::response::Response;
use super::super::state::Call;

pub(in super::super) fn index(_call: &Call) -> Result<Response, Failure> {
    Err(Failure::new(501, "not_implemented", "this feature is not yet implemented"))
}

pub(in super::super) fn find(_call: &Call, _partition: Option<&str>) -> Result<Response, Failure> {
    Err(Failure::new(501, "not_implemented", "this feature is not yet implemented"))
}

pub(in super::super) fn explain(_call: &Call) -> Result<Response, Failure> {
    Err(Failure::new(501, "not_implemented", "this feature is not yet implemented"))
}
