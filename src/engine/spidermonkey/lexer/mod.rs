//! Splits a source into tokens as Esprima's scanner does, down to where it gives up.

mod literals;

use super::tokens::{Kind, Sym, Text, Token};
use super::unicode::{is_identifier_part, is_identifier_start, is_line_terminator, is_white_space};
use super::{ErrorKind, RewriteError};

type Result<T> = std::result::Result<T, RewriteError>;

const ILLEGAL: &str = "Unexpected token ILLEGAL";
const ESCAPED_KEYWORD: &str = "Keyword must not contain escaped characters";

/// A position to return to.
#[derive(Clone, Copy)]
pub(super) struct State {
    pos: usize,
    pub line: u32,
    line_start: usize,
}

pub(super) struct Lexer {
    /// The source, then decoded values that tokens refer to.
    pub buffer: Vec<u16>,
    /// Length of the source.
    len: usize,
    pub pos: usize,
    pub line: u32,
    pub line_start: usize,
    /// Open braces; true where a template continues behind the closing one.
    braces: Vec<bool>,
    known_flags: String,
}

/// Offsets fit since the length of a source is limited.
fn offset(pos: usize) -> u32 {
    u32::try_from(pos).unwrap_or(u32::MAX)
}

fn hex_value(unit: u16) -> Option<u32> {
    char::from_u32(u32::from(unit)).and_then(|c| c.to_digit(16))
}

fn is_decimal_digit(unit: Option<u16>) -> bool {
    matches!(unit, Some(0x30..=0x39))
}

fn is_surrogate(unit: u16) -> bool {
    // The last low surrogate is left out there, which makes no difference for any assigned character.
    (0xd800..0xdfff).contains(&unit)
}

fn push_code_point(target: &mut Vec<u16>, code: u32) {
    if let Some(c) = char::from_u32(code) {
        target.extend_from_slice(c.encode_utf16(&mut [0; 2]));
    } else {
        // A surrogate by its number.
        target.push(u16::try_from(code).unwrap_or(0xfffd));
    }
}

impl Lexer {
    pub(super) fn new(source: &str, known_flags: &str) -> Self {
        let buffer: Vec<u16> = source.encode_utf16().collect();
        Self {
            len: buffer.len(),
            line: u32::from(!buffer.is_empty()),
            buffer,
            pos: 0,
            line_start: 0,
            braces: Vec::new(),
            known_flags: known_flags.to_owned(),
        }
    }

    pub(super) fn state(&self) -> State {
        State { pos: self.pos, line: self.line, line_start: self.line_start }
    }

    /// Goes back; the braces that were passed meanwhile stay counted, as they do in Esprima.
    pub(super) fn restore(&mut self, state: State) {
        self.pos = state.pos;
        self.line = state.line;
        self.line_start = state.line_start;
    }

    pub(super) fn units(&self, text: Text) -> &[u16] {
        &self.buffer[text.start as usize..text.end as usize]
    }

    fn at(&self, pos: usize) -> Option<u16> {
        (pos < self.len).then(|| self.buffer[pos])
    }

    fn here(&self) -> Option<u16> {
        self.at(self.pos)
    }

    fn here_is(&self, c: char) -> bool {
        self.here().is_some_and(|unit| u32::from(unit) == u32::from(c))
    }

    fn identifier_starts_here(&self) -> bool {
        self.here().is_some_and(|unit| is_identifier_start(u32::from(unit)))
    }

    fn error(&self, description: &str) -> RewriteError {
        self.error_at(self.pos, description)
    }

    fn error_at(&self, pos: usize, description: &str) -> RewriteError {
        RewriteError {
            kind: ErrorKind::Syntax,
            message: format!("Line {}: {description}", self.line),
            line: self.line,
            column: offset((pos + 1).saturating_sub(self.line_start)),
        }
    }

    fn token(&self, kind: Kind, start: usize) -> Token {
        Token {
            kind,
            sym: Sym::Other,
            text: Text { start: offset(start), end: offset(self.pos) },
            flags: Text::default(),
            number: 0.0,
            octal: false,
            has_value: false,
            head: false,
            tail: false,
            start: offset(start),
            end: offset(self.pos),
            line: self.line,
        }
    }

    /// Keeps a value that the source does not hold literally.
    fn keep(&mut self, value: &[u16]) -> Text {
        let start = offset(self.buffer.len());
        self.buffer.extend_from_slice(value);
        Text { start, end: offset(self.buffer.len()) }
    }

    /// The name `yield`, for an expression that turns out to be one.
    pub(super) fn yield_name(&mut self) -> Text {
        self.keep(&"yield".encode_utf16().collect::<Vec<_>>())
    }

    /// Passes the line terminator at the position.
    fn next_line(&mut self) {
        if self.here() == Some(0x0d) && self.at(self.pos + 1) == Some(0x0a) {
            self.pos += 1;
        }
        self.pos += 1;
        self.line += 1;
        self.line_start = self.pos;
    }

