//! Where in a text a part of its JSON value stands.

use memchr::memchr_iter;

use crate::json::{JsonError, Kind, Scanner};

/// The line, counted from 1, of what a JSON Pointer leads to in a JSON text; of the nearest part
/// around it where it leads nowhere.
#[must_use]
pub fn line_of(text: &str, pointer: &str) -> usize {
    let mut scanner = Scanner::new(text);
    let mut found = 0;
    // What cannot be read any further ends the way, and the last place found is the answer.
    let _ = follow(&mut scanner, pointer, &mut found);
    1 + memchr_iter(b'\n', &text.as_bytes()[..found.min(text.len())]).count()
}

fn follow(scanner: &mut Scanner<'_>, pointer: &str, found: &mut usize) -> Result<(), JsonError> {
    scanner.space();
    *found = scanner.position();
    let Some(rest) = pointer.strip_prefix('/') else { return Ok(()) };
    let (token, rest) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let token = unescape(token);
    match scanner.kind()? {
        Kind::Object => {
            // Of several members with one name the last counts.
            let mut place = None;
            let mut more = scanner.enter()?;
            while more {
                scanner.space();
                let start = scanner.position();
                let is_it = scanner.name()?.unescape() == token.as_str();
                if is_it {
                    scanner.space();
                    place = Some((start, scanner.position()));
                }
                scanner.skip()?;
                more = scanner.more(b'}')?;
            }
            if let Some((name, value)) = place {
                scanner.rewind(value);
                if !rest.is_empty() {
                    return follow(scanner, rest, found);
                }
                *found = name;
            }
        }
        Kind::Array => {
            let mut index: usize = match token.parse() {
                Ok(index) => index,
                Err(_) => return Ok(()),
            };
            let mut more = scanner.enter()?;
            while more {
                if index == 0 {
                    return follow(scanner, rest, found);
                }
                index -= 1;
                scanner.skip()?;
                more = scanner.more(b']')?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// A reference token of a JSON Pointer as text (RFC 6901, section 4).
#[must_use]
pub(super) fn unescape(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// Text as a reference token of a JSON Pointer.
#[must_use]
pub(super) fn escape(text: &str) -> String {
    text.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::line_of;

    #[test]
    fn lines_of_pointers() {
        let text = "{\n \"a\": [\n  1,\n  {\"b/c\": \n 2}\n ],\n \"d\": {}\n}";
        for (pointer, line) in [
            ("", 1),
            ("/a", 2),
            ("/a/0", 3),
            ("/a/1", 4),
            ("/a/1/b~1c", 4),
            ("/a/7", 2),
            ("/d", 7),
            ("/d/e", 7),
            ("/e", 1),
        ] {
            assert_eq!(line_of(text, pointer), line, "{pointer}");
        }
        assert_eq!(line_of("\n{\"a\": [}", "/a/0"), 2);
    }
}
