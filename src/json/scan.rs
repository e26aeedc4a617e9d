//! One pass over JSON text without building anything: the base of the parser, of the document
//! reader and of the engine, which builds only the members that a map function reads.

use std::borrow::Cow;

use super::{JsonError, MAX_DEPTH};

/// What the next value is, told by its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number
    Number,
    /// A string
    String,
    /// An array
    Array,
    /// An object
    Object,
}

/// A string as it stands in the text, without its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawString<'a> {
    /// The text between the quotes, escapes unresolved.
    pub raw: &'a str,
    /// Whether a backslash occurs in `raw`.
    pub escaped: bool,
}

/// A cursor over JSON text. Every method leaves it behind what was read.
#[derive(Debug, Clone)]
pub struct Scanner<'a> {
    text: &'a str,
    position: usize,
}

/// How many bytes of a string stand before the next quote, backslash or control character.
pub(crate) fn plain_run(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 0xFF;
    const HIGH: u64 = ONES << 7;
    // Eight bytes at a time. The lowest byte that is marked is one of these; a borrow can only mark
    // bytes above it wrongly.
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word & HIGH;
    let mut words = bytes.chunks_exact(8);
    let mut run = 0;
    for word in words.by_ref() {
        let word = u64::from_le_bytes(word.try_into().unwrap_or_default());
        let stops = below(word, 0x20)
            | below(word ^ (ONES * u64::from(b'"')), 1)
            | below(word ^ (ONES * u64::from(b'\\')), 1);
        if stops != 0 {
            return run + stops.trailing_zeros() as usize / 8;
        }
        run += 8;
    }
    let stops = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
    run + words.remainder().iter().position(stops).unwrap_or(words.remainder().len())
}

