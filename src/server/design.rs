//! Design documents, their indexes and their views.

use std::time::Duration;

use bytes::Bytes;

use super::database::RemoteDatabase;
use super::error::{Failure, ServerError};
use super::model::{DesignInfoAnswer, IndexInfo};
use super::request::Request;
use crate::json::{Map, Value};

impl RemoteDatabase {
    /// `GET /db/_design_docs` with the documents and their conflicts: everything that decides a
    /// deployment, in one request.
    ///
    /// # Errors
    /// When the server cannot be asked, or there is no such database.
    pub async fn design_documents(&self) -> Result<Vec<Value>, ServerError> {
        let request = Request::get(self.path(&["_design_docs"]))
            .query("include_docs", "true")
            .query("conflicts", "true");
        let answer = self.server.json(&request).await?;
        let Value::Object(mut members) = answer else { return Err(self.unexpected(&request)) };
        let Some(Value::Array(rows)) = members.remove("rows") else {
            return Err(self.unexpected(&request));
        };
        let document = |row: Value| match row {
            Value::Object(mut row) => row.remove("doc").filter(Value::is_object),
            _ => None,
        };
        Ok(rows.into_iter().filter_map(document).collect())
    }

    fn unexpected(&self, request: &Request) -> ServerError {
        self.server.error(request, Failure::Unreadable("it has no `rows`".into()))
    }

    /// `GET /db/id` with its conflicts; `None` when it is missing or deleted.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn document(&self, id: &str) -> Result<Option<Value>, ServerError> {
        let request = Request::get(self.path(&[]).document(id)).query("conflicts", "true");
        found(self.server.json(&request).await)
    }

    /// `GET /db/id` with its attachments inline; `None` when it is missing or deleted.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn document_with_attachments(&self, id: &str) -> Result<Option<Value>, ServerError> {
        let request = Request::get(self.path(&[]).document(id)).query("attachments", "true");
        found(self.server.json(&request).await)
    }

    /// `GET /db/id/attachment`: the bytes of an attachment.
    ///
    /// # Errors
    /// When the server cannot be asked, or there is no such attachment.
    pub async fn attachment(&self, id: &str, name: &str) -> Result<Bytes, ServerError> {
        let path = self.path(&[]).document(id).join(&[name]);
        self.server.bytes(&Request::get(path)).await
    }

    /// `GET /db/_design/name/_info`: the state of its index. It starts no build.
    ///
    /// # Errors
    /// When the server cannot be asked, or there is no such design document.
    pub async fn index_info(&self, id: &str) -> Result<IndexInfo, ServerError> {
        let path = self.path(&[]).document(id).join(&["_info"]);
        let answer: DesignInfoAnswer = self.server.model(&Request::get(path)).await?;
        Ok(answer.view_index)
    }

    /// `GET /db/_design/name/_view/view?limit=0`: waits until the index of the whole design document is
    /// up to date on one copy of each shard, or answers at once from what there is. Of a partitioned view
    /// one partition is asked, and so the shard that it is in.
    ///
    /// # Errors
    /// When the server cannot be asked, the index cannot be built, or the answer takes longer than
    /// `patience`.
    pub async fn touch_view(
        &self,
        id: &str,
        view: &str,
        partition: Option<&str>,
        update: bool,
        patience: Duration,
    ) -> Result<(), ServerError> {
        let path = match partition {
            Some(partition) => self.path(&["_partition", partition]),
            None => self.path(&[]),
        };
        let mut request = Request::get(path.document(id).join(&["_view", view]))
            .query("limit", "0")
            .query("reduce", "false")
            .patience(patience);
        if !update {
            request = request.query("update", "false");
        }
        // A build that fails is not repeated by the client: the caller knows what to say.
        self.server.json(&request).await.map(|_| ())
    }

    /// Queries a search index of one kind (`_search` or `_nouveau`) for nothing, which builds it.
    ///
    /// # Errors
    /// As for views; [`Meaning::NoSearch`](super::Meaning::NoSearch) where the server has no such
    /// service.
    pub async fn touch_search(
        &self,
        id: &str,
        endpoint: &str,
        index: &str,
        patience: Duration,
    ) -> Result<(), ServerError> {
        let request = Request::get(self.path(&[]).document(id).join(&[endpoint, index]))
            .query("q", "*:*")
            .query("limit", "1")
            .patience(patience);
        self.server.json(&request).await.map(|_| ())
    }

    /// A query of a view.
    ///
    /// # Errors
    /// When the server cannot be asked, or refuses.
    pub async fn view(
        &self,
        id: &str,
        view: &str,
        query: &[(&'static str, String)],
    ) -> Result<Value, ServerError> {
        let mut request = Request::get(self.path(&[]).document(id).join(&["_view", view]));
        for (name, value) in query {
            request = request.query(name, value.clone());
        }
        self.server.json(&request).await
    }

    /// `POST /db/_bulk_docs`: the rows of the answer. It is not repeated.
    ///
    /// # Errors
    /// When the server refuses the request as a whole.
    pub async fn bulk_docs(&self, documents: Vec<Value>) -> Result<Vec<Value>, ServerError> {
        self.bulk(documents, true).await
    }

    /// The same with `new_edits=false`: documents get the revisions that they come with, as a replication
    /// writes them. The answer tells only what was refused.
    ///
    /// # Errors
    /// When the server refuses the request as a whole.
    pub async fn bulk_docs_as_they_are(
        &self,
        documents: Vec<Value>,
    ) -> Result<Vec<Value>, ServerError> {
        self.bulk(documents, false).await
    }

    async fn bulk(
        &self,
        documents: Vec<Value>,
        new_edits: bool,
    ) -> Result<Vec<Value>, ServerError> {
        let mut body: Map<String, Value> = Map::new();
        if !new_edits {
            body.insert("new_edits".to_owned(), Value::Bool(false));
        }
        body.insert("docs".to_owned(), Value::Array(documents));
        let request = Request::post(self.path(&["_bulk_docs"])).body(&Value::Object(body));
        match self.server.json(&request).await? {
            Value::Array(rows) => Ok(rows),
            _ => Err(self.server.error(&request, Failure::Unreadable("it is no array".into()))),
        }
    }
}

/// What is missing is no error.
fn found(outcome: Result<Value, ServerError>) -> Result<Option<Value>, ServerError> {
    use super::meaning::Meaning;
    match outcome {
        Ok(document) => Ok(Some(document)),
        Err(error) if matches!(error.meaning(), Some(Meaning::NoDocument | Meaning::Deleted)) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
