//! Where the fuzz targets' first inputs come from: the recorded answers of CouchDB.
//!
//! They are read from `../shared/conformance`, or `COUCHCTL_CONFORMANCE`, and written into the
//! corpus folder that the fuzzer is given, before it looks there.

use std::path::{Path, PathBuf};

use couchctl::json::Value;

/// Writes `seeds` into the corpus folder on the command line, unless there is none.
///
/// # Panics
/// When a file cannot be written.
pub fn plant(seeds: impl FnOnce() -> Vec<String>) {
    let Some(corpus) = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .find(|argument| Path::new(argument).is_dir())
    else {
        return;
    };
    for (number, seed) in seeds().into_iter().enumerate() {
        let file = Path::new(&corpus).join(format!("seed-{number:04}"));
        std::fs::write(file, seed).expect("the corpus can be written");
    }
}

/// A file of the recorded answers; null where there is none, since fuzzing works without.
#[must_use]
pub fn recorded(file: &str) -> Value {
    let folder = std::env::var_os("COUCHCTL_CONFORMANCE").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance"),
        PathBuf::from,
    );
    let text = std::fs::read(folder.join(file)).unwrap_or_default();
    let text = without_surrogates(&String::from_utf8_lossy(&text));
    couchctl::json::parse_str(&text).unwrap_or_default()
}

/// CouchDB's JSON has no lone surrogates, which some of the recorded answers hold.
fn without_surrogates(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let escape = rest.get(at..at + 6).unwrap_or_default().to_ascii_lowercase();
        let lone = escape.starts_with("\\ud") && escape.as_bytes()[3] >= b'8';
        out.push_str(&rest[..at]);
        out.push_str(if lone { "\\ufffd" } else { &rest[at..at + 2] });
        rest = &rest[at + if lone { 6 } else { 2 }..];
    }
    out.push_str(rest);
    out
}

/// The elements of an array, none of anything else.
#[must_use]
pub fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
