//! Attachments: inline data to what is stored, and back (`couch_att`).

use std::borrow::Cow;
use std::fmt::Write;
use std::io::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};

use super::read::ReadOptions;
use super::refusal::WriteError;
use crate::design::revision::{StoredAttachment, is_compressed};
use crate::json::{self, Map, Value};

/// An attachment as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attachment {
    name: String,
    content_type: String,
    /// The generation of the revision that brought it.
    revpos: u64,
    /// MD5 of the bytes as stored.
    md5: [u8; 16],
    length: u64,
    /// Length as stored, where that is compressed.
    encoded_length: Option<u64>,
    /// The data; `None` where only a stub was loaded.
    data: Option<Arc<[u8]>>,
}

/// How a write treats attachments.
#[derive(Debug, Clone, Copy)]
pub(super) enum Attaching<'a> {
    /// A client's edit: data is new in this generation, stubs repeat attachments of the parent.
    Edit {
        /// The generation new attachments get.
        revpos: u64,
        /// The attachments of the parent.
        parent: &'a [Attachment],
    },
    /// Replication, or loading a file: everything is taken as it is. Stubs repeat attachments of the
    /// nearest ancestor that is known. The server would refuse others; files of documents rarely hold
    /// the data.
    AsGiven {
        /// The attachments of that ancestor.
        ancestor: &'a [Attachment],
    },
}

impl Attaching<'_> {
    /// The attachments of the `_attachments` of document `id`. Members that are no objects are
    /// ignored, as the server does.
    pub(super) fn read(
        self,
        id: &str,
        given: &Map<String, Value>,
    ) -> Result<Box<[Attachment]>, WriteError> {
        given
            .iter()
            .filter_map(|(name, members)| Some((name, members.as_object()?)))
            .map(|(name, members)| {
                if members.get("stub") == Some(&Value::Bool(true)) {
                    return self.stub(id, name, members);
                }
                if matches!(self, Self::AsGiven { .. }) && !members.contains_key("data") {
                    return self.stub(id, name, members);
                }
                let invalid =
                    || WriteError::bad_request(id, format!("Invalid attachment data for {name}"));
                let data = members.get("data").and_then(Value::as_str).and_then(decode);
                Ok(self.inline(name, members, data.ok_or_else(invalid)?))
            })
            .collect()
    }

    fn inline(self, name: &str, members: &Map<String, Value>, data: Vec<u8>) -> Attachment {
        let content_type = content_type(members);
        // Types that compress well are stored as gzip makes them (`[attachments] compression_level`).
        let packed = (!data.is_empty() && is_compressed(&content_type)).then(|| gzip(&data));
        Attachment {
            name: name.to_owned(),
            content_type,
            revpos: match self {
                Self::Edit { revpos, .. } => revpos,
                Self::AsGiven { .. } => number(members, "revpos").unwrap_or(0),
            },
            md5: Md5::digest(packed.as_deref().unwrap_or(&data)).into(),
            length: data.len() as u64,
            encoded_length: packed.map(|packed| packed.len() as u64),
            data: Some(data.into()),
        }
    }

    fn stub(
        self,
        id: &str,
        name: &str,
        members: &Map<String, Value>,
    ) -> Result<Attachment, WriteError> {
        let missing = || WriteError::missing_stub(id, name);
        let revpos = number(members, "revpos");
        let (Self::Edit { parent: earlier, .. } | Self::AsGiven { ancestor: earlier }) = self;
        let kept = earlier
            .iter()
            .find(|kept| kept.name == name && revpos.is_none_or(|revpos| kept.revpos == revpos));
        if let Some(kept) = kept {
            return Ok(kept.clone());
        }
        match self {
            Self::Edit { .. } => Err(missing()),
            Self::AsGiven { .. } => Ok(Attachment {
                name: name.to_owned(),
                content_type: content_type(members),
                revpos: revpos.unwrap_or(0),
                md5: members
                    .get("digest")
                    .and_then(Value::as_str)
                    .and_then(|digest| STANDARD.decode(digest.strip_prefix("md5-")?).ok())
                    .and_then(|digest| digest.try_into().ok())
                    .ok_or_else(missing)?,
                length: number(members, "length").unwrap_or(0),
                encoded_length: number(members, "encoded_length"),
                data: None,
            }),
        }
    }
}

