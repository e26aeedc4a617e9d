//! Tells which regular expressions the engine accepts.
//!
//! Esprima asks the engine: a pattern that is invalid even without flags is a syntax error, and one that is invalid
//! together with its flags loses its value.

use std::collections::HashSet;
use std::iter::Peekable;

use super::properties::is_known_property;
use super::unicode::{is_identifier_part, is_identifier_start};

/// The pattern is not valid.
#[derive(Debug)]
pub(super) struct Invalid;

type Result<T> = std::result::Result<T, Invalid>;

/// Whether the engine makes a value of the literal; an error if Esprima refuses it.
pub(super) fn check(pattern: &[u16], flags: &[u16], known_flags: &str) -> Result<bool> {
    let is_flag = |unit: u16, flag: char| u32::from(unit) == u32::from(flag);
    let unicode = flags.iter().any(|flag| is_flag(*flag, 'u'));
    if unicode {
        Parser::new(&approximate(pattern)?, false).parse()?;
    } else {
        Parser::new(pattern, false).parse()?;
    }
    let known = flags.iter().enumerate().all(|(i, flag)| {
        known_flags.chars().any(|c| is_flag(*flag, c)) && !flags[..i].contains(flag)
    });
    // Only this flag changes the grammar.
    Ok(known && (!unicode || Parser::new(pattern, true).parse().is_ok()))
}

/// What Esprima tries in place of a pattern in Unicode mode: escapes of code points are decoded, and characters beyond
/// U+FFFF become U+FFFF. A decoded `(` counts as one.
fn approximate(pattern: &[u16]) -> Result<Vec<u16>> {
    const BEYOND: u16 = 0xffff;
    let mut decoded = Vec::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(unit) = rest.first() {
        if let Some((code, length)) = escaped_code_point(rest) {
            if code > 0x0010_ffff {
                return Err(Invalid);
            }
            decoded.push(u16::try_from(code).unwrap_or(BEYOND));
            rest = &rest[length..];
        } else {
            decoded.push(*unit);
            rest = &rest[1..];
        }
    }
    let mut result = Vec::with_capacity(decoded.len());
    let mut units = decoded.iter().copied().peekable();
    while let Some(unit) = units.next() {
        let is_pair = (0xd800..0xdc00).contains(&unit)
            && units.next_if(|next| (0xdc00..0xe000).contains(next)).is_some();
        result.push(if is_pair { BEYOND } else { unit });
    }
    Ok(result)
}

/// The value and the length of `\u{…}` or `\uXXXX` at the start, whatever precedes the backslash.
fn escaped_code_point(units: &[u16]) -> Option<(u32, usize)> {
    let digit = |unit: &u16| char::from_u32(u32::from(*unit)).and_then(|c| c.to_digit(16));
    let rest = units.strip_prefix(&[0x5c, 0x75])?;
    let value = |digits: &[u16]| {
        digits
            .iter()
            .filter_map(digit)
            .fold(0_u32, |code, value| code.saturating_mul(16).saturating_add(value))
    };
    if let Some(braced) = rest.strip_prefix(&[0x7b]) {
        let length = braced.iter().take_while(|unit| digit(unit).is_some()).count();
        (length > 0 && braced.get(length) == Some(&0x7d))
            .then(|| (value(&braced[..length]), length + 4))
    } else {
        let digits = rest.get(..4)?;
        digits.iter().all(|unit| digit(unit).is_some()).then(|| (value(digits), 6))
    }
}

/// What may follow an atom.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Term {
    Atom,
    /// Nothing that a quantifier could repeat.
    Assertion,
}

/// A member of a character class.
#[derive(Clone, Copy)]
enum ClassAtom {
    Char(u32),
    /// `\d` and the like.
    Set,
}

struct Parser {
    /// Code points in Unicode mode, code units otherwise.
    chars: Vec<u32>,
    pos: usize,
    unicode: bool,
    captures: u32,
    named: bool,
    names: HashSet<Vec<u32>>,
    references: Vec<Vec<u32>>,
}