    pub(super) fn skip_comments(&mut self) -> Result<()> {
        let mut at_line_start = self.pos == 0;
        while let Some(unit) = self.here() {
            let follows = |text: &str| {
                text.bytes()
                    .enumerate()
                    .all(|(i, byte)| self.at(self.pos + i) == Some(u16::from(byte)))
            };
            if is_white_space(unit) {
                self.pos += 1;
            } else if is_line_terminator(unit) {
                self.next_line();
                at_line_start = true;
            } else if follows("//") {
                self.skip_line();
                at_line_start = true;
            } else if follows("/*") {
                self.skip_block_comment()?;
            } else if (at_line_start && follows("-->")) || follows("<!--") {
                // What once hid scripts from browsers starts a comment, too.
                self.skip_line();
            } else {
                break;
            }
        }
        Ok(())
    }

    fn skip_line(&mut self) {
        while let Some(unit) = self.here() {
            if is_line_terminator(unit) {
                self.next_line();
                return;
            }
            self.pos += 1;
        }
    }

    fn skip_block_comment(&mut self) -> Result<()> {
        self.pos += 2;
        while let Some(unit) = self.here() {
            if is_line_terminator(unit) {
                self.next_line();
            } else if unit == 0x2a && self.at(self.pos + 1) == Some(0x2f) {
                self.pos += 2;
                return Ok(());
            } else {
                self.pos += 1;
            }
        }
        Err(self.error(ILLEGAL))
    }

    pub(super) fn next_token(&mut self) -> Result<Token> {
        let Some(unit) = self.here() else {
            return Ok(self.token(Kind::End, self.pos));
        };
        if is_identifier_start(u32::from(unit)) {
            return self.identifier();
        }
        match unit {
            0x22 | 0x27 => self.string(),
            0x2e if is_decimal_digit(self.at(self.pos + 1)) => self.number(),
            0x30..=0x39 => self.number(),
            0x60 => self.template(),
            0x7d if self.braces.last() == Some(&true) => self.template(),
            _ if is_surrogate(unit) && is_identifier_start(self.code_point(self.pos)) => {
                self.identifier()
            }
            _ => self.punctuator(),
        }
    }

    fn code_point(&self, pos: usize) -> u32 {
        let Some(unit) = self.at(pos) else {
            return u32::MAX;
        };
        match (unit, self.at(pos + 1)) {
            (0xd800..=0xdbff, Some(low @ 0xdc00..=0xdfff)) => {
                ((u32::from(unit) - 0xd800) << 10) + (u32::from(low) - 0xdc00) + 0x10000
            }
            _ => u32::from(unit),
        }
    }

    fn identifier(&mut self) -> Result<Token> {
        let start = self.pos;
        let mut simple = !self.here_is('\\');
        if simple {
            self.pos += 1;
            while let Some(unit) = self.here() {
                if unit == 0x5c || is_surrogate(unit) {
                    simple = false;
                    break;
                }
                if !is_identifier_part(u32::from(unit)) {
                    break;
                }
                self.pos += 1;
            }
        }
        let text = if simple {
            Text { start: offset(start), end: offset(self.pos) }
        } else {
            self.pos = start;
            self.complex_identifier()?
        };

        let sym = self.word(text);
        let kind = match sym {
            Sym::Null => Kind::Null,
            Sym::True | Sym::False => Kind::Boolean,
            _ if sym.is_keyword() => Kind::Keyword,
            _ => Kind::Identifier,
        };
        let length = (text.end - text.start) as usize;
        if kind != Kind::Identifier && start + length != self.pos {
            return Err(self.error_at(start, ESCAPED_KEYWORD));
        }
        Ok(Token { sym, text, ..self.token(kind, start) })
    }

    /// The symbol of a word, if it has one.
    pub(super) fn word(&self, text: Text) -> Sym {
        let units = self.units(text);
        let mut bytes = [0; 11];
        if units.len() < 2 || units.len() > bytes.len() {
            return Sym::Other;
        }
        for (byte, unit) in bytes.iter_mut().zip(units) {
            *byte = u8::try_from(*unit).unwrap_or(0);
        }
        std::str::from_utf8(&bytes[..units.len()]).map_or(Sym::Other, Sym::of_word)
    }

    /// An identifier with escapes or characters beyond U+FFFF.
    fn complex_identifier(&mut self) -> Result<Text> {
        let mut name = Vec::new();
        let mut is_accepted: fn(u32) -> bool = is_identifier_start;
        loop {
            let code = self.code_point(self.pos);
            // The caller has looked at the first one.
            if self.pos >= self.len || (!name.is_empty() && !is_identifier_part(code)) {
                break;
            }
            self.pos += if code > 0xffff { 2 } else { 1 };
            if code == 0x5c {
                if !self.here_is('u') {
                    return Err(self.error(ILLEGAL));
                }
                self.pos += 1;
                if self.here_is('{') {
                    // Esprima does not look at what the number stands for.
                    self.pos += 1;
                    let escaped = self.code_point_escape()?;
                    push_code_point(&mut name, escaped);
                } else {
                    match self.hex_escape(4) {
                        Some(escaped) if escaped != 0x5c && is_accepted(u32::from(escaped)) => {
                            name.push(escaped);
                        }
                        _ => return Err(self.error(ILLEGAL)),
                    }
                }
            } else {
                push_code_point(&mut name, code);
            }
            is_accepted = is_identifier_part;
        }
        Ok(self.keep(&name))
    }