/// An attachment as a client gets it by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachmentData {
    /// Its media type, as sent.
    pub content_type: String,
    /// Its bytes, not compressed.
    pub data: Arc<[u8]>,
    /// MD5 of the bytes as stored, in base64: the `ETag`.
    pub md5: String,
    /// Whether it is stored compressed.
    pub compressed: bool,
}

impl AttachmentData {
    /// Its bytes as they are stored.
    #[must_use]
    pub fn stored(&self) -> Cow<'_, [u8]> {
        if self.compressed { gzip(&self.data).into() } else { Cow::Borrowed(&self.data) }
    }
}

impl Attachment {
    /// What a client gets; `None` where only a stub was loaded.
    pub(super) fn to_data(&self) -> Option<AttachmentData> {
        Some(AttachmentData {
            content_type: self.content_type.clone(),
            data: Arc::clone(self.data.as_ref()?),
            md5: STANDARD.encode(self.md5),
            compressed: self.encoded_length.is_some(),
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The generation of the revision that brought it.
    pub(super) fn revpos(&self) -> u64 {
        self.revpos
    }

    /// Checks attachments as far as they say something about themselves.
    pub(super) fn check(id: &str, given: &Map<String, Value>) -> Result<(), WriteError> {
        for (name, members) in given {
            if name.starts_with('_') {
                let reason =
                    format!("Attachment name '{name}' starts with prohibited character '_'");
                return Err(WriteError::bad_request(id, reason));
            }
            let Some(members) = members.as_object() else { continue };
            if members.get("stub") == Some(&Value::Bool(true)) {
                let digest = members.get("digest").and_then(Value::as_str);
                if digest.is_some_and(|digest| {
                    digest.strip_prefix("md5-").is_some_and(|md5| decode(md5).is_none())
                }) {
                    return Err(WriteError::stumbling(id));
                }
            } else if let Some(data) = members.get("data")
                && data.as_str().and_then(decode).is_none()
            {
                let reason = format!("Invalid attachment data for {name}");
                return Err(WriteError::bad_request(id, reason));
            }
        }
        Ok(())
    }

    /// What a revision id tells of it.
    pub(super) fn digested(&self) -> StoredAttachment {
        StoredAttachment {
            name: self.name.clone(),
            content_type: self.content_type.clone(),
            md5: self.md5,
        }
    }

    /// Appends the member of `_attachments` (`couch_att:to_json`).
    pub(super) fn write(&self, options: ReadOptions, out: &mut String) {
        json::write_string(&self.name, out);
        out.push_str(":{\"content_type\":");
        json::write_string(&self.content_type, out);
        // Writing to memory cannot fail, here and below.
        let digest = STANDARD.encode(self.md5);
        let _ = write!(out, ",\"revpos\":{},\"digest\":\"md5-{digest}\",", self.revpos);
        let with_data = options.attachments && self.revpos > options.attachments_after;
        match &self.data {
            Some(_) if with_data && options.follows => {
                let _ = write!(out, "\"length\":{},\"follows\":true", self.length);
            }
            Some(data) if with_data => {
                out.push_str("\"data\":\"");
                STANDARD.encode_string(data, out);
                out.push('"');
            }
            _ => {
                let _ = write!(out, "\"length\":{},\"stub\":true", self.length);
            }
        }
        if let (true, Some(length)) = (options.att_encoding_info, self.encoded_length) {
            let _ = write!(out, ",\"encoding\":\"gzip\",\"encoded_length\":{length}");
        }
        out.push('}');
    }
}

fn content_type(members: &Map<String, Value>) -> String {
    let given = members.get("content_type").and_then(Value::as_str);
    given.unwrap_or("application/octet-stream").to_owned()
}

fn number(members: &Map<String, Value>, name: &str) -> Option<u64> {
    members.get(name).and_then(Value::as_u64)
}

/// Erlang's `base64:decode`: white space does not count.
fn decode(text: &str) -> Option<Vec<u8>> {
    if text.bytes().any(|byte| byte.is_ascii_whitespace()) {
        let dense: String = text.split_ascii_whitespace().collect();
        return STANDARD.decode(dense).ok();
    }
    STANDARD.decode(text).ok()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let writer = flate2::GzBuilder::new().operating_system(3);
    let mut encoder = writer.write(Vec::new(), flate2::Compression::new(8));
    // Writing to memory cannot fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}