impl Parser {
    fn new(pattern: &[u16], unicode: bool) -> Self {
        let chars: Vec<u32> = if unicode {
            char::decode_utf16(pattern.iter().copied())
                .map(|c| c.map_or_else(|lone| u32::from(lone.unpaired_surrogate()), u32::from))
                .collect()
        } else {
            pattern.iter().map(|unit| u32::from(*unit)).collect()
        };
        let (captures, named) = count_captures(&chars);
        Self {
            chars,
            pos: 0,
            unicode,
            captures,
            named,
            names: HashSet::new(),
            references: Vec::new(),
        }
    }

    fn at(&self, ahead: usize) -> Option<char> {
        // A lone surrogate is no character of the grammar.
        self.chars.get(self.pos + ahead).map(|code| char::from_u32(*code).unwrap_or('\u{fffd}'))
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = text.chars().enumerate().all(|(i, c)| self.at(i) == Some(c));
        if found {
            self.pos += text.len();
        }
        found
    }

    fn parse(&mut self) -> Result<()> {
        // What each open group becomes once it is closed.
        let mut open: Vec<Term> = Vec::new();
        while let Some(c) = self.at(0) {
            let term = match c {
                '(' => {
                    open.push(self.open_group()?);
                    continue;
                }
                ')' => {
                    self.pos += 1;
                    open.pop().ok_or(Invalid)?
                }
                '|' => {
                    self.pos += 1;
                    continue;
                }
                '^' | '$' => {
                    self.pos += 1;
                    Term::Assertion
                }
                '*' | '+' | '?' => return Err(Invalid),
                '{' if self.unicode || self.quantifier_length().is_some() => return Err(Invalid),
                '}' | ']' if self.unicode => return Err(Invalid),
                '[' => {
                    self.class()?;
                    Term::Atom
                }
                '\\' => self.escape()?,
                _ => {
                    self.pos += 1;
                    Term::Atom
                }
            };
            if term == Term::Atom {
                self.quantifier()?;
            }
        }
        let known = self.references.iter().all(|name| self.names.contains(name));
        if open.is_empty() && known { Ok(()) } else { Err(Invalid) }
    }

    fn open_group(&mut self) -> Result<Term> {
        if self.eat("(?:") {
            Ok(Term::Atom)
        } else if self.eat("(?=") || self.eat("(?!") {
            Ok(if self.unicode { Term::Assertion } else { Term::Atom })
        } else if self.eat("(?<=") || self.eat("(?<!") {
            Ok(Term::Assertion)
        } else if self.eat("(?<") {
            let name = self.group_name()?;
            if self.names.insert(name) { Ok(Term::Atom) } else { Err(Invalid) }
        } else if self.eat("(?") {
            Err(Invalid)
        } else {
            self.pos += 1;
            Ok(Term::Atom)
        }
    }

    /// A name behind its `<`, up to and including the `>`.
    fn group_name(&mut self) -> Result<Vec<u32>> {
        let mut name = Vec::new();
        loop {
            let mut code = *self.chars.get(self.pos).ok_or(Invalid)?;
            self.pos += 1;
            if code == u32::from('>') {
                return if name.is_empty() { Err(Invalid) } else { Ok(name) };
            }
            if code == u32::from('\\') {
                if !self.eat("u") {
                    return Err(Invalid);
                }
                code = self.unicode_escape(true).ok_or(Invalid)?;
            } else if (0xd800..0xdc00).contains(&code)
                && let Some(low @ 0xdc00..0xe000) = self.chars.get(self.pos).copied()
            {
                // Names consist of code points even outside of Unicode mode.
                code = ((code - 0xd800) << 10) + (low - 0xdc00) + 0x10000;
                self.pos += 1;
            }
            let fits =
                if name.is_empty() { is_identifier_start(code) } else { is_identifier_part(code) };
            if !fits || code == u32::from('\\') {
                return Err(Invalid);
            }
            name.push(code);
        }
    }

    /// A decimal number ahead and the position behind it.
    fn bound(&self, mut ahead: usize) -> Option<(u32, usize)> {
        let mut value = self.at(ahead)?.to_digit(10)?;
        ahead += 1;
        while let Some(digit) = self.at(ahead).and_then(|c| c.to_digit(10)) {
            value = value.saturating_mul(10).saturating_add(digit);
            ahead += 1;
        }
        Some((value, ahead))
    }

