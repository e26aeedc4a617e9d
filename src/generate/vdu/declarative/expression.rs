//! Regular expressions of selectors.

use std::iter::Peekable;
use std::str::Chars;

/// PCRE repeats nothing more often.
pub(super) const MOST: u64 = 65_535;

/// A regular expression, in the syntax that PCRE and the engine of this crate have in common.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Expression {
    text: String,
    /// Whether it tells characters from bytes.
    characters: bool,
}

impl Expression {
    /// What matches these texts and no others.
    pub(super) fn exactly<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let texts: Vec<String> = texts.into_iter().map(literal).collect();
        let text = match texts.as_slice() {
            [only] => format!("\\A{only}\\z"),
            texts => format!("\\A(?:{})\\z", texts.join("|")),
        };
        Self { text, characters: false }
    }

    /// What matches texts that start like this.
    pub(super) fn prefix(text: &str) -> Self {
        Self { text: format!("\\A{}", literal(text)), characters: false }
    }

    /// What matches texts of so many characters.
    pub(super) fn length(least: u64, most: Option<u64>) -> Self {
        let most = most.map_or_else(String::new, |most| most.to_string());
        Self { text: format!("\\A(?s:.{{{least},{most}}})\\z"), characters: true }
    }

    /// What matches no text at all.
    pub(super) fn nothing() -> Self {
        Self { text: "(?!)".to_owned(), characters: false }
    }

    /// What one of them matches.
    pub(super) fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut texts = Vec::new();
        let mut characters = false;
        for part in parts {
            characters |= part.characters;
            texts.push(part.text);
        }
        Self { text: texts.join("|"), characters }
    }

    /// The pattern of a schema.
    pub(super) fn pattern(pattern: &str) -> Result<Self, String> {
        let mut parser = Parser { rest: pattern.chars().peekable(), out: Self::default() };
        parser.alternatives(0)?;
        Ok(parser.out)
    }

    /// A pattern in which `*` stands for any characters, `?` for one and brackets for one of some; with a
    /// separator, for what stands in front of the first one.
    pub(super) fn glob(pattern: &str, separator: Option<&str>) -> Self {
        let mut out = Self { text: "\\A".to_owned(), characters: true };
        let not = separator.map_or_else(String::new, |text| format!("(?!{})", literal(text)));
        let mut rest = pattern.chars().peekable();
        while let Some(character) = rest.next() {
            match character {
                '*' if not.is_empty() => out.text.push_str("(?s:.*)"),
                '*' => out.text.extend(["(?:", &not, "(?s:.))*"]),
                '?' => out.text.extend([&not, "(?s:.)"]),
                '[' => {
                    out.text.push_str(&not);
                    out.text.push('[');
                    if rest.next_if_eq(&'!').is_some() {
                        out.text.push('^');
                    }
                    let mut is_first = true;
                    // A bracket that comes first is one of the characters.
                    while let Some(inner) = rest.next_if(|next| is_first || *next != ']') {
                        is_first = false;
                        match inner {
                            '-' => out.text.push('-'),
                            other => out.class_character(other),
                        }
                    }
                    rest.next();
                    out.text.push(']');
                }
                other => out.text.push_str(&literal(other.encode_utf8(&mut [0; 4]))),
            }
        }
        out.text.push_str(&separator.map_or_else(|| "\\z".to_owned(), literal));
        out
    }

    /// The text for `$regex`.
    pub(super) fn text(&self) -> String {
        let mode = if self.characters { "(*UTF)" } else { "" };
        format!("{mode}{}", self.text)
    }

    fn class_character(&mut self, character: char) {
        self.characters |= !character.is_ascii();
        if character.is_ascii_alphanumeric() || character == '_' {
            self.text.push(character);
        } else {
            self.text.push_str(&code(character));
        }
    }
}

fn code(character: char) -> String {
    format!("\\x{{{:x}}}", u32::from(character))
}

fn literal(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '\\' | '^' | '$' | '.' | '|' | '?' | '*' | '+' | '(' | ')' | '[' | ']' | '{' | '}' => {
                out.push('\\');
                out.push(character);
            }
            // A line separator is no control character, but as hard to see.
            '#' | '\u{2028}' | '\u{2029}' => out.push_str(&code(character)),
            control if control.is_control() => out.push_str(&code(control)),
            other => out.push(other),
        }
    }
    out
}

/// What `\s` of JavaScript is, inside a class.
const SPACES: &str = "\\x{9}-\\x{d}\\x{20}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\
                      \\x{202f}\\x{205f}\\x{3000}\\x{feff}";
const DIGITS: &str = "0-9";
const WORDS: &str = "A-Za-z0-9_";

/// Reads what expressions of JavaScript and PCRE have in common, and what can be said in both.
struct Parser<'a> {
    rest: Peekable<Chars<'a>>,
    out: Expression,
}

