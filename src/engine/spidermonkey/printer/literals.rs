//! Strings and numbers.

use std::fmt::Write as _;

use super::super::tokens::Text;
use super::super::unicode::is_es5_identifier_part;
use super::Printer;

impl Printer<'_> {
    /// A string in single quotes. Whatever is neither printable ASCII nor a letter is escaped.
    pub(super) fn string(&mut self, text: Text) {
        let units = &self.units[text.start as usize..text.end as usize];
        self.out.push('\'');
        for (i, &unit) in units.iter().enumerate() {
            match unit {
                0x5c => self.push("\\\\"),
                0x0a => self.push("\\n"),
                0x0d => self.push("\\r"),
                0x27 => self.push("\\'"),
                0x08 => self.push("\\b"),
                0x0c => self.push("\\f"),
                0x09 => self.push("\\t"),
                0x20..=0x7e => self.out.push(char::from(u8::try_from(unit).unwrap_or(b' '))),
                0x00 if !units.get(i + 1).is_some_and(|next| (0x30..=0x39).contains(next)) => {
                    self.push("\\0");
                }
                _ if is_es5_identifier_part(unit) => {
                    self.out.extend(char::from_u32(u32::from(unit)));
                }
                0x00..=0xff => self.escape(format_args!("\\x{unit:02X}")),
                _ => self.escape(format_args!("\\u{unit:04X}")),
            }
        }
        self.out.push('\'');
    }

    fn escape(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = self.out.write_fmt(text);
    }

    pub(super) fn number(&mut self, value: f64) {
        if value.is_infinite() {
            self.push("1e+400");
        } else {
            let mut buffer = ryu_js::Buffer::new();
            self.push(buffer.format(value));
        }
    }
}
