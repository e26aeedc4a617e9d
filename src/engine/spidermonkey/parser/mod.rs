//! Parses scripts as Esprima 4.0.1 does: what it accepts beyond the language, what it refuses, and where.
//!
//! The grammar is walked in Esprima's order, since the message of a refusal depends on which rule looks first. Some
//! of its context is left behind by one rule and found by a later one; that is kept, too.

mod expressions;
mod functions;
mod loops;
mod operators;
mod patterns;
mod statements;

use std::collections::HashSet;

use super::ast::{Node, NodeId, Nodes, StatementList};
use super::lexer::Lexer;
use super::tokens::{Kind, Sym, Text, Token};
use super::{ErrorKind, RewriteError};

pub(super) type Result<T> = std::result::Result<T, RewriteError>;

/// How many rules may be nested. Rules count more than once per level of the source; the deepest chains of them
/// must fit on a stack of 16 MB.
const MAX_DEPTH: u32 = 1200;

/// Line of the query server's script where an assertion fails.
const ASSERTION_LINE: u32 = 5040;

const STRICT_FUNCTION: &str =
    "In strict mode code, functions can only be declared at top level or inside a block";
const STRICT_FUNCTION_NAME: &str = "Function name may not be eval or arguments in strict mode";
const STRICT_OCTAL: &str = "Octal literals are not allowed in strict mode.";
const STRICT_RESERVED: &str = "Use of future reserved word in strict mode";

/// State that rules look up and change.
#[expect(clippy::struct_excessive_bools, reason = "independent switches")]
struct Context {
    is_await: bool,
    allow_in: bool,
    allow_strict_directive: bool,
    /// Whether `yield` is a name; false where it is an operator.
    allow_yield: bool,
    /// `{a = 1}` that is an error unless it turns out to be a pattern.
    cover_initializer: Option<Token>,
    is_assignment_target: bool,
    is_binding_element: bool,
    in_function_body: bool,
    in_iteration: bool,
    in_switch: bool,
    labels: HashSet<Vec<u16>>,
    strict: bool,
}

/// Position of the last token's end, as errors report it.
#[derive(Clone, Copy)]
struct Marker {
    index: usize,
    line: u32,
    line_start: usize,
}

pub(super) struct Parser {
    lexer: Lexer,
    pub nodes: Nodes,
    ahead: Token,
    /// A line ends between the last token and the one ahead.
    line_ends: bool,
    /// Start of the token ahead.
    start: Marker,
    last: Marker,
    context: Context,
    depth: u32,
}

impl Parser {
    pub(super) fn new(source: &str, known_flags: &str) -> Result<Self> {
        let mut lexer = Lexer::new(source, known_flags);
        let start = Marker { index: 0, line: lexer.line, line_start: 0 };
        lexer.skip_comments()?;
        let here = Marker { index: lexer.pos, line: lexer.line, line_start: lexer.line_start };
        let ahead = lexer.next_token()?;
        let last = Marker { index: lexer.pos, line: lexer.line, line_start: lexer.line_start };
        Ok(Self {
            line_ends: start.line != ahead.line,
            start: here,
            last,
            ahead,
            lexer,
            nodes: Nodes::default(),
            context: Context {
                is_await: false,
                allow_in: true,
                allow_strict_directive: true,
                allow_yield: true,
                cover_initializer: None,
                is_assignment_target: false,
                is_binding_element: false,
                in_function_body: false,
                in_iteration: false,
                in_switch: false,
                labels: HashSet::new(),
                strict: false,
            },
            depth: 0,
        })
    }

    /// The units that names and values of the tree refer to.
    pub(super) fn buffer(&self) -> &[u16] {
        &self.lexer.buffer
    }

    pub(super) fn parse_script(&mut self) -> Result<StatementList> {
        let mut body = self.directives()?;
        while self.ahead.kind != Kind::End {
            body.push(self.statement_list_item()?);
        }
        Ok(body)
    }