type Parsed = Result<(), String>;

fn refused(what: impl Into<String>) -> Result<(), String> {
    Err(format!("{} in its regular expression", what.into()))
}

impl Parser<'_> {
    fn alternatives(&mut self, depth: usize) -> Parsed {
        if depth > 50 {
            return refused("there are too many groups");
        }
        while let Some(character) = self.rest.next() {
            match character {
                '|' => self.out.text.push('|'),
                ')' if depth > 0 => {
                    self.out.text.push(')');
                    return Ok(());
                }
                '^' => self.anchor("\\A")?,
                '$' => self.anchor("\\z")?,
                '(' => self.group(depth)?,
                other => {
                    self.atom(other)?;
                    self.quantifier()?;
                }
            }
        }
        if depth > 0 { refused("a group is not closed") } else { Ok(()) }
    }

    fn anchor(&mut self, anchor: &str) -> Parsed {
        self.out.text.push_str(anchor);
        self.unrepeated()
    }

    /// JavaScript lets some things without a width be repeated, PCRE gives that another meaning.
    fn unrepeated(&mut self) -> Parsed {
        match self.rest.peek() {
            Some('*' | '+' | '?' | '{') => refused("something without a width is repeated"),
            _ => Ok(()),
        }
    }

    fn group(&mut self, depth: usize) -> Parsed {
        let mut has_width = true;
        if self.rest.next_if_eq(&'?').is_some() {
            match self.rest.next() {
                Some(':') => self.out.text.push_str("(?:"),
                Some(kind @ ('=' | '!')) => {
                    has_width = false;
                    self.out.text.push_str("(?");
                    self.out.text.push(kind);
                }
                _ => return refused("there is a group of a kind that PCRE may not have"),
            }
        } else {
            self.out.text.push_str("(?:");
        }
        self.alternatives(depth + 1)?;
        if has_width { self.quantifier() } else { self.unrepeated() }
    }

    fn atom(&mut self, character: char) -> Parsed {
        match character {
            '.' => {
                self.out.characters = true;
                self.out.text.push_str("[^\\n\\r\\x{2028}\\x{2029}]");
            }
            '[' => return self.class(),
            '\\' => match self.escape()? {
                Escaped::Class(class, is_negated) => {
                    self.out.characters |= is_negated || class == SPACES;
                    let not = if is_negated { "^" } else { "" };
                    self.out.text.extend(["[", not, class, "]"]);
                }
                Escaped::Character(character) => self.character(character),
            },
            '*' | '+' | '?' | '{' | '}' | ')' | ']' => {
                return refused(format!("`{character}` stands where it means nothing"));
            }
            other => self.character(other),
        }
        Ok(())
    }

    fn character(&mut self, character: char) {
        self.out.characters |= !character.is_ascii();
        self.out.text.push_str(&literal(character.encode_utf8(&mut [0; 4])));
    }

    fn class(&mut self) -> Parsed {
        self.out.text.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.out.characters = true;
            self.out.text.push('^');
        }
        if self.rest.peek() == Some(&']') {
            return refused("a class is empty");
        }
        loop {
            match self.rest.next() {
                None => return refused("a class is not closed"),
                Some(']') => break,
                Some('\\') => match self.escape()? {
                    Escaped::Class(class, false) => {
                        self.out.characters |= class == SPACES;
                        self.out.text.push_str(class);
                        if self.rest.peek() == Some(&'-') {
                            return refused("a range starts with a class");
                        }
                    }
                    Escaped::Class(..) => return refused("a class holds the opposite of another"),
                    Escaped::Character(character) => self.member(character)?,
                },
                Some(character) => self.member(character)?,
            }
        }
        self.out.text.push(']');
        Ok(())
    }

    /// A character of a class, or a range that starts with it.
    fn member(&mut self, first: char) -> Parsed {
        self.out.class_character(first);
        let mut ahead = self.rest.clone();
        if ahead.next() != Some('-') || matches!(ahead.peek(), None | Some(']')) {
            return Ok(());
        }
        self.rest.next();
        let last = match self.rest.next() {
            Some('\\') => match self.escape()? {
                Escaped::Character(character) => character,
                Escaped::Class(..) => return refused("a range ends with a class"),
            },
            Some(other) => other,
            None => return refused("a class is not closed"),
        };
        if last < first {
            return refused("a range is empty");
        }
        self.out.text.push('-');
        self.out.class_character(last);
        Ok(())
    }

    fn escape(&mut self) -> Result<Escaped, String> {
        let Some(character) = self.rest.next() else {
            return Err("there is a lone `\\` in its regular expression".to_owned());
        };
        Ok(match character {
            'd' | 'D' => Escaped::Class(DIGITS, character == 'D'),
            'w' | 'W' => Escaped::Class(WORDS, character == 'W'),
            's' | 'S' => Escaped::Class(SPACES, character == 'S'),
            't' => Escaped::Character('\t'),
            'n' => Escaped::Character('\n'),
            'r' => Escaped::Character('\r'),
            'f' => Escaped::Character('\u{c}'),
            'v' => Escaped::Character('\u{b}'),
            'x' => Escaped::Character(self.hexadecimal(2)?),
            'u' if self.rest.peek() != Some(&'{') => Escaped::Character(self.hexadecimal(4)?),
            other if other.is_ascii_punctuation() => Escaped::Character(other),
            other => return Err(format!("PCRE may read `\\{other}` in another way")),
        })
    }

    fn hexadecimal(&mut self, digits: usize) -> Result<char, String> {
        let text: String = self.rest.by_ref().take(digits).collect();
        let is_hexadecimal = text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit());
        u32::from_str_radix(&text, 16)
            .ok()
            .filter(|_| is_hexadecimal)
            .and_then(char::from_u32)
            .ok_or_else(|| "a character code in its regular expression is none".to_owned())
    }

    fn quantifier(&mut self) -> Parsed {
        let start = self.out.text.len();
        match self.rest.peek() {
            Some('*' | '+' | '?') => self.out.text.extend(self.rest.next()),
            Some('{') => {
                for next in self.rest.by_ref() {
                    self.out.text.push(next);
                    if next == '}' {
                        break;
                    }
                }
                let inner = self.out.text[start..].trim_start_matches('{').trim_end_matches('}');
                let (least, most) = inner.split_once(',').unwrap_or((inner, inner));
                let bound = |text: &str| text.parse::<u64>().ok().filter(|bound| *bound <= MOST);
                let is_known = text_is_digits(least) && (most.is_empty() || text_is_digits(most));
                if !is_known || bound(least).is_none() || !most.is_empty() && bound(most).is_none()
                {
                    return refused(format!("`{{{inner}}}` is no repetition that PCRE has"));
                }
            }
            _ => return Ok(()),
        }
        // Whether it takes as few as it can does not change whether there is a match.
        self.rest.next_if_eq(&'?');
        self.unrepeated()
    }
}

