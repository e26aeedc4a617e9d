//! What CouchDB means by a refusal: the table of status, `error` and `reason`.

/// What a refusal means to somebody who deploys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// User and password are not known to the server.
    WrongPassword,
    /// Too many wrong passwords.
    AccountLocked,
    /// Nobody is signed in, and something is only for users.
    SignInNeeded,
    /// The user may not read the database.
    NotMember,
    /// Only an administrator of the database may do this.
    NotDatabaseAdmin,
    /// Only an administrator of the server may do this.
    NotServerAdmin,
    /// A validation function, or a rule of the server, forbids the document.
    Forbidden,
    /// There is no such database.
    NoDatabase,
    /// There never was such a document.
    NoDocument,
    /// The document is deleted.
    Deleted,
    /// The design document has no such view.
    NoView,
    /// The design document changed, or went, while its index was built.
    DesignChanged,
    /// The document has no such attachment, or the path means nothing to the server.
    NoAttachment,
    /// There is no such thing.
    NotFound,
    /// Someone else changed the document.
    Conflict,
    /// The database exists already.
    DatabaseExists,
    /// An attachment that was to be kept is not there.
    AttachmentGone,
    /// A document, an attachment or a request beyond the server's limits.
    TooLarge,
    /// A design document that the server does not accept.
    InvalidDesign,
    /// A function that does not compile.
    Compilation,
    /// A name that no database can have.
    DatabaseName,
    /// An id that no document can have.
    DocumentId,
    /// A document with members that none can have.
    InvalidDocument,
    /// A view query that makes no sense.
    InvalidQuery,
    /// A Mango selector, sort or index that makes no sense.
    InvalidSelector,
    /// A request that makes no sense to the server.
    BadRequest,
    /// A method, content type or endpoint that the server does not have.
    Unsupported,
    /// A function failed while an index was built or a reduction computed.
    FunctionFailed,
    /// A function took too long or its process died.
    FunctionDied,
    /// The server has no query server for a language.
    NoLanguage,
    /// The server has no search or Nouveau.
    NoSearch,
    /// Too few nodes are there.
    NodesMissing,
    /// Too much to do, or a gateway that limits.
    Overloaded,
    /// The disk is full.
    DiskFull,
    /// The replicator cannot open a database.
    Replication,
    /// The server failed and does not say why.
    Internal,
    /// Anything else.
    Other,
}

impl Meaning {
    /// Looks a refusal up. `status` is that of the answer, or that which a row of `_bulk_docs`
    /// stands for (see `src/chttpd/src/chttpd.erl`, `error_info`).
    #[must_use]
    pub fn of(status: u16, error: &str, reason: &str) -> Self {
        let says = |text: &str| reason.contains(text);
        match (status, error) {
            (401, _) if says("password is incorrect") => Self::WrongPassword,
            (401 | 403, _) if says("not a server admin") => Self::NotServerAdmin,
            (401 | 403, _) if says("server or db admin") || says("db or server admin") => {
                Self::NotDatabaseAdmin
            }
            (403, _) if says("temporarily locked") => Self::AccountLocked,
            (403, _) if says("not allowed to access this db") => Self::NotMember,
            (403, _) if says("replicator database") || says("local_endpoints") => Self::Replication,
            (401, _) => Self::SignInNeeded,
            (403, _) => Self::Forbidden,
            (404, _) if says("Database does not exist") || says("no_db_file") => Self::NoDatabase,
            (404, _) if says("updated or deleted") => Self::DesignChanged,
            (404, _) if says("missing_named_view") => Self::NoView,
            (404, _) if says("attachment") => Self::NoAttachment,
            (404, _) if says("missing function") => Self::Compilation,
            (404, "not_found") if reason == "missing" => Self::NoDocument,
            (404, "not_found") if reason == "deleted" => Self::Deleted,
            (404, _) => Self::NotFound,
            (405 | 410 | 415 | 501, _) => Self::Unsupported,
            (409, _) => Self::Conflict,
            (412, "file_exists") => Self::DatabaseExists,
            (412, "missing_stub") => Self::AttachmentGone,
            (412, "nodedown") => Self::NodesMissing,
            (413, _) => Self::TooLarge,
            (400, "invalid_design_doc") => Self::InvalidDesign,
            (400, "compilation_error") => Self::Compilation,
            (400, "illegal_database_name" | "database_name_too_long") => Self::DatabaseName,
            (400, "illegal_docid") => Self::DocumentId,
            (400, "doc_validation") => Self::InvalidDocument,
            (400, "query_parse_error") => Self::InvalidQuery,
            (
                400,
                "invalid_operator"
                | "invalid_sort_field"
                | "missing_required_key"
                | "no_usable_index"
                | "invalid_selector_json"
                | "missing_index",
            ) => Self::InvalidSelector,
            (400, _) => Self::BadRequest,
            (429, _) => Self::Overloaded,
            (500, "unknown_query_language") => Self::NoLanguage,
            (500, "os_process_error" | "timeout") => Self::FunctionDied,
            (
                500,
                "TypeError"
                | "InternalError"
                | "map_runtime_error"
                | "reduce_runtime_error"
                | "compilation_error"
                | "invalid_value"
                | "builtin_reduce_error",
            ) => Self::FunctionFailed,
            (500, "db_not_found") => Self::Replication,
            (500, _) if says("replicator database") => Self::Replication,
            (500, "error_saving_ddoc") if says("forbidden") => Self::NotDatabaseAdmin,
            (500, "error") if says("no_majority") => Self::NotDatabaseAdmin,
            (500, "write_quorum_not_met" | "no_majority" | "internal_server_error")
                if says("quorum") || says("majority") || says("No DB shards") =>
            {
                Self::NodesMissing
            }
            (_, "required index service unavailable" | "nouveau_error" | "nouveau_not_enabled") => {
                Self::NoSearch
            }
            (503, _) if says("Search is not available") => Self::NoSearch,
            // `_search_cleanup` without Clouseau (3.5.0).
            (500, "badmatch") if says("noconnection") => Self::NoSearch,
            (502..=504, _) => Self::Overloaded,
            (507, _) => Self::DiskFull,
            (500.., _) => Self::Internal,
            _ => Self::Other,
        }
    }

