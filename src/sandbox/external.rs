//! Functions of design documents: requests as they see them, and processes to run them in.

use std::sync::{Mutex, PoisonError};

use super::Options;
use super::endpoints::databases;
use super::failure::Failure;
use super::response::{Content, Response};
use super::state::Call;
use super::store::Store;
use crate::functions::{self, Functions, Request, RequestBody, RequestContext};
use crate::json::Value;

/// Idle processes that are kept for a database.
const KEPT: usize = 2;

/// Uses after which a process is given up: what it has seen of design documents is not kept for ever.
const USES: usize = 5000;

/// The processes of a database.
#[derive(Debug)]
pub(super) struct Processes {
    options: Options,
    idle: Mutex<Vec<(Functions, usize)>>,
}

impl Processes {
    pub(super) fn new(options: &Options) -> Self {
        Self { options: options.clone(), idle: Mutex::default() }
    }

    /// Lends a process to `work`, which may take its time.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Functions) -> T) -> T {
        let lock = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = lock().pop();
        let (mut functions, uses) =
            idle.unwrap_or_else(|| (Functions::new(self.options.profile, self.options.limits), 0));
        let result = work(&mut functions);
        functions.take_log();
        let mut idle = lock();
        if idle.len() < KEPT && uses < USES {
            idle.push((functions, uses + 1));
        }
        result
    }
}

/// A request as functions are told of it.
pub(super) fn request(call: &Call, body: Option<Value>) -> Request {
    let request = &call.request;
    let headers = request.headers.iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let body = match body {
        Some(body) => RequestBody::Json(body),
        None if request.method == "GET" => RequestBody::Absent,
        None => RequestBody::Bytes(request.body.to_vec()),
    };
    Request {
        method: request.method.clone(),
        path: request.target.clone(),
        headers: headers.collect(),
        body,
        peer: request.peer.to_string(),
    }
}

/// Who asks, and what for.
pub(super) fn context(call: &Call, store: &Store) -> RequestContext {
    RequestContext {
        database: store.name.clone(),
        user: call.user.name.clone(),
        roles: call.user.roles.clone(),
        security: store.security(),
        info: databases::info(store),
    }
}

/// The request object for a document, or for none.
pub(super) fn object(
    call: &Call,
    store: &Store,
    id: Option<&str>,
    body: Option<Value>,
) -> Result<Value, Failure> {
    let uuid = call.server.new_uuid();
    Ok(request(call, body).object(&context(call, store), id, &uuid)?)
}

impl From<functions::Failure> for Failure {
    fn from(failure: functions::Failure) -> Self {
        let logged = failure.logged;
        Self { logged, ..Self::new(failure.status, failure.error, failure.reason) }
    }
}

impl From<functions::Response> for Response {
    fn from(response: functions::Response) -> Self {
        let content = Content::Whole(response.body.into());
        Self { status: response.status, headers: response.headers, content }
    }
}
