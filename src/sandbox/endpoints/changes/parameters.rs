//! What a request for changes asks (`chttpd_db:parse_changes_query`).

use std::time::Duration;

use bytes::Bytes;

use super::super::super::failure::Failure;
use super::super::super::state::Call;
use super::super::super::store::Store;

/// How changes are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Feed {
    Normal,
    Longpoll,
    Continuous,
    EventSource,
}

/// The parameters of a request.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are CouchDB's parameters")]
pub(super) struct Parameters {
    feed: String,
    pub(super) since: u64,
    pub(super) limit: Option<u64>,
    pub(super) descending: bool,
    pub(super) all_leaves: bool,
    pub(super) include_docs: bool,
    pub(super) conflicts: bool,
    pub(super) attachments: bool,
    pub(super) att_encoding_info: bool,
    pub(super) heartbeat: Option<Duration>,
    pub(super) timeout: Duration,
    pub(super) sequence_interval: u64,
}

/// How long a feed waits for a change, and how often a heartbeat beats, unless told otherwise
/// (`[chttpd] changes_timeout`).
const DEFAULT_TIME: Duration = Duration::from_mins(1);

impl Parameters {
    pub(super) fn new(call: &Call, store: &Store) -> Result<Self, Failure> {
        let mut parameters = Self {
            feed: String::from("normal"),
            since: 0,
            limit: None,
            descending: false,
            all_leaves: false,
            include_docs: false,
            conflicts: false,
            attachments: false,
            att_encoding_info: false,
            heartbeat: None,
            timeout: DEFAULT_TIME,
            sequence_interval: 1,
        };
        let mut since = None;
        for (name, value) in &call.request.query {
            let number = || value.parse::<i64>().map_err(|_| Failure::stumbling("badarg"));
            match name.to_lowercase().as_str() {
                "feed" => parameters.feed.clone_from(value),
                "since" | "last-event-id" => since = Some(value.as_str()),
                // A negative limit is never reached.
                "limit" => parameters.limit = u64::try_from(number()?).ok(),
                "descending" => parameters.descending = value == "true",
                "style" => parameters.all_leaves = style(value)?,
                "include_docs" => parameters.include_docs = value == "true",
                "conflicts" => parameters.conflicts = value == "true",
                "attachments" => parameters.attachments = value == "true",
                "att_encoding_info" => parameters.att_encoding_info = value == "true",
                "heartbeat" => parameters.heartbeat = Some(heartbeat(value)?),
                "timeout" => {
                    let time = u64::try_from(number()?).unwrap_or(0);
                    parameters.timeout = Duration::from_millis(time);
                }
                "seq_interval" => {
                    let interval = value.parse().ok().filter(|interval| *interval > 0);
                    parameters.sequence_interval =
                        interval.ok_or_else(|| Failure::bad_request("invalid_seq_interval"))?;
                }
                _ => {}
            }
        }
        let header = call.request.header("Last-Event-ID");
        let since = header.filter(|_| parameters.feed == "eventsource").or(since);
        parameters.since = match since {
            None => 0,
            Some("now") => store.sequence(),
            Some(text) => store.parse_sequence(text).ok_or_else(|| {
                Failure::bad_request("Malformed sequence supplied in 'since' parameter.")
            })?,
        };
        Ok(parameters)
    }

    /// How changes are sent.
    pub(super) fn feed(&self) -> Result<Feed, Failure> {
        match self.feed.as_str() {
            "normal" => Ok(Feed::Normal),
            "longpoll" => Ok(Feed::Longpoll),
            "continuous" | "live" => Ok(Feed::Continuous),
            "eventsource" => Ok(Feed::EventSource),
            _ => Err(Failure::bad_request(
                "Supported `feed` types: normal, continuous, live, longpoll, eventsource",
            )),
        }
    }

    /// What keeps a connection alive.
    pub(super) fn beat(&self) -> Bytes {
        Bytes::from_static(match self.feed.as_str() {
            "eventsource" => b"event: heartbeat\ndata: \n\n",
            _ => b"\n",
        })
    }
}

fn style(value: &str) -> Result<bool, Failure> {
    match value {
        "all_docs" => Ok(true),
        "main_only" => Ok(false),
        _ => Err(Failure::stumbling("badarg")),
    }
}

fn heartbeat(value: &str) -> Result<Duration, Failure> {
    if value == "true" {
        return Ok(DEFAULT_TIME);
    }
    match value.parse::<i64>().map(u64::try_from) {
        Ok(Ok(time)) if time > 0 => Ok(Duration::from_millis(time)),
        Ok(_) => Err(Failure::bad_request(
            "The heartbeat value should be a positive integer (in milliseconds).",
        )),
        Err(_) => Err(Failure::bad_request(
            "Invalid heartbeat value. Expecting a positive integer value (in milliseconds).",
        )),
    }
}
