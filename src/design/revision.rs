//! Revision ids: CouchDB derives them from what is saved, so a push can tell its revision
//! beforehand, and two first revisions are equal exactly when their contents are.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};

use super::signature::hex;
use super::term::{Term, encode_term};
use crate::json::{Map, Value};

/// A revision id: `3-917fa2381192822767f010b95b45325b`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Revision {
    /// How many revisions lead to this one, itself included.
    pub generation: u64,
    /// What follows the dash: 32 hexadecimal digits unless a replicator wrote something else.
    pub hash: String,
}

/// A text that is no revision id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a revision id")]
pub struct RevisionError(String);

impl FromStr for Revision {
    type Err = RevisionError;

    fn from_str(text: &str) -> Result<Self, RevisionError> {
        let error = || RevisionError(text.to_owned());
        let (generation, hash) = text.split_once('-').ok_or_else(error)?;
        if hash.is_empty() || !generation.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(error());
        }
        let generation = generation.parse().map_err(|_| error())?;
        Ok(Self { generation, hash: hash.to_owned() })
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{}", self.generation, self.hash)
    }
}

/// What a revision id tells of an attachment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAttachment {
    /// Its name.
    pub name: String,
    /// Its content type, as sent.
    pub content_type: String,
    /// MD5 of the bytes as stored: gzip-compressed for the types CouchDB compresses.
    pub md5: [u8; 16],
}

impl StoredAttachment {
    /// The attachments of a body's `_attachments`, in order, or `None` when one of them leaves its
    /// MD5 open: inline data of a type that CouchDB compresses before it hashes, or a stub without
    /// a digest. Members that are not objects are ignored, as the server does.
    #[must_use]
    pub fn of_members(attachments: &Map<String, Value>) -> Option<Vec<Self>> {
        attachments
            .iter()
            .filter_map(|(name, attachment)| Some((name, attachment.as_object()?)))
            .map(|(name, attachment)| {
                let content_type = attachment
                    .get("content_type")
                    .and_then(Value::as_str)
                    .unwrap_or("application/octet-stream");
                let md5 = if let Some(data) = attachment.get("data").and_then(Value::as_str) {
                    let data = STANDARD.decode(data).ok()?;
                    (data.is_empty() || !is_compressed(content_type))
                        .then(|| Md5::digest(data).into())?
                } else {
                    let digest = attachment.get("digest")?.as_str()?.strip_prefix("md5-")?;
                    STANDARD.decode(digest).ok()?.try_into().ok()?
                };
                Some(Self { name: name.clone(), content_type: content_type.to_owned(), md5 })
            })
            .collect()
    }
}

/// Whether CouchDB, as shipped, stores attachments of this type compressed.
#[must_use]
pub fn is_compressed(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    kind.starts_with("text/")
        || ["application/javascript", "application/json", "application/xml"].contains(&kind)
}

/// The revision that saving `body` gets, on top of `parent` or as a first revision. Members of
/// `body` that start with an underscore do not count; `attachments` are those of the new revision,
/// in the order of its `_attachments`.
#[must_use]
pub fn predict(
    parent: Option<&Revision>,
    deleted: bool,
    body: &Map<String, Value>,
    attachments: &[StoredAttachment],
) -> Revision {
    let content: Map<String, Value> = body
        .iter()
        .filter(|(name, _)| !name.starts_with('_'))
        .map(|(name, member)| (name.clone(), member.clone()))
        .collect();
    let attachments = attachments
        .iter()
        .rev()
        .map(|attachment| {
            Term::Tuple(vec![
                Term::text(&attachment.name),
                Term::text(&attachment.content_type),
                Term::Binary(attachment.md5.to_vec()),
            ])
        })
        .collect();
    let generation = parent.map_or(0, |parent| parent.generation);
    let term = Term::List(vec![
        Term::Atom(if deleted { "true" } else { "false" }),
        Term::integer(generation),
        parent.map_or_else(|| Term::integer(0), |parent| Term::Binary(hash_bytes(&parent.hash))),
        Term::from(&Value::Object(content)),
        Term::List(attachments),
    ]);
    Revision {
        generation: generation.saturating_add(1),
        hash: hex(&Md5::digest(encode_term(&term))),
    }
}

/// [`predict`] with the attachments that stand in the body's `_attachments`; `None` when they leave
/// the revision open.
#[must_use]
pub fn predict_save(parent: Option<&Revision>, body: &Map<String, Value>) -> Option<Revision> {
    let attachments = match body.get("_attachments") {
        Some(Value::Object(attachments)) => StoredAttachment::of_members(attachments)?,
        _ => Vec::new(),
    };
    Some(predict(parent, false, body, &attachments))
}

/// The revision of the tombstone that deleting `parent` leaves.
#[must_use]
pub fn predict_deletion(parent: &Revision) -> Revision {
    predict(Some(parent), true, &Map::new(), &[])
}

/// CouchDB keeps 32 hexadecimal digits as 16 bytes, and any other text as it is.
fn hash_bytes(hash: &str) -> Vec<u8> {
    let digits = hash.as_bytes();
    if digits.len() != 32 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return digits.to_vec();
    }
    digits
        .chunks(2)
        .map(|pair| {
            std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok())
        })
        .collect::<Option<Vec<u8>>>()
        .unwrap_or_else(|| digits.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse_str;

    fn body(text: &str) -> Map<String, Value> {
        match parse_str(text) {
            Ok(Value::Object(members)) => members,
            other => panic!("not an object: {other:?}"),
        }
    }

    #[test]
    fn creating_updating_deleting() {
        let empty = predict_save(None, &body("{}")).expect("a revision");
        assert_eq!(empty.to_string(), "1-967a00dff5e02add41819138abb3284d");
        let first = predict_save(None, &body(r#"{"_id":"a","x":1}"#)).expect("a revision");
        assert_eq!(first.to_string(), "1-0785e9eb543380151003dc452c3a001a");
        let second =
            predict_save(Some(&first), &body(r#"{"x":2,"_rev":"1-0"}"#)).expect("a revision");
        assert_eq!(second.to_string(), "2-8c49edca19d786e747fb5bea32c4cb91");
        assert_eq!(
            predict_deletion(&empty).to_string(),
            "2-eec205a9d413992850a6e32678485900",
            "the well-known tombstone of an empty document"
        );
    }

    #[test]
    fn attachments() {
        let compressed =
            body(r#"{"_attachments":{"a.txt":{"content_type":"text/plain","data":"aGk="}}}"#);
        assert_eq!(
            predict_save(None, &compressed),
            None,
            "stored compressed: the MD5 is the server's"
        );
        let plain = body(r#"{"_attachments":{"a":{"data":"aGk="}, "odd": 5}}"#);
        let inline = predict_save(None, &plain).expect("a revision");
        let stub =
            body(r#"{"_attachments":{"a":{"stub":true,"digest":"md5-SfaKWpKXAHQ5JO4bXDrAbw=="}}}"#);
        assert_eq!(predict_save(None, &stub).map(|stub| stub.generation), Some(1));
        assert_ne!(predict_save(None, &stub), Some(inline), "another MD5");
    }

    #[test]
    fn texts() {
        assert_eq!("12-ab".parse(), Ok(Revision { generation: 12, hash: "ab".into() }));
        for wrong in ["", "12", "-ab", "x-ab", "1-", "+1-ab", "99999999999999999999999-ab"] {
            assert!(wrong.parse::<Revision>().is_err(), "{wrong}");
        }
        assert_eq!(hash_bytes("abc"), b"abc");
        assert_eq!(hash_bytes(&"é".repeat(16)), "é".repeat(16).as_bytes());
    }
}
