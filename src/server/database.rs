//! The server's databases.

use super::client::Server;
use super::error::ServerError;
use super::meaning::Meaning;
use super::model::{ActiveTask, DatabaseInfo, Session, SessionAnswer, Versions, Welcome};
use super::path::Path;
use super::request::Request;
use crate::json::Value;

impl Server {
    /// `GET /`: the server's version.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn welcome(&self) -> Result<Welcome, ServerError> {
        self.model(&Request::get(Path::of(&[]))).await
    }

    /// `GET /_session`: who the server thinks one is.
    ///
    /// # Errors
    /// When the server cannot be asked, or does not accept user and password.
    pub async fn session(&self) -> Result<Session, ServerError> {
        let answer: SessionAnswer = self.model(&Request::get(Path::of(&["_session"]))).await?;
        Ok(answer.into())
    }

    /// `GET /_node/_local/_versions`: which engine runs the functions.
    ///
    /// # Errors
    /// When the server cannot be asked, or one is no administrator of the server.
    pub async fn versions(&self) -> Result<Versions, ServerError> {
        self.model(&Request::get(Path::of(&["_node", "_local", "_versions"]))).await
    }

    /// `GET /_active_tasks`.
    ///
    /// # Errors
    /// When the server cannot be asked, or one is no administrator of the server.
    pub async fn active_tasks(&self) -> Result<Vec<ActiveTask>, ServerError> {
        self.model(&Request::get(Path::of(&["_active_tasks"]))).await
    }

    /// `GET /_all_dbs`: the names of all databases.
    ///
    /// # Errors
    /// When the server cannot be asked, or does not tell this user.
    pub async fn all_databases(&self) -> Result<Vec<String>, ServerError> {
        self.model(&Request::get(Path::of(&["_all_dbs"]))).await
    }

    /// `POST /_dbs_info`: the databases that there are among `names`, at most 100 of them
    /// (`[chttpd] max_db_number_for_dbs_info_req`).
    ///
    /// # Errors
    /// When the server cannot be asked, or one is no administrator of the server.
    pub async fn databases_info(&self, names: &[String]) -> Result<Vec<DatabaseInfo>, ServerError> {
        let request = Request::post(Path::of(&["_dbs_info"]))
            .safe()
            .body(&serde_json::json!({ "keys": names }));
        let answer: Vec<DatabaseRow> = self.model(&request).await?;
        Ok(answer.into_iter().filter_map(|row| row.info).collect())
    }

    /// One of its databases; nothing is sent yet.
    #[must_use]
    pub fn database(&self, name: &str) -> RemoteDatabase {
        RemoteDatabase { server: self.clone(), name: name.to_owned() }
    }
}

#[derive(serde::Deserialize)]
struct DatabaseRow {
    info: Option<DatabaseInfo>,
}

/// A database of a server.
#[derive(Debug, Clone)]
pub struct RemoteDatabase {
    pub(super) server: Server,
    pub(super) name: String,
}

impl RemoteDatabase {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its server.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    pub(super) fn path(&self, names: &[&str]) -> Path {
        Path::of(&[&self.name]).join(names)
    }

    /// `GET /db`.
    ///
    /// # Errors
    /// When the server cannot be asked, or there is no such database ([`Meaning::NoDatabase`]).
    pub async fn info(&self) -> Result<DatabaseInfo, ServerError> {
        self.server.model(&Request::get(self.path(&[]))).await
    }

    /// `PUT /db`: creates the database. One that is there already is as good.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn create(&self, partitioned: bool) -> Result<(), ServerError> {
        let mut request = Request::put(self.path(&[]));
        if partitioned {
            request = request.query("partitioned", "true");
        }
        match self.server.json(&request).await {
            Err(error) if error.means(Meaning::DatabaseExists) => Ok(()),
            Err(error) if error.leaves_open() => match self.info().await {
                Ok(_) => Ok(()),
                Err(_) => Err(error),
            },
            outcome => outcome.map(|_| ()),
        }
    }

    /// `DELETE /db`.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn delete(&self) -> Result<(), ServerError> {
        self.server.json(&Request::delete(self.path(&[]))).await.map(|_| ())
    }

    /// `GET /db/_security`.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn security(&self) -> Result<Value, ServerError> {
        self.server.json(&Request::get(self.path(&["_security"]))).await
    }

    /// `PUT /db/_security`.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn set_security(&self, security: &Value) -> Result<(), ServerError> {
        let request = Request::put(self.path(&["_security"])).body(security);
        match self.server.json(&request).await {
            Err(error) if error.leaves_open() => match self.security().await {
                Ok(found) if found == *security => Ok(()),
                _ => Err(error),
            },
            outcome => outcome.map(|_| ()),
        }
    }

    /// `POST /db/_view_cleanup`: removes the indexes that no design document needs.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn view_cleanup(&self) -> Result<(), ServerError> {
        self.cleanup("_view_cleanup").await
    }

    /// `POST /db/_search_cleanup`: the same for Clouseau.
    ///
    /// # Errors
    /// When the server refuses, or has no search ([`Meaning::NoSearch`]).
    pub async fn search_cleanup(&self) -> Result<(), ServerError> {
        self.cleanup("_search_cleanup").await
    }

    /// `POST /db/_nouveau_cleanup`: the same for Nouveau.
    ///
    /// # Errors
    /// When the server refuses, or has no Nouveau.
    pub async fn nouveau_cleanup(&self) -> Result<(), ServerError> {
        self.cleanup("_nouveau_cleanup").await
    }

    async fn cleanup(&self, endpoint: &str) -> Result<(), ServerError> {
        self.server.json(&Request::post(self.path(&[endpoint]))).await.map(|_| ())
    }
}