impl<'a> Scanner<'a> {
    /// A scanner at the start of `text`.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self { text, position: 0 }
    }

    /// The offset of the next byte.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    /// Moves to `position`, which must be an offset this scanner has been at.
    pub fn rewind(&mut self, position: usize) {
        self.position = position;
    }

    /// An error at the current place.
    #[must_use]
    pub fn error(&self, message: impl Into<String>) -> JsonError {
        JsonError::new(self.text.as_bytes(), self.position, message)
    }

    fn unexpected(&self, wanted: &str) -> JsonError {
        match self.text.get(self.position..).and_then(|rest| rest.chars().next()) {
            Some(found) => {
                self.error(format!("expected {wanted}, found `{}`", found.escape_debug()))
            }
            None => self.error(format!("expected {wanted}, found the end")),
        }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    /// Skips white space.
    pub fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.byte() {
            self.position += 1;
        }
    }

    /// Whether only white space is left.
    pub fn at_end(&mut self) -> bool {
        self.space();
        self.position == self.text.len()
    }

    /// Errors unless only white space is left.
    ///
    /// # Errors
    /// When more text follows.
    pub fn end(&mut self) -> Result<(), JsonError> {
        if self.at_end() { Ok(()) } else { Err(self.unexpected("the end")) }
    }

    /// The kind of the next value; skips the white space before it.
    ///
    /// # Errors
    /// When no value starts here.
    pub fn kind(&mut self) -> Result<Kind, JsonError> {
        self.space();
        match self.byte() {
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'"') => Ok(Kind::String),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b't' | b'f') => Ok(Kind::Bool),
            Some(b'n') => Ok(Kind::Null),
            _ => Err(self.unexpected("a JSON value")),
        }
    }

    fn literal(&mut self, literal: &str) -> Result<(), JsonError> {
        if self.text.as_bytes()[self.position..].starts_with(literal.as_bytes()) {
            self.position += literal.len();
            Ok(())
        } else {
            Err(self.unexpected("a JSON value"))
        }
    }

    /// Reads `null`.
    ///
    /// # Errors
    /// When something else stands here.
    pub fn null(&mut self) -> Result<(), JsonError> {
        self.literal("null")
    }

    /// Reads `true` or `false`.
    ///
    /// # Errors
    /// When something else stands here.
    pub fn boolean(&mut self) -> Result<bool, JsonError> {
        let value = self.byte() == Some(b't');
        self.literal(if value { "true" } else { "false" })?;
        Ok(value)
    }

    /// Reads a number and gives its text.
    ///
    /// # Errors
    /// When the text is not a number of JSON (leading zeros, a missing digit).
    pub fn number(&mut self) -> Result<&'a str, JsonError> {
        let start = self.position;
        if self.byte() == Some(b'-') {
            self.position += 1;
        }
        match self.byte() {
            Some(b'0') => self.position += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err(self.unexpected("a digit")),
        }
        if self.byte() == Some(b'.') {
            self.position += 1;
            self.some_digits()?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.position += 1;
            if let Some(b'+' | b'-') = self.byte() {
                self.position += 1;
            }
            self.some_digits()?;
        }
        if let Some(b'0'..=b'9') = self.byte() {
            return Err(self.error("a number must not start with zero"));
        }
        Ok(&self.text[start..self.position])
    }

    fn digits(&mut self) {
        while let Some(b'0'..=b'9') = self.byte() {
            self.position += 1;
        }
    }

    fn some_digits(&mut self) -> Result<(), JsonError> {
        let start = self.position;
        self.digits();
        if self.position == start { Err(self.unexpected("a digit")) } else { Ok(()) }
    }

    /// Reads a string, checking its escapes.
    ///
    /// # Errors
    /// When it is not closed, holds a control character, an unknown escape or a lone surrogate.
    pub fn string(&mut self) -> Result<RawString<'a>, JsonError> {
        let bytes = self.text.as_bytes();
        if self.byte() != Some(b'"') {
            return Err(self.unexpected("a string"));
        }
        self.position += 1;
        let start = self.position;
        let mut escaped = false;
        loop {
            self.position += plain_run(&bytes[self.position..]);
            match self.byte() {
                Some(b'"') => {
                    let raw = &self.text[start..self.position];
                    self.position += 1;
                    return Ok(RawString { raw, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => {
                    return Err(self.error("a control character in a string must be escaped"));
                }
                None => return Err(self.error("a string is not closed")),
            }
        }
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        let start = self.position;
        self.position += 1;
        match self.byte() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.position += 1,
            Some(b'u') => {
                self.position += 1;
                let unit = self.hex()?;
                if (0xDC00..0xE000).contains(&unit) {
                    self.position = start;
                    return Err(self.error("a lone surrogate is not valid in CouchDB's JSON"));
                }
                if (0xD800..0xDC00).contains(&unit) {
                    let follows = self.text.as_bytes()[self.position..].starts_with(b"\\u");
                    self.position += if follows { 2 } else { 0 };
                    if !follows || !(0xDC00..0xE000).contains(&self.hex()?) {
                        self.position = start;
                        return Err(self.error("a lone surrogate is not valid in CouchDB's JSON"));
                    }
                }
            }
            _ => return Err(self.error("unknown escape in a string")),
        }
        Ok(())
    }

    fn hex(&mut self) -> Result<u16, JsonError> {
        let digits = self
            .text
            .as_bytes()
            .get(self.position..self.position + 4)
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u16::from_str_radix(digits, 16).ok())
            .ok_or_else(|| self.error("`\\u` needs four hexadecimal digits"))?;
        self.position += 4;
        Ok(digits)
    }

    /// Enters an array or object whose opening bracket is next; tells whether it has a first
    /// element.
    ///
    /// # Errors
    /// When no bracket stands here.
    pub fn enter(&mut self) -> Result<bool, JsonError> {
        let close = match self.byte() {
            Some(b'[') => b']',
            Some(b'{') => b'}',
            _ => return Err(self.unexpected("`[` or `{`")),
        };
        self.position += 1;
        self.space();
        if self.byte() == Some(close) {
            self.position += 1;
            return Ok(false);
        }
        Ok(true)
    }

    /// After an element: tells whether another one follows, or the closing bracket `close` was read.
    ///
    /// # Errors
    /// When neither a comma nor the bracket stands here.
    pub fn more(&mut self, close: u8) -> Result<bool, JsonError> {
        self.space();
        match self.byte() {
            Some(b',') => {
                self.position += 1;
                self.space();
                Ok(true)
            }
            Some(byte) if byte == close => {
                self.position += 1;
                Ok(false)
            }
            _ => Err(self.unexpected(if close == b']' { "`,` or `]`" } else { "`,` or `}`" })),
        }
    }

    /// Reads a member's name and the colon behind it.
    ///
    /// # Errors
    /// When no name or no colon stands here.
    pub fn name(&mut self) -> Result<RawString<'a>, JsonError> {
        if self.byte() != Some(b'"') {
            return Err(self.unexpected("a member name"));
        }
        let name = self.string()?;
        self.space();
        if self.byte() != Some(b':') {
            return Err(self.unexpected("`:`"));
        }
        self.position += 1;
        Ok(name)
    }

    /// Reads one value of any kind, checking all of it, and gives its text.
    ///
    /// # Errors
    /// When the value is malformed or nested deeper than [`MAX_DEPTH`].
    pub fn skip(&mut self) -> Result<&'a str, JsonError> {
        self.space();
        let start = self.position;
        // No recursion, so that depth costs no stack.
        let mut open = Open::default();
        loop {
            let opened = match self.kind()? {
                Kind::Null => self.null().map(|()| false)?,
                Kind::Bool => self.boolean().map(|_| false)?,
                Kind::Number => self.number().map(|_| false)?,
                Kind::String => self.string().map(|_| false)?,
                kind => {
                    if open.depth >= MAX_DEPTH {
                        return Err(self.too_deep());
                    }
                    let entered = self.enter()?;
                    if entered {
                        open.push(kind == Kind::Object);
                    }
                    entered
                }
            };
            if !opened {
                loop {
                    let Some(is_object) = open.last() else {
                        return Ok(&self.text[start..self.position]);
                    };
                    if self.more(if is_object { b'}' } else { b']' })? {
                        break;
                    }
                    open.depth -= 1;
                }
            }
            if open.last() == Some(true) {
                self.name()?;
            }
        }
    }

    pub(crate) fn too_deep(&self) -> JsonError {
        self.error(format!("nested deeper than {MAX_DEPTH} levels"))
    }
}