    /// The next step, where there is one to name.
    #[must_use]
    pub fn hint(self) -> Option<&'static str> {
        Some(match self {
            Self::WrongPassword => {
                "check COUCHDB_USER and COUCHDB_PASSWORD; five wrong ones lock the account for minutes"
            }
            Self::AccountLocked => {
                "wait five minutes before the next try: the lock holds for the right password too"
            }
            Self::SignInNeeded => {
                "set COUCHDB_USER and COUCHDB_PASSWORD; a server that does not know tokens ignores COUCHDB_TOKEN"
            }
            Self::NotMember => "the user must be a member of the database: look at its `_security`",
            Self::NotDatabaseAdmin => {
                "this takes an administrator of the database (`admins` of `_security`) or of the server"
            }
            Self::NotServerAdmin => "this takes an administrator of the server",
            Self::Forbidden => {
                "a validate_doc_update of the database, or a rule of the server, refuses this"
            }
            Self::NoDatabase => {
                "create it, or set `create = true` for it in `couchctl.toml` so that push does"
            }
            Self::NoView | Self::NoDocument | Self::Deleted => {
                "`couchctl diff` shows what the server has; `couchctl push` puts what is missing"
            }
            Self::DesignChanged | Self::Conflict => {
                "someone else changed it meanwhile: run the command again to see their work"
            }
            Self::AttachmentGone => "an attachment was removed meanwhile: run the command again",
            Self::TooLarge => {
                "see max_document_size, max_attachment_size and max_http_request_size of the server"
            }
            Self::InvalidDesign | Self::Compilation => {
                "`couchctl check` tells the file, and finds this without a server"
            }
            Self::DatabaseName => {
                "names start with a lower-case letter and hold a-z, 0-9, _, $, (, ), +, - and /"
            }
            Self::DocumentId => "an id may not be empty or start with an underscore",
            Self::InvalidDocument => "members that start with an underscore belong to CouchDB",
            Self::FunctionFailed => {
                "one document can stop an index: run the function over it with `couchctl query` or `couchctl test`"
            }
            Self::FunctionDied => {
                "a function that loops, recurses deeply or takes longer than os_process_timeout"
            }
            Self::NoLanguage => {
                "see `language` of the design document, and the query servers of the server"
            }
            Self::NoSearch => {
                "search and Nouveau indexes need their service configured beside CouchDB"
            }
            Self::NodesMissing => {
                "some nodes of the cluster are down: see `/_membership` and `/_up`"
            }
            Self::Overloaded => "the server or a gateway is overloaded: try again later",
            Self::DiskFull => "free space on the server; `couchctl cleanup` removes unused indexes",
            Self::Internal => "the log of the server has more; `ref` of the answer marks the place",
            Self::NotFound
            | Self::NoAttachment
            | Self::DatabaseExists
            | Self::InvalidQuery
            | Self::InvalidSelector
            | Self::BadRequest
            | Self::Unsupported
            | Self::Replication
            | Self::Other => return None,
        })
    }
}
