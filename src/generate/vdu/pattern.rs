//! Patterns of schemas as regular expressions of JavaScript.
//!
//! JSON Schema counts characters where JavaScript, unless told otherwise, counts UTF-16 units. Most
//! patterns cannot tell; the others get the flag `u`, which SpiderMonkey has from version 46 on.

use super::text::string;

/// An expression that evaluates to the regular expression, or why there is none.
pub(super) fn expression(pattern: &str) -> Result<String, String> {
    let compiles = |pattern: &str, flags: &str| regress::Regex::with_flags(pattern, flags).is_ok();
    if !tells_characters(pattern) && compiles(pattern, "") {
        return Ok(literal(pattern));
    }
    let strict = without_needless_escapes(pattern);
    if compiles(&strict, "u") {
        return Ok(format!("new RegExp({}, 'u')", string(&strict)));
    }
    Err(format!("`{pattern}` is no regular expression of JavaScript"))
}

/// The regular expression of a pattern in which `*` stands for any characters, `?` for one and
/// brackets for one of some.
pub(super) fn glob(pattern: &str) -> String {
    let mut text = String::from("^");
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '*' => text.push_str("[\\s\\S]*"),
            '?' => text.push_str("(?:[\\uD800-\\uDBFF][\\uDC00-\\uDFFF]|[\\s\\S])"),
            '[' => {
                text.push('[');
                // A bracket that comes first is one of the characters.
                let mut is_first = true;
                for inner in characters.by_ref() {
                    match inner {
                        '!' if is_first && text.ends_with('[') => text.push('^'),
                        ']' if !is_first => break,
                        ']' | '[' | '\\' | '^' => {
                            text.push('\\');
                            text.push(inner);
                            is_first = false;
                        }
                        other => {
                            text.push(other);
                            is_first = false;
                        }
                    }
                }
                text.push(']');
            }
            special if "^$\\.+()]{}|/".contains(special) => {
                text.push('\\');
                text.push(special);
            }
            other => text.push(other),
        }
    }
    text.push('$');
    literal(&text)
}

fn literal(pattern: &str) -> String {
    let mut text = String::with_capacity(pattern.len() + 2);
    text.push('/');
    let mut escaped = false;
    for character in pattern.chars() {
        match character {
            '/' if !escaped => text.push_str("\\/"),
            '\n' => text.push_str(if escaped { "n" } else { "\\n" }),
            '\r' => text.push_str(if escaped { "r" } else { "\\r" }),
            '\u{2028}' => text.push_str(if escaped { "u2028" } else { "\\u2028" }),
            '\u{2029}' => text.push_str(if escaped { "u2029" } else { "\\u2029" }),
            other => text.push(other),
        }
        escaped = character == '\\' && !escaped;
    }
    if pattern.is_empty() {
        text.push_str("(?:)");
    }
    text.push('/');
    text
}

/// Whether the pattern could see the difference between a character and two UTF-16 units.
fn tells_characters(pattern: &str) -> bool {
    let characters: Vec<char> = pattern.chars().collect();
    let grouped = pattern.contains('(');
    let (mut at, mut repeated) = (0, 0);
    while at < characters.len() {
        // An atom that matches any one character, or any but a few.
        let (is_wide, length) = match characters[at] {
            '.' => (true, 1),
            '\\' => match characters.get(at + 1) {
                Some('S' | 'W' | 'D') => (true, 2),
                Some('p' | 'P') => return true,
                Some('u') if characters.get(at + 2) == Some(&'{') => return true,
                _ => (false, 2),
            },
            '[' => {
                let end = class_end(&characters, at);
                let class = &characters[at..end];
                if class.iter().any(|character| u32::from(*character) > 0xFFFF) {
                    return true;
                }
                let text: String = class.iter().collect();
                let wide = ["\\S", "\\W", "\\D"].iter().any(|escape| text.contains(escape));
                if text.contains("\\p") || text.contains("\\P") || text.contains("\\u{") {
                    return true;
                }
                (wide || class.get(1) == Some(&'^'), end - at)
            }
            wide if u32::from(wide) > 0xFFFF => {
                if matches!(characters.get(at + 1), Some('*' | '+' | '?' | '{')) {
                    return true;
                }
                (false, 1)
            }
            _ => (false, 1),
        };
        at += length;
        if is_wide {
            match characters.get(at) {
                Some('*') if !grouped => {}
                // Two that each need a character would be content with the halves of one.
                Some('+') if !grouped && repeated == 0 => repeated = 1,
                _ => return true,
            }
        }
    }
    false
}

/// The index behind a character class that starts here.
fn class_end(characters: &[char], start: usize) -> usize {
    let mut at = start + 1;
    while at < characters.len() {
        match characters[at] {
            '\\' => at += 2,
            ']' => return at + 1,
            _ => at += 1,
        }
    }
    characters.len()
}

/// The pattern without backslashes that mean nothing, which the flag `u` does not allow.
fn without_needless_escapes(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    let mut in_class = false;
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('-') if in_class => out.push_str("\\-"),
                Some(next) if next.is_ascii_punctuation() && !"^$\\.*+?()[]{}|/".contains(next) => {
                    out.push(next);
                }
                Some(next) => {
                    out.push('\\');
                    out.push(next);
                }
                None => out.push('\\'),
            },
            other => {
                match other {
                    '[' => in_class = true,
                    ']' => in_class = false,
                    _ => {}
                }
                out.push(other);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, expected) in [
            ("^task:.+$", "/^task:.+$/"),
            ("a/b", "/a\\/b/"),
            ("a\\/b", "/a\\/b/"),
            ("", "/(?:)/"),
            ("^.$", "new RegExp('^.$', 'u')"),
            ("^.{3}$", "new RegExp('^.{3}$', 'u')"),
            ("^.+.+$", "new RegExp('^.+.+$', 'u')"),
            ("^[^a]*$", "/^[^a]*$/"),
            ("^[^a]$", "new RegExp('^[^a]$', 'u')"),
            ("^[a-z_\\-]+$", "/^[a-z_\\-]+$/"),
            ("^\\p{L}\\-\\_[\\-]$", "new RegExp('^\\\\p{L}-_[\\\\-]$', 'u')"),
            ("^[😀]$", "new RegExp('^[😀]$', 'u')"),
            ("^😀$", "/^😀$/"),
        ] {
            assert_eq!(expression(pattern).as_deref(), Ok(expected), "{pattern}");
        }
        assert!(expression("(?i)a").is_err());
    }
}