    fn add(&mut self, node: Node) -> NodeId {
        self.nodes.add(node)
    }

    /// Runs a rule one level deeper.
    fn nested<T>(&mut self, rule: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= MAX_DEPTH {
            return Err(RewriteError::too_complex("nested too deeply", self.last.line));
        }
        self.depth += 1;
        let result = rule(self);
        self.depth -= 1;
        result
    }

    fn is_identifier(&self, node: NodeId) -> bool {
        matches!(self.nodes[node], Node::Identifier(_))
    }

    /// The word that an identifier consists of, if it is one of interest.
    fn identifier_word(&self, node: NodeId) -> Sym {
        match self.nodes[node] {
            Node::Identifier(name) => self.lexer.word(name),
            _ => Sym::Other,
        }
    }

    // Errors.

    fn error(line: u32, column: usize, description: &str) -> RewriteError {
        RewriteError {
            kind: ErrorKind::Syntax,
            message: format!("Line {line}: {description}"),
            line,
            column: u32::try_from(column).unwrap_or(u32::MAX),
        }
    }

    /// An error at the end of the last token.
    fn last_error(&self, description: &str) -> RewriteError {
        Self::error(self.last.line, self.last.index - self.last.line_start + 1, description)
    }

    /// An error for which Esprima reports the line of the token ahead and the column of the last one.
    fn scan_error(&self, description: &str) -> RewriteError {
        Self::error(self.lexer.line, self.last.index - self.last.line_start + 1, description)
    }

    fn token_error(&self, token: &Token, description: &str) -> RewriteError {
        let column = (token.start as usize + 1).saturating_sub(self.last.line_start);
        Self::error(token.line, column, description)
    }

    fn unexpected(&self, token: &Token) -> RewriteError {
        let description = match token.kind {
            Kind::End => "Unexpected end of input".to_owned(),
            Kind::Identifier => "Unexpected identifier".to_owned(),
            Kind::Number => "Unexpected number".to_owned(),
            Kind::String => "Unexpected string".to_owned(),
            Kind::Template => {
                let raw = String::from_utf16_lossy(self.lexer.units(token.text));
                substitute("Unexpected quasi ", &raw)
            }
            Kind::Keyword if token.sym.is_future_reserved() => {
                "Unexpected reserved word".to_owned()
            }
            Kind::Keyword if self.context.strict && token.sym.is_strict_reserved() => {
                STRICT_RESERVED.to_owned()
            }
            _ => format!("Unexpected token {}", token.sym.as_str()),
        };
        self.token_error(token, &description)
    }

    fn unexpected_ahead(&self) -> RewriteError {
        self.unexpected(&self.ahead)
    }

    /// Consumes the token ahead, which does not fit.
    fn reject_next<T>(&mut self) -> Result<T> {
        let token = self.next()?;
        Err(self.unexpected(&token))
    }

    // Tokens.

    fn next(&mut self) -> Result<Token> {
        let token = self.ahead;
        self.last = Marker {
            index: self.lexer.pos,
            line: self.lexer.line,
            line_start: self.lexer.line_start,
        };
        self.lexer.skip_comments()?;
        if self.lexer.pos != self.start.index {
            self.start = Marker {
                index: self.lexer.pos,
                line: self.lexer.line,
                line_start: self.lexer.line_start,
            };
        }
        let mut next = self.lexer.next_token()?;
        self.line_ends = token.line != next.line;
        if self.context.strict && next.kind == Kind::Identifier && next.sym.is_strict_reserved() {
            next.kind = Kind::Keyword;
        }
        self.ahead = next;
        Ok(token)
    }

    /// Reads the token ahead again, as the start of a regular expression.
    fn next_regex(&mut self) -> Result<Token> {
        self.lexer.pos = self.start.index;
        self.lexer.skip_comments()?;
        self.ahead = self.lexer.regex()?;
        self.next()
    }

