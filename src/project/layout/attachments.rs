//! Attachments: the files below `_attachments`.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::json::{Map, Value};
use crate::project::files;
use crate::project::problem::Problem;

/// Content types by extension, as the couchapp tools send them.
const TYPES: [(&str, &str); 40] = [
    ("appcache", "text/cache-manifest"),
    ("atom", "application/atom+xml"),
    ("avif", "image/avif"),
    ("bmp", "image/bmp"),
    ("css", "text/css"),
    ("csv", "text/csv"),
    ("eot", "application/vnd.ms-fontobject"),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("htm", "text/html"),
    ("html", "text/html"),
    ("ico", "image/x-icon"),
    ("ics", "text/calendar"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "application/javascript"),
    ("json", "application/json"),
    ("map", "application/json"),
    ("markdown", "text/markdown"),
    ("md", "text/markdown"),
    ("mjs", "application/javascript"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("ogg", "audio/ogg"),
    ("otf", "font/otf"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("rss", "application/rss+xml"),
    ("svg", "image/svg+xml"),
    ("tif", "image/tiff"),
    ("tiff", "image/tiff"),
    ("ttf", "font/ttf"),
    ("txt", "text/plain"),
    ("wasm", "application/wasm"),
    ("webmanifest", "application/manifest+json"),
    ("webp", "image/webp"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("xml", "application/xml"),
    ("zip", "application/zip"),
];

/// The content type of a file of this name.
fn content_type(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    TYPES
        .iter()
        .find(|(known, _)| Some(*known) == extension.as_deref())
        .map_or("application/octet-stream", |(_, kind)| kind)
}

/// Adds the files below `folder` to `attachments`, their names behind `prefix`.
pub(super) fn read(
    folder: &Path,
    prefix: &str,
    ignored: &dyn Fn(&Path) -> bool,
    attachments: &mut Map<String, Value>,
    problems: &mut Vec<Problem>,
) {
    for path in files::find(folder, &[""], problems) {
        if ignored(&path) {
            continue;
        }
        let Ok(below) = path.strip_prefix(folder) else { continue };
        let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
        let name = format!("{prefix}{}", parts.join("/"));
        match files::read(&path) {
            Ok(bytes) => {
                let attachment = [
                    ("content_type".to_owned(), Value::String(content_type(&name).to_owned())),
                    ("data".to_owned(), Value::String(STANDARD.encode(bytes))),
                ];
                attachments.insert(name, Value::Object(attachment.into_iter().collect()));
            }
            Err(problem) => problems.push(problem),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types() {
        assert_eq!(content_type("a/index.HTML"), "text/html");
        assert_eq!(content_type("js"), "application/octet-stream");
        assert!(TYPES.is_sorted());
    }
}