    /// Length and bounds of a quantifier in braces.
    fn quantifier_length(&self) -> Option<(usize, u32, u32)> {
        let (min, end) = self.bound(1)?;
        let (max, end) = match self.at(end)? {
            ',' => self.bound(end + 1).unwrap_or((u32::MAX, end + 1)),
            _ => (min, end),
        };
        (self.at(end) == Some('}')).then_some((end + 1, min, max))
    }

    fn quantifier(&mut self) -> Result<()> {
        match self.at(0) {
            Some('*' | '+' | '?') => self.pos += 1,
            Some('{') => match self.quantifier_length() {
                Some((_, min, max)) if min > max => return Err(Invalid),
                Some((length, ..)) => self.pos += length,
                None if self.unicode => return Err(Invalid),
                None => return Ok(()),
            },
            _ => return Ok(()),
        }
        self.eat("?");
        Ok(())
    }

    /// An escape outside of classes.
    fn escape(&mut self) -> Result<Term> {
        let c = self.at(1).ok_or(Invalid)?;
        match c {
            'b' | 'B' => {
                self.pos += 2;
                return Ok(Term::Assertion);
            }
            '1'..='9' => {
                self.pos += 1;
                let mut index: u32 = 0;
                while let Some(digit) = self.at(0).and_then(|c| c.to_digit(10)) {
                    index = index.saturating_mul(10).saturating_add(digit);
                    self.pos += 1;
                }
                // Outside of Unicode mode, what refers to no group is octal or literal.
                if self.unicode && index > self.captures {
                    return Err(Invalid);
                }
            }
            'k' if self.unicode || self.named => {
                self.pos += 2;
                if !self.eat("<") {
                    return Err(Invalid);
                }
                let name = self.group_name()?;
                self.references.push(name);
            }
            _ => {
                self.character_escape(false)?;
            }
        }
        Ok(Term::Atom)
    }

    /// An escape that stands for a character or a set of them.
    fn character_escape(&mut self, in_class: bool) -> Result<ClassAtom> {
        self.pos += 1;
        let c = self.at(0).ok_or(Invalid)?;
        let code = self.chars[self.pos];
        self.pos += 1;
        Ok(ClassAtom::Char(match c {
            'd' | 'D' | 's' | 'S' | 'w' | 'W' => return Ok(ClassAtom::Set),
            'p' | 'P' if self.unicode => {
                self.property()?;
                return Ok(ClassAtom::Set);
            }
            'f' => 0x0c,
            'n' => 0x0a,
            'r' => 0x0d,
            't' => 0x09,
            'v' => 0x0b,
            'b' if in_class => 0x08,
            '-' if in_class => code,
            'c' => {
                let letter = self.at(0).filter(|c| {
                    c.is_ascii_alphabetic()
                        || (in_class && !self.unicode && (c.is_ascii_digit() || *c == '_'))
                });
                match letter {
                    Some(letter) => {
                        self.pos += 1;
                        u32::from(letter) & 0x1f
                    }
                    None if self.unicode => return Err(Invalid),
                    None => {
                        // The backslash stands for itself, and so does the letter.
                        self.pos -= 1;
                        u32::from('\\')
                    }
                }
            }
            '0'..='7' if !self.unicode => {
                let mut value = u32::from(c) - 0x30;
                for _ in 0..2 {
                    match self.at(0).and_then(|c| c.to_digit(8)) {
                        Some(digit) if value * 8 + digit <= 0xff => {
                            value = value * 8 + digit;
                            self.pos += 1;
                        }
                        _ => break,
                    }
                }
                value
            }
            '0' if !self.at(0).is_some_and(|c| c.is_ascii_digit()) => 0,
            'x' => self.hex(2).map_or_else(|| self.identity(code), Ok)?,
            'u' => self.unicode_escape(self.unicode).map_or_else(|| self.identity(code), Ok)?,
            '^' | '$' | '\\' | '.' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|'
            | '/' => code,
            'k' if self.named => return Err(Invalid),
            _ => self.identity(code)?,
        }))
    }

