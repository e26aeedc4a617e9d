//! The response that a list function sends piece by piece (`couch_mrview_show:list_cb`).

use super::failure::bytes_of;
use super::process::Answers;
use super::response::External;
use super::{Failure, Response};
use crate::json::{self, Value};

/// Joins the answers of a list function to the response.
pub(super) fn respond(answers: &Answers) -> Result<Response, Failure> {
    let mut response = Response { status: 200, headers: Vec::new(), body: Vec::new() };
    let (mut head, mut started) = (None, false);
    for answer in &answers.values {
        let parts = answer.as_array().map(Vec::as_slice).unwrap_or_default();
        if let Some(Value::Object(given)) = parts.get(2) {
            let members = given.iter().map(|(name, value)| (name.as_str(), value));
            let external = External::read(members)?;
            head = Some((external.status, external.headers()));
        }
        let chunk = parts.get(1).and_then(Value::as_array);
        let chunk = chunk.and_then(|chunk| Some((chunk, bytes_of(chunk)?)));
        let (chunk, bytes) = chunk.ok_or_else(|| Failure::crash("unknown_error", "badarg"))?;
        if !chunk.is_empty() {
            start(&mut response, &mut started, head.as_ref());
            response.body.extend(bytes);
        }
    }
    if let Some(failure) = answers.failure() {
        if answers.values.is_empty() {
            return Err(failure);
        }
        // The status may be sent already: the error is one more chunk.
        if !started {
            start(&mut response, &mut started, head.as_ref());
            response.status = failure.status;
        }
        let mut error = failure.members();
        error.shift_insert(0, "code".into(), failure.status.into());
        response.body.push(b'\n');
        response.body.extend(json::to_string(&Value::Object(error)).into_bytes());
        response.body.push(b'\n');
    }
    Ok(response)
}

/// Status and headers are those known when the first chunk is sent.
fn start(response: &mut Response, started: &mut bool, head: Option<&(u16, Vec<(String, String)>)>) {
    if !std::mem::replace(started, true)
        && let Some((status, headers)) = head
    {
        response.status = *status;
        response.headers.clone_from(headers);
    }
}
