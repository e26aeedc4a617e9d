//! The request of a case, as its functions see it.

use crate::functions::{self, Failure, Request, RequestBody, RequestContext};
use crate::json::{self, Map, Value};

/// The members of a request object that a request is made of.
const READ: [&str; 7] = ["method", "query", "headers", "body", "peer", "userCtx", "secObj"];

/// A request described by the members of a request object that a suite gives; the others are those
/// of a plain request.
pub(super) struct CaseRequest<'a> {
    method: &'a str,
    path: String,
    given: &'a Map<String, Value>,
    query: Map<String, Value>,
}

impl<'a> CaseRequest<'a> {
    /// A request of `method`, unless the suite says otherwise, to `path`.
    pub(super) fn new(method: &'a str, path: String, given: &'a Map<String, Value>) -> Self {
        let query = given.get("query").and_then(Value::as_object).cloned().unwrap_or_default();
        Self { method, path, given, query }
    }

    /// Adds parameters to the query string.
    pub(super) fn with_query(mut self, query: &Map<String, Value>) -> Self {
        self.query.extend(query.clone());
        self
    }

    /// The request object.
    ///
    /// # Errors
    /// What CouchDB answers when the request cannot be told to a function.
    pub(super) fn object(&self, database: &str, id: Option<&str>) -> Result<Value, Failure> {
        let text = |name: &str| self.given.get(name).and_then(Value::as_str);
        let request = Request {
            method: text("method").unwrap_or(self.method).to_owned(),
            path: self.path_and_query(),
            headers: self.headers(),
            body: self.body(),
            peer: text("peer").unwrap_or("127.0.0.1").to_owned(),
        };
        let mut object = request.object(&self.context(database), id, &"0".repeat(32))?;
        // Whatever else the suite gives replaces what a request like this one would have.
        if let Value::Object(members) = &mut object {
            for (name, value) in
                self.given.iter().filter(|(name, _)| !READ.contains(&name.as_str()))
            {
                members.insert(name.clone(), value.clone());
            }
        }
        Ok(object)
    }

    fn path_and_query(&self) -> String {
        let pairs: Vec<String> = self
            .query
            .iter()
            .map(|(name, value)| {
                let is_json = matches!(name.as_str(), "startkey" | "endkey" | "key");
                let text = match value {
                    Value::String(text) if !is_json => text.clone(),
                    other => json::to_string(other),
                };
                format!("{}={}", functions::quote(name), functions::quote(&text))
            })
            .collect();
        if pairs.is_empty() {
            return self.path.clone();
        }
        format!("{}?{}", self.path, pairs.join("&"))
    }

    fn headers(&self) -> Vec<(String, String)> {
        let given = self.given.get("headers").and_then(Value::as_object);
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => json::to_string(other),
        };
        given.into_iter().flatten().map(|(name, value)| (name.clone(), text(value))).collect()
    }

    /// A body that is no text is sent as JSON.
    fn body(&self) -> RequestBody {
        match self.given.get("body") {
            None => RequestBody::Absent,
            Some(Value::String(text)) => RequestBody::Bytes(text.clone().into_bytes()),
            Some(other) => RequestBody::Bytes(json::to_string(other).into_bytes()),
        }
    }

    fn context(&self, database: &str) -> RequestContext {
        let user = self.given.get("userCtx");
        let member = |name: &str| user.and_then(|user| user.get(name));
        let roles = member("roles").and_then(Value::as_array);
        let mut info = Map::new();
        info.insert("db_name".into(), database.into());
        RequestContext {
            database: database.to_owned(),
            user: member("name").and_then(Value::as_str).map(str::to_owned),
            roles: roles
                .into_iter()
                .flatten()
                .filter_map(|role| Some(role.as_str()?.to_owned()))
                .collect(),
            security: self
                .given
                .get("secObj")
                .cloned()
                .unwrap_or_else(|| Value::Object(Map::new())),
            info: Value::Object(info),
        }
    }
}
