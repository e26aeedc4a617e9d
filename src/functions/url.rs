//! Query strings and paths as CouchDB's HTTP server takes them apart and writes them
//! (`mochiweb_util`).

/// The pairs of a query string or a form, decoded.
#[must_use]
pub fn parse_query(text: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(['=', ';', '&']).unwrap_or(rest.len());
        let name = unquote(&rest[..end]);
        let mut value = "";
        if rest[end..].starts_with('=') {
            let text = &rest[end + 1..];
            let stop = text.find([';', '&']).unwrap_or(text.len());
            value = &text[..stop];
            rest = text.get(stop + 1..).unwrap_or_default();
        } else {
            rest = rest.get(end + 1..).unwrap_or_default();
        }
        pairs.push((name, unquote(value)));
    }
    pairs
}

/// Percent-decodes a text; `+` is a space. What is no escape stays as it is.
#[must_use]
pub fn unquote(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digits = text.get(at + 1..at + 3).filter(|digits| {
            bytes[at] == b'%' && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
        });
        if let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            decoded.push(byte);
            at += 3;
        } else {
            decoded.push(if bytes[at] == b'+' { b' ' } else { bytes[at] });
            at += 1;
        }
    }
    String::from_utf8(decoded)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Encodes a part of a query string or path: a space as `+` (`mochiweb_util:quote_plus`).
#[must_use]
pub fn quote(text: &str) -> String {
    encode(text, b".-~_", true)
}

/// Encodes an id in a header or path (`couch_util:url_encode`).
#[must_use]
pub fn encode_id(text: &str) -> String {
    encode(text, b"_.-:", false)
}

fn encode(text: &str, safe: &[u8], plus: bool) -> String {
    use std::fmt::Write;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || safe.contains(&byte) {
            encoded.push(char::from(byte));
        } else if plus && byte == b' ' {
            encoded.push('+');
        } else {
            // Writing to memory cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// The parts of a path between slashes, decoded; empty ones are left out.
#[must_use]
pub fn path_parts(path: &str) -> Vec<String> {
    path.split('/').filter(|part| !part.is_empty()).map(unquote).collect()
}

/// A path from the root, its `.` and `..` resolved (`chttpd_rewrite:normalize_path`).
pub(super) fn normalize(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." && kept.last().is_some_and(|last| *last != "..") {
            kept.pop();
        } else {
            kept.push(part);
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_taken_apart_and_written() {
        let pairs = parse_query("a=1&b=%22x%22;c&d=y+z%21");
        let shown: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(shown, ["a=1", "b=\"x\"", "c=", "d=y z!"]);
        assert_eq!(quote("a b/ü~"), "a+b%2F%C3%BC~");
        assert_eq!(encode_id("_design/a b:c"), "_design%2Fa%20b:c");
        assert_eq!(unquote("100%"), "100%");
        assert_eq!(path_parts("/db//_design%2Fa/x+y"), ["db", "_design/a", "x y"]);
    }

    #[test]
    fn paths_are_resolved() {
        assert_eq!(normalize("/db/_design/app/../../_all_docs?limit=1"), "/db/_all_docs?limit=1");
        assert_eq!(normalize("/../a/./b"), "/../a/b");
    }
}
