//! Prints a program as escodegen of the 1.8 era does with its default options.
//!
//! All text goes to one buffer. Where escodegen looks at the text it has just made, so does this: names may hold any
//! character, since Esprima does not check `\u{…}` escapes in them.

mod expressions;
mod functions;
mod literals;
mod statements;

use super::RewriteError;
use super::ast::{Node, NodeId, Nodes};
use super::tokens::Text;
use super::unicode::{is_printed_line_terminator, is_printed_space};

const INDENT: &str = "    ";

/// What any source may be printed as, in bytes.
const MIN_LIMIT: usize = 16 << 20;

/// Line of the query server's script that holds all of escodegen.
const UNKNOWN_NODE_LINE: u32 = 6767;

/// How tightly an expression binds.
///
/// `ANY` is what escodegen's comparisons with an undefined precedence amount to: nothing binds less tightly than what
/// is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Precedence(u8);

impl Precedence {
    const ANY: Self = Self(0);
    const SEQUENCE: Self = Self(1);
    /// Of `yield` and `await`, too.
    const ASSIGNMENT: Self = Self(2);
    /// Of arrow functions, too.
    const CONDITIONAL: Self = Self(3);
    const LOGICAL_OR: Self = Self(4);
    const LOGICAL_AND: Self = Self(5);
    const BITWISE_OR: Self = Self(6);
    const BITWISE_XOR: Self = Self(7);
    const BITWISE_AND: Self = Self(8);
    const EQUALITY: Self = Self(9);
    const RELATIONAL: Self = Self(10);
    const SHIFT: Self = Self(11);
    const ADDITIVE: Self = Self(12);
    const MULTIPLICATIVE: Self = Self(13);
    const UNARY: Self = Self(14);
    const POSTFIX: Self = Self(15);
    const CALL: Self = Self(16);
    const NEW: Self = Self(17);
    const TAGGED_TEMPLATE: Self = Self(18);
    const MEMBER: Self = Self(19);
    const PRIMARY: Self = Self(20);

    fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// What may stand without parentheses at some place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Allow {
    /// The operator `in`.
    r#in: bool,
    call: bool,
}

impl Allow {
    const ALL: Self = Self { r#in: true, call: true };
    const NO_IN: Self = Self { r#in: false, call: true };
    const NO_CALL: Self = Self { r#in: true, call: false };
    const NOTHING: Self = Self { r#in: false, call: false };

    fn with_in(self, allowed: bool) -> Self {
        Self { r#in: self.r#in || allowed, ..self }
    }
}

pub(super) struct Printer<'a> {
    nodes: &'a Nodes,
    units: &'a [u16],
    out: String,
    indent: usize,
    limit: usize,
    /// Why the text would be of no use; little more is printed then.
    failure: Option<RewriteError>,
}

impl<'a> Printer<'a> {
    /// A printer of nodes whose texts are ranges of `units`, for a source of that length.
    pub(super) fn new(nodes: &'a Nodes, units: &'a [u16], source_len: usize) -> Self {
        Self {
            nodes,
            units,
            out: String::with_capacity(source_len + source_len / 4),
            indent: 0,
            limit: MIN_LIMIT + source_len.saturating_mul(16),
            failure: None,
        }
    }

    pub(super) fn print_program(mut self, program: &[NodeId]) -> Result<String, RewriteError> {
        self.lines(program);
        self.failure.map_or(Ok(self.out), Err)
    }

    /// Whether printing has come to an end.
    ///
    /// Indentation and patterns that are printed twice, as are those within them, let some texts grow beyond all
    /// bounds; `JavaScript` runs out of memory there.
    fn is_over(&mut self) -> bool {
        if self.failure.is_none() && self.out.len() > self.limit {
            self.failure = Some(RewriteError::too_complex("result too large", 1));
        }
        self.failure.is_some()
    }

    fn node(&self, id: NodeId) -> &'a Node {
        &self.nodes[id]
    }

    fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn text(&mut self, text: Text) {
        let units = &self.units[text.start as usize..text.end as usize];
        self.out.extend(
            char::decode_utf16(units.iter().copied())
                .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)),
        );
    }

    fn push_indent(&mut self) {
        if self.is_over() {
            return;
        }
        for _ in 0..self.indent {
            self.out.push_str(INDENT);
        }
    }

    fn new_line(&mut self) {
        self.out.push('\n');
        self.push_indent();
    }

    fn ends_line(&self) -> bool {
        self.out.chars().next_back().is_some_and(is_printed_line_terminator)
    }

    /// A new line, unless the text has just ended one.
    fn end_line(&mut self) {
        if !self.ends_line() {
            self.out.push('\n');
        }
    }

    fn indented(&mut self, print: impl FnOnce(&mut Self)) {
        self.indent += 1;
        print(self);
        self.indent -= 1;
    }

    /// Prints in parentheses, or not.
    fn parenthesized(&mut self, needed: bool, print: impl FnOnce(&mut Self)) {
        if needed {
            self.out.push('(');
        }
        print(self);
        if needed {
            self.out.push(')');
        }
    }

    /// Prints behind a space, unless there is white space on either side anyway.
    fn spaced(&mut self, print: impl FnOnce(&mut Self)) {
        let is_space = |c: char| is_printed_space(c) || is_printed_line_terminator(c);
        if self.out.chars().next_back().is_none_or(is_space) {
            return print(self);
        }
        let start = self.out.len();
        self.out.push(' ');
        print(self);
        // Only names with escapes can start like that.
        if self.out[start + 1..].chars().next().is_none_or(is_space) {
            self.out.remove(start);
        }
    }

    /// Puts parentheses around what was printed from there.
    fn enclose(&mut self, start: usize) {
        self.out.insert(start, '(');
        self.out.push(')');
    }

    /// Statements, each on its line.
    fn lines(&mut self, statements: &[NodeId]) {
        for (i, statement) in statements.iter().enumerate() {
            if i > 0 {
                self.end_line();
            }
            self.push_indent();
            self.statement(*statement, true);
        }
    }
}
