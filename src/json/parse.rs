//! JSON text to values.

use super::{JsonError, Kind, MAX_DEPTH, Map, Scanner, Value, canonical_number, number};

/// Parses JSON bytes as CouchDB does (see the [module](super)). A byte order mark is skipped.
///
/// # Errors
/// When the bytes are not UTF-8, or not JSON that CouchDB accepts; the error tells the place.
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| JsonError::new(bytes, error.valid_up_to(), "not valid UTF-8"))?;
    parse_str(text)
}

/// Parses JSON text; see [`parse`].
///
/// # Errors
/// When the text is not JSON that CouchDB accepts.
pub fn parse_str(text: &str) -> Result<Value, JsonError> {
    let mut scanner = Scanner::new(text.strip_prefix('\u{feff}').unwrap_or(text));
    let value = value(&mut scanner, 0)?;
    scanner.end()?;
    Ok(value)
}

fn value(scanner: &mut Scanner<'_>, depth: usize) -> Result<Value, JsonError> {
    let kind = scanner.kind()?;
    if depth >= MAX_DEPTH && matches!(kind, Kind::Array | Kind::Object) {
        return Err(scanner.too_deep());
    }
    Ok(match kind {
        Kind::Null => scanner.null().map(|()| Value::Null)?,
        Kind::Bool => Value::Bool(scanner.boolean()?),
        Kind::Number => {
            let start = scanner.position();
            let text = scanner.number()?;
            match canonical_number(text) {
                Some(text) => number(&text),
                None => {
                    scanner.rewind(start);
                    return Err(scanner.error(format!("the number {text} is out of range")));
                }
            }
        }
        Kind::String => Value::String(scanner.string()?.unescape().into_owned()),
        Kind::Array => {
            let mut items = Vec::new();
            let mut more = scanner.enter()?;
            while more {
                items.push(value(scanner, depth + 1)?);
                more = scanner.more(b']')?;
            }
            Value::Array(items)
        }
        Kind::Object => {
            let mut members = Map::new();
            let mut more = scanner.enter()?;
            while more {
                let name = scanner.name()?;
                let member = value(scanner, depth + 1)?;
                let earlier = members.insert(name.unescape().into_owned(), member);
                // jiffy keeps the last of several equal names, at the place of the last.
                if earlier.is_some() {
                    let name = name.unescape();
                    if let Some(last) = members.shift_remove(name.as_ref()) {
                        members.insert(name.into_owned(), last);
                    }
                }
                more = scanner.more(b'}')?;
            }
            Value::Object(members)
        }
    })
}
