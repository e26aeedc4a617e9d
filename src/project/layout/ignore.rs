//! `.couchappignore`: regular expressions for paths to leave out.

use std::path::Path;

use fancy_regex::Regex;

use super::Layout;
use crate::json::parse_str;
use crate::project::files;
use crate::project::problem::{Fault, Problem};

/// What to leave out of a design document.
pub(super) struct Ignore(Vec<Regex>);

impl Ignore {
    pub(super) fn read(folder: &Path, layout: Layout) -> Result<Self, Problem> {
        let path = folder.join(".couchappignore");
        if layout != Layout::Couchapp || !path.is_file() {
            return Ok(Self(Vec::new()));
        }
        let text = without_comments(&files::read_text(&path)?);
        let value = parse_str(&text).map_err(|error| Problem::json(&path, &error))?;
        let refuse = |message: String| Problem::new(&path, Fault::Ignore(message));
        let patterns =
            value.as_array().ok_or_else(|| refuse("the file holds no array".to_owned()))?;
        let compiled = patterns.iter().map(|pattern| {
            let pattern =
                pattern.as_str().ok_or_else(|| refuse(format!("{pattern} is no string")))?;
            Regex::new(&format!("\\A(?:{pattern}$)")).map_err(|_| refuse(format!("`{pattern}`")))
        });
        Ok(Self(compiled.collect::<Result<_, _>>()?))
    }

    /// Whether a pattern matches the path below `root`, or any part of it from one `/` to another.
    pub(super) fn covers(&self, root: &Path, path: &Path) -> bool {
        let Some(below) =
            path.strip_prefix(root).ok().and_then(Path::to_str).filter(|_| !self.0.is_empty())
        else {
            return false;
        };
        let parts: Vec<&str> = below.split(['/', std::path::MAIN_SEPARATOR]).collect();
        let candidates = (0..parts.len()).flat_map(|start| {
            (start + 1..=parts.len()).flat_map({
                let parts = &parts;
                move |end| {
                    let part = parts[start..end].join("/");
                    let absolute = (start == 0).then(|| format!("/{part}"));
                    std::iter::once(part).chain(absolute)
                }
            })
        });
        // A pattern that gives up matches nothing.
        candidates.into_iter().any(|candidate| {
            self.0.iter().any(|pattern| pattern.is_match(&candidate).unwrap_or(false))
        })
    }
}

/// JSON without the comments couchapp allows in it; strings are left alone, lines keep their
/// numbers.
fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['"', '/']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            let length = rest.find("*/").map_or(rest.len(), |end| end + 2);
            out.extend(rest[..length].matches('\n'));
            length
        } else {
            let length = if rest.starts_with('"') { string_length(rest) } else { 1 };
            out.push_str(&rest[..length]);
            length
        };
        rest = &rest[length..];
    }
    out + rest
}

fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}
