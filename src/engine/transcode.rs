//! A document's own text, as `JSON.stringify` would print it.

use super::stringify::{Spelling, write_number, write_text};
use crate::json::{Kind, Scanner, number_to_double};

/// Members up to which duplicates are looked for by comparing all pairs.
const PAIRS: usize = 32;

/// Rewrites JSON text to what emitting the parsed value gives in a spelling: numbers as JavaScript has
/// them, escapes normalised, white space gone. `None` where an object has duplicate or index-like names,
/// whose order JavaScript changes; the value must be built then.
pub(super) fn transcode(text: &str, spelling: Spelling) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut scanner = Scanner::new(text);
    value(&mut scanner, spelling, &mut out)?;
    scanner.end().ok()?;
    Some(out)
}

fn value(scanner: &mut Scanner<'_>, spelling: Spelling, out: &mut String) -> Option<()> {
    match scanner.kind().ok()? {
        Kind::Null => {
            scanner.null().ok()?;
            out.push_str("null");
        }
        Kind::Bool => out.push_str(if scanner.boolean().ok()? { "true" } else { "false" }),
        Kind::Number => number(scanner.number().ok()?, spelling, out),
        Kind::String => string(scanner.string().ok()?, spelling, out),
        Kind::Array => {
            out.push('[');
            let mut more = scanner.enter().ok()?;
            while more {
                value(scanner, spelling, out)?;
                more = scanner.more(b']').ok()?;
                if more {
                    out.push(',');
                }
            }
            out.push(']');
        }
        Kind::Object => {
            out.push('{');
            let mut names: Vec<&str> = Vec::new();
            let mut more = scanner.enter().ok()?;
            while more {
                let name = scanner.name().ok()?;
                // An escaped name could equal another one that is not; such names are rare.
                let index_like = name.raw.as_bytes().first().is_none_or(u8::is_ascii_digit);
                if name.escaped || index_like || names.len() >= PAIRS || names.contains(&name.raw) {
                    return None;
                }
                names.push(name.raw);
                string(name, spelling, out);
                out.push(':');
                value(scanner, spelling, out)?;
                more = scanner.more(b'}').ok()?;
                if more {
                    out.push(',');
                }
            }
            out.push('}');
        }
    }
    Some(())
}

fn number(text: &str, spelling: Spelling, out: &mut String) {
    // Short integers are printed as they stand.
    if text.len() <= 15 && !text.starts_with('-') && text.bytes().all(|byte| byte.is_ascii_digit())
    {
        out.push_str(text);
        return;
    }
    write_number(number_to_double(text), spelling, out);
}

fn string(text: crate::json::RawString<'_>, spelling: Spelling, out: &mut String) {
    if text.escaped {
        write_text(&text.unescape(), spelling, out);
    } else {
        out.push('"');
        out.push_str(text.raw);
        out.push('"');
    }
}