/// The arrays and objects around a place: a bit for each, set for objects.
#[derive(Default)]
struct Open {
    depth: usize,
    objects: [u64; MAX_DEPTH.div_ceil(64)],
}

impl Open {
    fn push(&mut self, is_object: bool) {
        let bit = 1 << (self.depth % 64);
        let word = &mut self.objects[self.depth / 64];
        *word = if is_object { *word | bit } else { *word & !bit };
        self.depth += 1;
    }

    /// Whether the innermost is an object.
    fn last(&self) -> Option<bool> {
        let place = self.depth.checked_sub(1)?;
        Some(self.objects[place / 64] >> (place % 64) & 1 == 1)
    }
}

impl<'a> RawString<'a> {
    /// The string with its escapes resolved.
    #[must_use]
    pub fn unescape(self) -> Cow<'a, str> {
        if !self.escaped {
            return Cow::Borrowed(self.raw);
        }
        let mut text = String::with_capacity(self.raw.len());
        let mut rest = self.raw;
        while let Some(at) = rest.find('\\') {
            text.push_str(&rest[..at]);
            let escape = rest.as_bytes()[at + 1];
            let mut used = at + 2;
            text.push(match escape {
                b'b' => '\u{8}',
                b'f' => '\u{c}',
                b'n' => '\n',
                b'r' => '\r',
                b't' => '\t',
                b'u' => {
                    let unit = |from: usize| {
                        rest.get(from..from + 4).and_then(|hex| u32::from_str_radix(hex, 16).ok())
                    };
                    let high = unit(used).unwrap_or(0xFFFD);
                    used += 4;
                    let code = if (0xD800..0xDC00).contains(&high) {
                        let low = unit(used + 2).unwrap_or(0xDC00);
                        used += 6;
                        0x1_0000 + ((high - 0xD800) << 10) + (low.wrapping_sub(0xDC00) & 0x3FF)
                    } else {
                        high
                    };
                    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
                }
                other => char::from(other),
            });
            rest = &rest[used..];
        }
        text.push_str(rest);
        Cow::Owned(text)
    }
}