    /// Looks at the token behind the one ahead; whether a line ends between the two comes with it.
    fn peek(&mut self) -> Result<(Token, bool)> {
        let state = self.lexer.state();
        self.lexer.skip_comments()?;
        let token = self.lexer.next_token()?;
        self.lexer.restore(state);
        Ok((token, state.line != token.line))
    }

    fn is_punctuator(&self, sym: Sym) -> bool {
        self.ahead.is_punctuator(sym)
    }

    fn is_keyword(&self, sym: Sym) -> bool {
        self.ahead.is_keyword(sym)
    }

    /// Consumes a punctuator if it is ahead.
    fn eat(&mut self, sym: Sym) -> Result<bool> {
        let found = self.is_punctuator(sym);
        if found {
            self.next()?;
        }
        Ok(found)
    }

    fn expect(&mut self, sym: Sym) -> Result<()> {
        let token = self.next()?;
        if token.is_punctuator(sym) { Ok(()) } else { Err(self.unexpected(&token)) }
    }

    fn expect_keyword(&mut self, sym: Sym) -> Result<()> {
        let token = self.next()?;
        if token.is_keyword(sym) { Ok(()) } else { Err(self.unexpected(&token)) }
    }

    /// Whether the value of the token ahead reads like this, for rules that forget to look at its kind.
    fn ahead_reads(&self, sym: Sym) -> bool {
        match self.ahead.kind {
            Kind::String | Kind::Template => self.text_is(self.ahead.text, sym),
            _ => self.ahead.sym == sym,
        }
    }

    fn text_is(&self, text: Text, sym: Sym) -> bool {
        self.lexer.units(text).iter().copied().eq(sym.as_str().encode_utf16())
    }

    fn semicolon(&mut self) -> Result<()> {
        if self.eat(Sym::Semicolon)? || self.line_ends {
            return Ok(());
        }
        if self.ahead.kind != Kind::End && !self.is_punctuator(Sym::BraceClose) {
            return Err(self.unexpected_ahead());
        }
        self.last = self.start;
        Ok(())
    }

    // Expressions that may turn out to be patterns.

    /// Runs a rule whose result is nothing but an expression.
    fn isolate<T>(&mut self, rule: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let binding = self.context.is_binding_element;
        let target = self.context.is_assignment_target;
        let initializer = self.context.cover_initializer.take();
        self.context.is_binding_element = true;
        self.context.is_assignment_target = true;
        let result = rule(self)?;
        if let Some(token) = &self.context.cover_initializer {
            return Err(self.unexpected(token));
        }
        self.context.is_binding_element = binding;
        self.context.is_assignment_target = target;
        self.context.cover_initializer = initializer;
        Ok(result)
    }

    /// Runs a rule whose result may become part of a pattern.
    fn inherit<T>(&mut self, rule: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let binding = self.context.is_binding_element;
        let target = self.context.is_assignment_target;
        let initializer = self.context.cover_initializer.take();
        self.context.is_binding_element = true;
        self.context.is_assignment_target = true;
        let result = rule(self)?;
        self.context.is_binding_element &= binding;
        self.context.is_assignment_target &= target;
        self.context.cover_initializer = initializer.or(self.context.cover_initializer);
        Ok(result)
    }

    /// The expression cannot be assigned to, nor be a parameter.
    fn is_no_target(&mut self) {
        self.context.is_assignment_target = false;
        self.context.is_binding_element = false;
    }
}

/// Appends a value to a message in the way of `String.prototype.replace`, to which a dollar sign is special.
fn substitute(message: &str, value: &str) -> String {
    let mut result = message.to_owned();
    let mut rest = value;
    while let Some(dollar) = rest.find('$') {
        result.push_str(&rest[..dollar]);
        rest = &rest[dollar + 1..];
        let replacement = match rest.as_bytes().first() {
            Some(b'$') => "$",
            Some(b'&') => "%0",
            Some(b'`') => message,
            Some(b'\'') => "",
            _ => {
                result.push('$');
                continue;
            }
        };
        result.push_str(replacement);
        rest = &rest[1..];
    }
    result.push_str(rest);
    result
}
