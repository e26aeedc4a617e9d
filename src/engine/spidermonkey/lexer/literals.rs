//! Tokens that stand for values: numbers, strings, templates and regular expressions.

use super::super::tokens::{Kind, Text, Token};
use super::super::unicode::{is_identifier_part, is_line_terminator};
use super::super::{RewriteError, regexp};
use super::{ILLEGAL, Lexer, Result, hex_value, is_decimal_digit, offset, push_code_point};

const INVALID_HEX_ESCAPE: &str = "Invalid hexadecimal escape sequence";
const INVALID_REGEXP: &str = "Invalid regular expression";
const TEMPLATE_OCTAL: &str = "Octal literals are not allowed in template strings.";
const UNTERMINATED_REGEXP: &str = "Invalid regular expression: missing /";

/// Lines of the query server's script where a backslash at the end of the source makes the scanner trip.
const TEMPLATE_ESCAPE_LINE: u32 = 6036;
const REGEXP_ESCAPE_LINE: u32 = 6191;

fn is_octal_digit(unit: Option<u16>) -> bool {
    matches!(unit, Some(0x30..=0x37))
}

impl Lexer {
    pub(super) fn number(&mut self) -> Result<Token> {
        let start = self.pos;
        let second = self.at(start + 1);
        if self.here_is('0') {
            match second.and_then(|unit| u8::try_from(unit).ok()) {
                Some(b'x' | b'X') => return self.radix_number(16, start, start + 2),
                Some(b'b' | b'B') => return self.radix_number(2, start, start + 2),
                Some(b'o' | b'O') => return self.radix_number(8, start, start + 2),
                Some(b'0'..=b'7') if self.is_legacy_octal(start + 2) => {
                    let token = self.radix_number(8, start, start + 1)?;
                    return Ok(Token { octal: true, ..token });
                }
                _ => {}
            }
        }
        self.skip_digits();
        if self.here_is('.') {
            self.pos += 1;
            self.skip_digits();
        }
        if self.here_is('e') || self.here_is('E') {
            self.pos += 1;
            if self.here_is('+') || self.here_is('-') {
                self.pos += 1;
            }
            if !is_decimal_digit(self.here()) {
                return Err(self.error(ILLEGAL));
            }
            self.skip_digits();
        }
        if self.identifier_starts_here() {
            return Err(self.error(ILLEGAL));
        }
        let digits = String::from_utf16_lossy(&self.buffer[start..self.pos]);
        Ok(Token { number: digits.parse().unwrap_or(f64::NAN), ..self.token(Kind::Number, start) })
    }

    fn skip_digits(&mut self) {
        while is_decimal_digit(self.here()) {
            self.pos += 1;
        }
    }

    /// A number with a leading zero is octal unless an 8 or a 9 is among the digits.
    fn is_legacy_octal(&self, from: usize) -> bool {
        let mut pos = from;
        while is_octal_digit(self.at(pos)) {
            pos += 1;
        }
        !matches!(self.at(pos), Some(0x38 | 0x39))
    }

    fn radix_number(&mut self, radix: u32, start: usize, digits: usize) -> Result<Token> {
        self.pos = digits;
        let digit = |unit: u16| hex_value(unit).filter(|value| *value < radix);
        let mut number = RadixNumber::default();
        while let Some(value) = self.here().and_then(digit) {
            number.push(value, radix);
            self.pos += 1;
        }
        let follows_digit = radix < 16 && is_decimal_digit(self.here());
        if self.pos == digits || self.identifier_starts_here() || follows_digit {
            return Err(self.error(ILLEGAL));
        }
        Ok(Token { number: number.value(), ..self.token(Kind::Number, start) })
    }

    pub(super) fn string(&mut self) -> Result<Token> {
        let start = self.pos;
        let quote = self.here();
        let mut octal = false;
        // Only a string with escapes needs a copy.
        let mut decoded: Option<Vec<u16>> = None;
        self.pos += 1;
        loop {
            let Some(unit) = self.here().filter(|unit| !is_line_terminator(*unit)) else {
                return Err(self.error_at(start, ILLEGAL));
            };
            self.pos += 1;
            if Some(unit) == quote {
                break;
            }
            if unit != 0x5c {
                if let Some(value) = &mut decoded {
                    value.push(unit);
                }
                continue;
            }
            let mut value =
                decoded.take().unwrap_or_else(|| self.buffer[start + 1..self.pos - 1].to_vec());
            self.string_escape(&mut value, &mut octal)?;
            decoded = Some(value);
        }
        let text = match decoded {
            Some(value) => self.keep(&value),
            None => Text { start: offset(start + 1), end: offset(self.pos - 1) },
        };
        Ok(Token { text, octal, ..self.token(Kind::String, start) })
    }

    /// An escape behind its backslash.
    fn string_escape(&mut self, value: &mut Vec<u16>, octal: &mut bool) -> Result<()> {
        let Some(unit) = self.here() else {
            return Ok(());
        };
        if is_line_terminator(unit) {
            self.next_line();
            return Ok(());
        }
        self.pos += 1;
        match u8::try_from(unit).unwrap_or(0) {
            b'u' if self.here_is('{') => {
                self.pos += 1;
                let code = self.code_point_escape()?;
                push_code_point(value, code);
            }
            b'u' => value.push(self.hex_escape(4).ok_or_else(|| self.error(ILLEGAL))?),
            b'x' => value.push(self.hex_escape(2).ok_or_else(|| self.error(INVALID_HEX_ESCAPE))?),
            b'n' => value.push(0x0a),
            b'r' => value.push(0x0d),
            b't' => value.push(0x09),
            b'b' => value.push(0x08),
            b'f' => value.push(0x0c),
            b'v' => value.push(0x0b),
            b'8' | b'9' => return Err(self.error(ILLEGAL)),
            b'0'..=b'7' => {
                let mut code = unit - 0x30;
                let mut digits = 1;
                // Three digits only where the value stays below 256.
                while digits < if unit <= 0x33 { 3 } else { 2 } && is_octal_digit(self.here()) {
                    code = code * 8 + self.here().unwrap_or(0x30) - 0x30;
                    self.pos += 1;
                    digits += 1;
                }
                *octal |= unit != 0x30 || digits > 1;
                value.push(code);
            }
            _ => value.push(unit),
        }
        Ok(())
    }

