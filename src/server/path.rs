//! Paths of requests.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What is escaped in a segment of a path: everything but the unreserved characters of RFC 3986 and
/// `:`. CouchDB reads a bare `+` as a space (`[chttpd] decode_plus_to_space`), and a `/` of a name
/// would start the next segment.
const ESCAPED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

/// A path of percent-encoded segments, which starts with a slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path(String);

impl Path {
    /// The path of the names, one segment each.
    pub(super) fn of(names: &[&str]) -> Self {
        Self(String::new()).join(names)
    }

    /// A path, and perhaps a query, that is encoded already.
    pub(super) fn encoded(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// This path with more segments.
    pub(super) fn join(&self, names: &[&str]) -> Self {
        let mut path = self.0.clone();
        for name in names {
            path.push('/');
            path.extend(utf8_percent_encode(name, ESCAPED));
        }
        Self(path)
    }

    /// This path with the segments of a document's id: two for `_design/…` and `_local/…`, one for
    /// others.
    pub(super) fn document(&self, id: &str) -> Self {
        match id.split_once('/') {
            Some((kind @ ("_design" | "_local"), name)) => self.join(&[kind, name]),
            _ => self.join(&[id]),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        if self.0.is_empty() { "/" } else { &self.0 }
    }
}

/// A segment or a value of a query, percent-encoded.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_segment() {
        let database = Path::of(&["a/b-c$(d)+e"]);
        assert_eq!(database.as_str(), "/a%2Fb-c%24%28d%29%2Be");
        assert_eq!(database.document("_design/x/y+z ü?").as_str(), {
            "/a%2Fb-c%24%28d%29%2Be/_design/x%2Fy%2Bz%20%C3%BC%3F"
        });
        assert_eq!(Path::of(&["d"]).document("_local/a").as_str(), "/d/_local/a");
        assert_eq!(Path::of(&["d"]).document("task:1/2").as_str(), "/d/task:1%2F2");
        assert_eq!(Path::of(&[]).as_str(), "/");
    }
}
