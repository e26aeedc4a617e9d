//! Shared by the tests that run the recorded answers of a real CouchDB.

use std::path::PathBuf;

use couchctl::json::{self, Value};

/// Reads one file of the conformance set.
///
/// # Panics
/// When it is missing: the recorded answers are never skipped.
pub(crate) fn conformance(file: &str) -> Value {
    let folder = std::env::var_os("COUCHCTL_CONFORMANCE").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance"),
        PathBuf::from,
    );
    let path = folder.join(file);
    let text = std::fs::read(&path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}; set COUCHCTL_CONFORMANCE to the folder of recorded answers",
            path.display()
        )
    });
    read(&text)
}

/// The recorded answers hold lone surrogates, which CouchDB's JSON does not: they become U+FFFD.
fn read(text: &[u8]) -> Value {
    let text = String::from_utf8_lossy(text);
    json::parse_str(&text)
        .unwrap_or_else(|_| json::parse_str(&lenient(&text)).expect("a conformance file is JSON"))
}

fn lenient(text: &str) -> String {
    let unit = |at: usize| {
        text.get(at..at + 6)
            .filter(|escape| escape.starts_with("\\u"))
            .and_then(|escape| u16::from_str_radix(&escape[2..], 16).ok())
    };
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let Some(length) = text[at..].find('\\') else { break };
        out.push_str(&text[at..at + length]);
        at += length;
        let width = match unit(at) {
            Some(0xD800..0xDC00) if matches!(unit(at + 6), Some(0xDC00..0xE000)) => 12,
            Some(0xD800..0xE000) => {
                out.push('\u{fffd}');
                at += 6;
                continue;
            }
            Some(_) => 6,
            None => 2,
        };
        out.push_str(&text[at..at + width]);
        at += width;
    }
    out.push_str(&text[at..]);
    out
}
