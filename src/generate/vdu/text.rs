//! Pieces of JavaScript.

use std::fmt::Write;

/// A string literal.
pub(super) fn string(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('\'');
    for character in text.chars() {
        match character {
            '\'' => literal.push_str("\\'"),
            '\\' => literal.push_str("\\\\"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            '\u{2028}' | '\u{2029}' | '\u{feff}' => escape(character, &mut literal),
            control if control.is_control() => escape(control, &mut literal),
            other => literal.push(other),
        }
    }
    literal.push('\'');
    literal
}

fn escape(character: char, out: &mut String) {
    // Writing to a string cannot fail.
    let _ = write!(out, "\\u{:04x}", u32::from(character));
}

/// A member of a value.
pub(super) fn member(value: &str, name: &str) -> String {
    if is_identifier(name) {
        format!("{value}.{name}")
    } else {
        format!("{value}[{}]", string(name))
    }
}

/// Whether a value that is an object has a member.
pub(super) fn has(value: &str, name: &str) -> String {
    if INHERITED.contains(&name) {
        format!("has({value}, {})", string(name))
    } else {
        format!("{} !== undefined", member(value, name))
    }
}

/// Whether [`has`] needs the helper of that name.
pub(super) fn is_inherited(name: &str) -> bool {
    INHERITED.contains(&name)
}

/// What every object of JavaScript has.
const INHERITED: [&str; 12] = [
    "constructor",
    "hasOwnProperty",
    "isPrototypeOf",
    "propertyIsEnumerable",
    "toLocaleString",
    "toSource",
    "toString",
    "valueOf",
    "__proto__",
    "__defineGetter__",
    "__defineSetter__",
    "__lookupGetter__",
];

pub(super) fn is_identifier(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$')
}

/// An expression for a JSON Pointer that is only known when the function runs.
#[derive(Debug, Clone)]
pub(super) struct At {
    expression: String,
    constant: String,
}

impl At {
    /// The pointer that a function gets as its argument `at`.
    pub(super) fn argument() -> Self {
        Self { expression: "at".to_owned(), constant: String::new() }
    }

    /// The pointer to a member.
    pub(super) fn member(&self, name: &str) -> Self {
        let token = name.replace('~', "~0").replace('/', "~1");
        Self { expression: self.expression.clone(), constant: format!("{}/{token}", self.constant) }
    }

    /// The pointer to what this expression names.
    pub(super) fn index(&self, index: &str) -> Self {
        let start = format!("{} + {}", self.expression, string(&format!("{}/", self.constant)));
        Self { expression: format!("{start} + {index}"), constant: String::new() }
    }

    /// The expression.
    pub(super) fn shown(&self) -> String {
        match self.constant.as_str() {
            "" => self.expression.clone(),
            constant => format!("{} + {}", self.expression, string(constant)),
        }
    }
}

/// Lines of code.
#[derive(Debug, Default)]
pub(super) struct Code {
    text: String,
    indent: usize,
}

impl Code {
    pub(super) fn indented(indent: usize) -> Self {
        Self { text: String::new(), indent }
    }

    pub(super) fn line(&mut self, line: &str) {
        let indent = if line.is_empty() { 0 } else { self.indent };
        for _ in 0..indent {
            self.text.push_str("  ");
        }
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Opens a block: `head {`.
    pub(super) fn open(&mut self, head: &str) {
        self.line(&format!("{head} {{"));
        self.indent += 1;
    }

    pub(super) fn close(&mut self) {
        self.indent -= 1;
        self.line("}");
    }

    /// `if (condition) { return …; }`
    pub(super) fn refuse(&mut self, condition: &str, message: &str) {
        self.open(&format!("if ({condition})"));
        self.line(&format!("return {message};"));
        self.close();
    }

    /// Closes a block and opens another: `} head {`.
    pub(super) fn otherwise(&mut self) {
        self.indent -= 1;
        self.line("} else {");
        self.indent += 1;
    }

    pub(super) fn text(self) -> String {
        self.text
    }
}