fn text_is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

enum Escaped {
    Character(char),
    /// The inside of a class, and whether its opposite is meant.
    Class(&'static str, bool),
}

/// The regular expression of a format, where it has one.
pub(super) fn of_format(format: &str) -> Option<String> {
    const DATE: &str = "(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])\
        |(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))\
        |(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)";
    const TIME: &str = "(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]+)?\
        (?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])|23:59:60(?:\\.[0-9]+)?(?:[Zz]|[+-]00:00))";
    Some(match format {
        "date" => format!("\\A{DATE}\\z"),
        "time" => format!("\\A{TIME}\\z"),
        "date-time" => format!("\\A{DATE}[Tt]{TIME}\\z"),
        "ipv4" => {
            let part = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
            format!("\\A{part}(?:\\.{part}){{3}}\\z")
        }
        "uuid" => "\\A[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\\z".to_owned(),
        "json-pointer" => "\\A(?:/(?:[^~/]|~[01])*)*\\z".to_owned(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, expected) in [
            ("^task:.+$", "(*UTF)\\Atask:[^\\n\\r\\x{2028}\\x{2029}]+\\z"),
            ("^[a-z_\\-]{1,3}$", "\\A[a-z_\\x{2d}]{1,3}\\z"),
            ("(a|b)?c", "(?:a|b)?c"),
            ("^(?!x)\\d+?\\.", "\\A(?!x)[0-9]+\\."),
            ("[^a]", "(*UTF)[^a]"),
            ("é", "(*UTF)é"),
            ("", ""),
        ] {
            let expression = Expression::pattern(pattern).expect(pattern);
            assert_eq!(expression.text(), expected, "{pattern}");
        }
        for pattern in [
            "\\p{L}", "\\bx", "(a)\\1", "a**", "(?<n>a)", "a{99999}", "[\\S]", "(", "x{", "^*",
            "(?=a)+",
        ] {
            assert!(Expression::pattern(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn texts() {
        assert_eq!(Expression::exactly(["a.b"]).text(), "\\Aa\\.b\\z");
        assert_eq!(Expression::exactly(["a", "b"]).text(), "\\A(?:a|b)\\z");
        assert_eq!(Expression::glob("tmp:*", None).text(), "(*UTF)\\Atmp:(?s:.*)\\z");
        assert_eq!(Expression::glob("[!a-c]?", None).text(), "(*UTF)\\A[^a-c](?s:.)\\z");
        let name = Expression::glob("log-*", Some(":")).text();
        assert_eq!(name, "(*UTF)\\Alog-(?:(?!:)(?s:.))*:");
    }
}