    /// Reads that many hexadecimal digits; stays behind the last one where they end early.
    fn hex_escape(&mut self, digits: u32) -> Option<u16> {
        let mut code = 0;
        for _ in 0..digits {
            code = code * 16 + self.here().and_then(hex_value)?;
            self.pos += 1;
        }
        u16::try_from(code).ok()
    }

    /// The rest of `\u{…}` behind the brace.
    fn code_point_escape(&mut self) -> Result<u32> {
        if self.here_is('}') {
            return Err(self.error(ILLEGAL));
        }
        let mut code: u32 = 0;
        let mut closed = false;
        while let Some(unit) = self.here() {
            self.pos += 1;
            let Some(digit) = hex_value(unit) else {
                closed = unit == 0x7d;
                break;
            };
            code = code.saturating_mul(16).saturating_add(digit);
        }
        if code > 0x0010_ffff || !closed {
            return Err(self.error(ILLEGAL));
        }
        Ok(code)
    }

    fn punctuator(&mut self) -> Result<Token> {
        let start = self.pos;
        let mut bytes = [0; 4];
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = self.at(start + i).and_then(|unit| u8::try_from(unit).ok()).unwrap_or(0);
        }
        let sym = match bytes {
            [b'(', ..] => Sym::ParenOpen,
            [b'{', ..] => {
                self.braces.push(false);
                Sym::BraceOpen
            }
            [b'.', b'.', b'.', _] => Sym::Ellipsis,
            [b'.', ..] => Sym::Dot,
            [b'}', ..] => {
                self.braces.pop();
                Sym::BraceClose
            }
            [b')', ..] => Sym::ParenClose,
            [b';', ..] => Sym::Semicolon,
            [b',', ..] => Sym::Comma,
            [b'[', ..] => Sym::BracketOpen,
            [b']', ..] => Sym::BracketClose,
            [b':', ..] => Sym::Colon,
            [b'?', ..] => Sym::Question,
            [b'~', ..] => Sym::Tilde,
            [b'>', b'>', b'>', b'='] => Sym::ShiftRightZeroAssign,
            [b'=', b'=', b'=', _] => Sym::StrictEqual,
            [b'!', b'=', b'=', _] => Sym::StrictNotEqual,
            [b'>', b'>', b'>', _] => Sym::ShiftRightZero,
            [b'<', b'<', b'=', _] => Sym::ShiftLeftAssign,
            [b'>', b'>', b'=', _] => Sym::ShiftRightAssign,
            [b'*', b'*', b'=', _] => Sym::PowerAssign,
            [b'&', b'&', ..] => Sym::AndAnd,
            [b'|', b'|', ..] => Sym::OrOr,
            [b'=', b'=', ..] => Sym::Equal,
            [b'!', b'=', ..] => Sym::NotEqual,
            [b'+', b'=', ..] => Sym::PlusAssign,
            [b'-', b'=', ..] => Sym::MinusAssign,
            [b'*', b'=', ..] => Sym::StarAssign,
            [b'/', b'=', ..] => Sym::SlashAssign,
            [b'+', b'+', ..] => Sym::Increment,
            [b'-', b'-', ..] => Sym::Decrement,
            [b'<', b'<', ..] => Sym::ShiftLeft,
            [b'>', b'>', ..] => Sym::ShiftRight,
            [b'&', b'=', ..] => Sym::AndAssign,
            [b'|', b'=', ..] => Sym::OrAssign,
            [b'^', b'=', ..] => Sym::XorAssign,
            [b'%', b'=', ..] => Sym::PercentAssign,
            [b'<', b'=', ..] => Sym::LessEqual,
            [b'>', b'=', ..] => Sym::GreaterEqual,
            [b'=', b'>', ..] => Sym::Arrow,
            [b'*', b'*', ..] => Sym::Power,
            [b'<', ..] => Sym::Less,
            [b'>', ..] => Sym::Greater,
            [b'=', ..] => Sym::Assign,
            [b'!', ..] => Sym::Not,
            [b'+', ..] => Sym::Plus,
            [b'-', ..] => Sym::Minus,
            [b'*', ..] => Sym::Star,
            [b'%', ..] => Sym::Percent,
            [b'&', ..] => Sym::And,
            [b'|', ..] => Sym::Or,
            [b'^', ..] => Sym::Xor,
            [b'/', ..] => Sym::Slash,
            _ => return Err(self.error(ILLEGAL)),
        };
        self.pos += sym.as_str().len();
        Ok(Token { sym, ..self.token(Kind::Punctuator, start) })
    }
}
