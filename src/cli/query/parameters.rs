//! CouchDB's query parameters as flags.

use clap::Args;

/// CouchDB's query parameters.
#[derive(Debug, Args)]
#[command(next_help_heading = "Query parameters")]
#[expect(clippy::struct_excessive_bools, reason = "a flag each")]
pub(super) struct ParameterArguments {
    /// Only rows with this key
    #[arg(long, value_name = "JSON")]
    key: Option<String>,
    /// Rows with these keys, in this order
    #[arg(long, value_name = "JSON")]
    keys: Option<String>,
    /// Where to start
    #[arg(long, value_name = "JSON", alias = "start-key")]
    startkey: Option<String>,
    /// Where to end
    #[arg(long, value_name = "JSON", alias = "end-key")]
    endkey: Option<String>,
    /// The document to start with among rows with the start key
    #[arg(long, value_name = "ID")]
    startkey_docid: Option<String>,
    /// The document to end with among rows with the end key
    #[arg(long, value_name = "ID")]
    endkey_docid: Option<String>,
    /// At most so many rows
    #[arg(long, value_name = "N")]
    limit: Option<String>,
    /// Leave out so many rows first
    #[arg(long, value_name = "N")]
    skip: Option<String>,
    /// From the last row to the first
    #[arg(long)]
    descending: bool,
    /// Whether rows with the end key belong to the range
    #[arg(long, value_name = "BOOLEAN")]
    inclusive_end: Option<String>,
    /// Whether to reduce
    #[arg(long, value_name = "BOOLEAN")]
    reduce: Option<String>,
    /// One row per key
    #[arg(long)]
    group: bool,
    /// One row per so many elements of array keys
    #[arg(long, value_name = "N")]
    group_level: Option<String>,
    /// With the documents
    #[arg(long)]
    pub(super) include_docs: bool,
    /// With the conflicts of the documents
    #[arg(long)]
    conflicts: bool,
    /// With the attachments of the documents
    #[arg(long)]
    attachments: bool,
    /// With how attachments are stored
    #[arg(long)]
    att_encoding_info: bool,
    /// With the sequence number of the view
    #[arg(long)]
    update_seq: bool,
    /// Whether rows are merged in order
    #[arg(long, value_name = "BOOLEAN")]
    sorted: Option<String>,
    /// Whether the same copies answer every time
    #[arg(long, value_name = "BOOLEAN")]
    stable: Option<String>,
    /// Old name of stable and update
    #[arg(long, value_name = "VALUE")]
    stale: Option<String>,
    /// Whether the index is brought up to date
    #[arg(long, value_name = "VALUE")]
    update: Option<String>,
    /// The partition to ask
    #[arg(long, value_name = "NAME")]
    pub(super) partition: Option<String>,
    /// The body of a POST, as JSON
    #[arg(long, value_name = "JSON")]
    pub(super) body: Option<String>,
}

impl ParameterArguments {
    /// The parameters given, as a query string holds them.
    pub(super) fn pairs(&self) -> Vec<(String, String)> {
        let flag = |set: bool| set.then(|| "true".to_owned());
        let values: [(&str, Option<String>); 22] = [
            ("key", self.key.clone()),
            ("keys", self.keys.clone()),
            ("startkey", self.startkey.clone()),
            ("endkey", self.endkey.clone()),
            ("startkey_docid", self.startkey_docid.clone()),
            ("endkey_docid", self.endkey_docid.clone()),
            ("limit", self.limit.clone()),
            ("skip", self.skip.clone()),
            ("descending", flag(self.descending)),
            ("inclusive_end", self.inclusive_end.clone()),
            ("reduce", self.reduce.clone()),
            ("group", flag(self.group)),
            ("group_level", self.group_level.clone()),
            ("include_docs", flag(self.include_docs)),
            ("conflicts", flag(self.conflicts)),
            ("attachments", flag(self.attachments)),
            ("att_encoding_info", flag(self.att_encoding_info)),
            ("update_seq", flag(self.update_seq)),
            ("sorted", self.sorted.clone()),
            ("stable", self.stable.clone()),
            ("stale", self.stale.clone()),
            ("update", self.update.clone()),
        ];
        values
            .into_iter()
            .filter_map(|(name, value)| value.map(|value| (name.to_owned(), value)))
            .collect()
    }
}