    /// A chunk of a template, from a backtick or a closing brace.
    pub(super) fn template(&mut self) -> Result<Token> {
        let start = self.pos;
        let head = self.here_is('`');
        let (tail, end) = loop {
            // The first round passes the opening character.
            self.pos += 1;
            let Some(unit) = self.here() else {
                return Err(self.error(ILLEGAL));
            };
            match unit {
                0x60 => {
                    self.pos += 1;
                    break (true, self.pos - 1);
                }
                0x24 if self.at(self.pos + 1) == Some(0x7b) => {
                    self.braces.push(true);
                    self.pos += 2;
                    break (false, self.pos - 2);
                }
                0x5c => {
                    self.pos += 1;
                    self.template_escape()?;
                    // The next round passes the last character of the escape.
                    self.pos -= 1;
                }
                _ if is_line_terminator(unit) => {
                    self.next_line();
                    self.pos -= 1;
                }
                _ => {}
            }
        };
        if !head {
            self.braces.pop();
        }
        Ok(Token {
            head,
            tail,
            text: Text { start: offset(start + 1), end: offset(end) },
            ..self.token(Kind::Template, start)
        })
    }

    fn template_escape(&mut self) -> Result<()> {
        let Some(unit) = self.here() else {
            return Err(RewriteError::type_error("ch is undefined", TEMPLATE_ESCAPE_LINE));
        };
        if is_line_terminator(unit) {
            self.next_line();
            return Ok(());
        }
        self.pos += 1;
        match u8::try_from(unit).unwrap_or(0) {
            b'u' if self.here_is('{') => {
                self.pos += 1;
                self.code_point_escape()?;
            }
            b'u' => {
                // An incomplete one is taken for plain text.
                let restore = self.pos;
                if self.hex_escape(4).is_none() {
                    self.pos = restore;
                }
            }
            b'x' => {
                self.hex_escape(2).ok_or_else(|| self.error(INVALID_HEX_ESCAPE))?;
            }
            b'0' if !is_decimal_digit(self.here()) => {}
            b'0'..=b'7' => return Err(self.error(TEMPLATE_OCTAL)),
            _ => {}
        }
        Ok(())
    }

    /// A regular expression at the position of its slash.
    pub(crate) fn regex(&mut self) -> Result<Token> {
        let start = self.pos;
        let mut in_class = false;
        self.pos += 1;
        loop {
            let unit = self.here();
            let Some(unit) = unit else {
                return Err(self.error(UNTERMINATED_REGEXP));
            };
            self.pos += 1;
            if is_line_terminator(unit) {
                return Err(self.error(UNTERMINATED_REGEXP));
            }
            match u8::try_from(unit).unwrap_or(0) {
                b'\\' => {
                    let Some(escaped) = self.here() else {
                        return Err(RewriteError::type_error(
                            "ch is undefined",
                            REGEXP_ESCAPE_LINE,
                        ));
                    };
                    self.pos += 1;
                    if is_line_terminator(escaped) {
                        return Err(self.error(UNTERMINATED_REGEXP));
                    }
                }
                b']' => in_class = false,
                b'[' => in_class = true,
                b'/' if !in_class => break,
                _ => {}
            }
        }
        let pattern = Text { start: offset(start + 1), end: offset(self.pos - 1) };
        let flags_start = self.pos;
        while let Some(unit) = self.here().filter(|unit| is_identifier_part(u32::from(*unit))) {
            self.pos += 1;
            if unit == 0x5c && self.here().is_some() {
                if self.here_is('u') {
                    self.pos += 1;
                    let restore = self.pos;
                    if self.hex_escape(4).is_none() {
                        self.pos = restore;
                    }
                }
                return Err(self.error(ILLEGAL));
            }
        }
        let flags = Text { start: offset(flags_start), end: offset(self.pos) };
        let has_value = regexp::check(self.units(pattern), self.units(flags), &self.known_flags)
            .map_err(|regexp::Invalid| self.error(INVALID_REGEXP))?;
        Ok(Token { text: pattern, flags, has_value, ..self.token(Kind::Regex, start) })
    }
}

/// A number whose digits are powers of two, rounded once.
#[derive(Default)]
struct RadixNumber {
    mantissa: u128,
    exponent: i32,
}

impl RadixNumber {
    fn push(&mut self, digit: u32, radix: u32) {
        let bits = radix.trailing_zeros();
        if self.mantissa >> 120 == 0 {
            self.mantissa = self.mantissa << bits | u128::from(digit);
        } else {
            // Far behind the digits that count; whether anything follows decides how a tie is rounded.
            self.mantissa |= u128::from(digit != 0);
            self.exponent = self.exponent.saturating_add(bits.cast_signed());
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "rounding is the point")]
    fn value(&self) -> f64 {
        let mut value = self.mantissa as f64;
        for _ in 0..self.exponent.min(2048) {
            value *= 2.0;
        }
        value
    }
}
