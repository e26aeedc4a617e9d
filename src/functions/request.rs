//! The request object that functions get (`chttpd_external:json_req_obj`).

use super::Failure;
use super::url::{parse_query, path_parts};
use crate::json::{self, Map, Value};

/// A request as it came over HTTP.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// Path and query string as the client sent them: `/db/_design/d/_show/s?a=1`.
    pub path: String,
    /// Names and values of the headers, in the order and case they came in.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: RequestBody,
    /// The client's address.
    pub peer: String,
}

/// The body of a request.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum RequestBody {
    /// None was sent; functions see the text `undefined`.
    #[default]
    Absent,
    /// Bytes, perhaps none.
    Bytes(Vec<u8>),
    /// JSON that the server has read already: the body of a POST to `_changes` or `_list`.
    Json(Value),
}

/// Who asks for what, as functions see it.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestContext {
    /// The database's name.
    pub database: String,
    /// The user's name; `None` for an anonymous one.
    pub user: Option<String>,
    /// The user's roles.
    pub roles: Vec<String>,
    /// The security object of the database.
    pub security: Value,
    /// What `GET /db` answers.
    pub info: Value,
}

impl RequestContext {
    /// The user context object: database, name and roles.
    #[must_use]
    pub fn user_context(&self) -> Value {
        let mut user = Map::new();
        user.insert("db".into(), self.database.clone().into());
        user.insert("name".into(), self.user.clone().into());
        user.insert("roles".into(), self.roles.clone().into());
        Value::Object(user)
    }
}

/// Query parameters that are JSON for functions, too.
const JSON_PARAMETERS: [&str; 4] = ["startkey", "endkey", "key", "descending"];

/// Headers that functions do not see (`[chttpd] scrub_json_request`).
const SCRUBBED: [&str; 3] = ["authorization", "cookie", "x-auth-couchdb-token"];

/// Longer names of headers keep their case (`HTTP_MAX_NAME_LEN` of Erlang's packet parser).
const NORMALISED: usize = 20;

impl Request {
    /// The request object for a filter, update, show or list function. `id` is the document's, where
    /// the path names one; `uuid` a fresh one, as [`uuid`] makes.
    ///
    /// # Errors
    /// 400 where a parameter such as `key` is no JSON.
    pub fn object(
        &self,
        context: &RequestContext,
        id: Option<&str>,
        uuid: &str,
    ) -> Result<Value, Failure> {
        let mut object = Map::new();
        object.insert("info".into(), context.info.clone());
        object.insert("uuid".into(), uuid.into());
        object.insert("id".into(), id.map(str::to_owned).into());
        self.add_members(&mut object, context, true)?;
        Ok(Value::Object(object))
    }

    /// The request object for a rewrite function, which has fewer members.
    ///
    /// # Errors
    /// As [`Request::object`].
    pub fn rewrite_object(&self, context: &RequestContext) -> Result<Value, Failure> {
        let mut object = Map::new();
        self.add_members(&mut object, context, false)?;
        Ok(Value::Object(object))
    }

    fn add_members(
        &self,
        object: &mut Map<String, Value>,
        context: &RequestContext,
        form: bool,
    ) -> Result<(), Failure> {
        object.insert("method".into(), self.method.clone().into());
        object.insert("requested_path".into(), path_parts(&self.path).into());
        object.insert("path".into(), self.parts().into());
        object.insert("raw_path".into(), self.path.clone().into());
        object.insert("query".into(), self.query_object()?);
        object.insert("headers".into(), self.headers_object());
        let body = match &self.body {
            RequestBody::Absent => "undefined".into(),
            RequestBody::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned().into(),
            RequestBody::Json(value) => value.clone(),
        };
        object.insert("body".into(), body);
        object.insert("peer".into(), self.peer.clone().into());
        if form {
            object.insert("form".into(), self.form_object());
        }
        object.insert("cookie".into(), Value::Object(Map::new()));
        object.insert("userCtx".into(), context.user_context());
        object.insert("secObj".into(), context.security.clone());
        Ok(())
    }

    /// The parts of the path, decoded, without the query string.
    #[must_use]
    pub fn parts(&self) -> Vec<String> {
        path_parts(self.path.split('?').next().unwrap_or_default())
    }

    /// The pairs of the query string, decoded.
    #[must_use]
    pub fn query(&self) -> Vec<(String, String)> {
        parse_query(self.path.split_once('?').map_or("", |(_, query)| query))
    }

    /// The value of a header, whatever the case of its name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    fn query_object(&self) -> Result<Value, Failure> {
        let mut object = Map::new();
        for (name, text) in self.query() {
            let value = if JSON_PARAMETERS.contains(&name.as_str()) {
                json::parse_str(&text)
                    .map_err(|_| Failure::new(400, "bad_request", "invalid UTF-8 JSON"))?
            } else {
                text.into()
            };
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }

    /// The headers by name, names written as Erlang writes them; repeated ones joined.
    fn headers_object(&self) -> Value {
        let mut headers: Vec<(String, String, String)> = Vec::new();
        for (name, value) in &self.headers {
            let lower = name.to_ascii_lowercase();
            if SCRUBBED.contains(&lower.as_str()) {
                continue;
            }
            match headers.iter_mut().find(|(other, ..)| *other == lower) {
                Some((.., joined)) => {
                    joined.push_str(", ");
                    joined.push_str(value);
                }
                None => headers.push((lower, normalised(name), value.clone())),
            }
        }
        headers.sort();
        headers.into_iter().map(|(_, name, value)| (name, Value::from(value))).collect()
    }

    fn form_object(&self) -> Value {
        let is_form = self
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        let pairs = match &self.body {
            RequestBody::Bytes(bytes)
                if is_form && matches!(self.method.as_str(), "POST" | "PUT") =>
            {
                parse_query(&String::from_utf8_lossy(bytes))
            }
            _ => Vec::new(),
        };
        pairs.into_iter().map(|(name, value)| (name, Value::from(value))).collect()
    }
}

/// `x-TEST` as `X-Test`.
fn normalised(name: &str) -> String {
    if name.len() > NORMALISED {
        return name.to_owned();
    }
    let mut start = true;
    let write = |letter: char| {
        let written = if start { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() };
        start = letter == '-';
        written
    };
    name.chars().map(write).collect()
}

/// A fresh id, as `GET /_uuids` gives them.
#[must_use]
pub fn uuid() -> String {
    format!("{:032x}", rand::random::<u128>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_sorted_joined_and_scrubbed() {
        let headers = [("x-test", "1"), ("ACCEPT", "a"), ("Cookie", "c"), ("X-Test", "2")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let request = Request { headers, ..Request::default() };
        let text = json::to_string(&request.headers_object());
        assert_eq!(text, r#"{"Accept":"a","X-Test":"1, 2"}"#);
        assert_eq!(normalised("a-VERY-long-header-name-x"), "a-VERY-long-header-name-x");
    }

    #[test]
    fn some_parameters_are_json() {
        let request = Request { path: "/db/x?key=%5B1%5D&limit=1".into(), ..Request::default() };
        let query = request.query_object().map(|query| json::to_string(&query));
        assert_eq!(query, Ok(r#"{"key":[1],"limit":"1"}"#.into()));
        let request = Request { path: "/db/x?key=x".into(), ..Request::default() };
        assert_eq!(request.query_object().map_err(|failure| failure.status), Err(400));
    }
}
