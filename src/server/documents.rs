//! Documents that are no design documents.

use super::database::RemoteDatabase;
use super::error::{Failure, ServerError};
use super::request::Request;
use crate::json::Value;

impl RemoteDatabase {
    /// `GET /db/_all_docs`: the first documents by id, design documents left out, at most `limit` of
    /// them.
    ///
    /// # Errors
    /// When the server cannot be asked, or there is no such database.
    pub async fn first_documents(&self, limit: usize) -> Result<Vec<Value>, ServerError> {
        let mut documents = Vec::new();
        // Ids of design documents stand between those that start with capitals and small letters.
        for (start, end) in [("", "_design/"), ("_design0", "\u{ffff}")] {
            let wanted = limit - documents.len();
            if wanted == 0 {
                break;
            }
            let key = |text: &str| Value::from(text).to_string();
            let request = Request::get(self.path(&["_all_docs"]))
                .query("include_docs", "true")
                .query("startkey", key(start))
                .query("endkey", key(end))
                .query("limit", wanted.to_string());
            let answer = self.server.json(&request).await?;
            let Some(Value::Array(rows)) = answer.get("rows") else {
                return Err(self
                    .server
                    .error(&request, Failure::Unreadable("it has no `rows`".into())));
            };
            let found = rows.iter().filter_map(|row| row.get("doc")).filter(|doc| doc.is_object());
            documents.extend(found.cloned());
        }
        Ok(documents)
    }
}
