//! Text for a terminal: styles, and the escaping of text that is not ours.

use std::fmt::Write;

/// Escapes control characters, so that text from documents and servers cannot move the cursor, hide
/// lines or set titles. Line feeds are escaped too; tabs stay.
#[must_use]
pub fn escape(text: &str) -> String {
    escape_but(text, &['\t'])
}

/// As [`escape`], but keeps line feeds: for text that has lines, such as sources.
#[must_use]
pub fn escape_lines(text: &str) -> String {
    escape_but(text, &['\t', '\n'])
}

fn escape_but(text: &str, keep: &[char]) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if keep.contains(&character) || !is_dangerous(character) {
            escaped.push(character);
        } else {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "{}", character.escape_unicode());
        }
    }
    escaped
}

/// Control characters, and the marks that reorder the text around them.
fn is_dangerous(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Whether and how to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// Whether escape sequences are written.
    pub colour: bool,
}

impl Style {
    fn wrap(self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// For what went well, and what was added.
    #[must_use]
    pub fn good(self, text: &str) -> String {
        self.wrap("32", text)
    }

    /// For what went wrong, and what was removed.
    #[must_use]
    pub fn bad(self, text: &str) -> String {
        self.wrap("31", text)
    }

    /// For what deserves a look.
    #[must_use]
    pub fn warn(self, text: &str) -> String {
        self.wrap("33", text)
    }

    /// For names and headings.
    #[must_use]
    pub fn strong(self, text: &str) -> String {
        self.wrap("1", text)
    }

    /// For what may be skipped.
    #[must_use]
    pub fn faint(self, text: &str) -> String {
        self.wrap("2", text)
    }
}