    /// A character that needs no escape, which only the old grammar lets pass.
    fn identity(&self, code: u32) -> Result<u32> {
        if self.unicode { Err(Invalid) } else { Ok(code) }
    }

    /// That many hexadecimal digits, or nothing is consumed.
    fn hex(&mut self, digits: usize) -> Option<u32> {
        let mut value = 0;
        for i in 0..digits {
            value = value * 16 + self.at(i)?.to_digit(16)?;
        }
        self.pos += digits;
        Some(value)
    }

    /// The rest of `\u`, or nothing is consumed.
    fn unicode_escape(&mut self, code_points: bool) -> Option<u32> {
        if !code_points {
            return self.hex(4);
        }
        if self.at(0) != Some('{') {
            let high = self.hex(4)?;
            let start = self.pos;
            if (0xd800..0xdc00).contains(&high) && self.eat("\\u") {
                if let Some(low @ 0xdc00..0xe000) = self.hex(4) {
                    return Some(((high - 0xd800) << 10) + (low - 0xdc00) + 0x10000);
                }
                self.pos = start;
            }
            return Some(high);
        }
        let mut ahead = 1;
        let mut value: u32 = 0;
        while let Some(digit) = self.at(ahead).and_then(|c| c.to_digit(16)) {
            value = value.saturating_mul(16).saturating_add(digit);
            ahead += 1;
        }
        if ahead == 1 || value > 0x0010_ffff || self.at(ahead) != Some('}') {
            return None;
        }
        self.pos += ahead + 1;
        Some(value)
    }

    /// The braces behind `\p`.
    fn property(&mut self) -> Result<()> {
        if !self.eat("{") {
            return Err(Invalid);
        }
        let mut name = String::new();
        loop {
            let c = self.at(0).ok_or(Invalid)?;
            self.pos += 1;
            match c {
                '}' => break,
                'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '=' => name.push(c),
                _ => return Err(Invalid),
            }
        }
        if is_known_property(&name) { Ok(()) } else { Err(Invalid) }
    }

    fn class(&mut self) -> Result<()> {
        self.pos += 1;
        self.eat("^");
        loop {
            if self.eat("]") {
                return Ok(());
            }
            let first = self.class_atom()?;
            if self.at(0) != Some('-') {
                continue;
            }
            if self.at(1) == Some(']') {
                self.pos += 2;
                return Ok(());
            }
            self.pos += 1;
            match (first, self.class_atom()?) {
                (ClassAtom::Char(first), ClassAtom::Char(last)) if first <= last => {}
                (ClassAtom::Char(_), ClassAtom::Char(_)) => return Err(Invalid),
                _ if self.unicode => return Err(Invalid),
                _ => {}
            }
        }
    }

    fn class_atom(&mut self) -> Result<ClassAtom> {
        let code = *self.chars.get(self.pos).ok_or(Invalid)?;
        if code == u32::from('\\') {
            return self.character_escape(true);
        }
        self.pos += 1;
        Ok(ClassAtom::Char(code))
    }
}

/// Counts the capturing groups and tells whether any has a name.
fn count_captures(chars: &[u32]) -> (u32, bool) {
    let mut chars = chars.iter().map(|code| char::from_u32(*code).unwrap_or('\u{fffd}')).peekable();
    let mut captures = 0;
    let mut named = false;
    let mut in_class = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                chars.next();
            }
            '[' => in_class = true,
            ']' => in_class = false,
            '(' if !in_class => {
                if chars.next_if_eq(&'?').is_none() {
                    captures += 1;
                } else if is_named_group(&mut chars) {
                    named = true;
                    captures += 1;
                }
            }
            _ => {}
        }
    }
    (captures, named)
}

/// Whether a named group follows `(?`, rather than a look-behind or another group.
fn is_named_group(chars: &mut Peekable<impl Iterator<Item = char>>) -> bool {
    chars.next_if_eq(&'<').is_some() && !matches!(chars.peek(), Some('=' | '!'))
}
