//! What `CouchDB` on `SpiderMonkey` 60 and later does to a function's source before it evaluates it.
//!
//! The bundled query server does not hand a source to the engine as it is. Esprima 4.0.1 parses it as a script (with
//! one change: a function declaration in a statement list needs no name), the last anonymous function declaration at
//! the top becomes an expression statement, and an escodegen of the 1.8 era prints the program again. Users meet the
//! result in three places: the syntax that is refused and how the refusal reads, what `toString()` of a function
//! says, and programs that are printed wrongly and so mean something else (`(a + b) ** 2`).
//!
//! [`rewrite`] reproduces the text of that step, mistakes included.

mod ast;
mod lexer;
mod parser;
mod printer;
mod properties;
mod regexp;
mod same;
#[cfg(test)]
mod tests;
mod tokens;
mod unicode;

use self::ast::{Node, StatementList};
use self::parser::Parser;
use self::printer::Printer;
pub(super) use self::same::same_program;

/// Line of the query server's script where the search for the function meets a program without statements.
const EMPTY_PROGRAM_LINE: u32 = 33;

/// Regular expression flags that `SpiderMonkey` 60 to 78 knows.
const KNOWN_FLAGS: &str = "gimsuy";

/// Sources longer than this are refused, so that offsets fit in 32 bits.
const MAX_SOURCE: usize = 1 << 30;

/// How `JavaScript` would have represented a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ErrorKind {
    /// An `Error` of Esprima about the source; the line is a line of the source.
    Syntax,
    /// An `Error` of an assertion in Esprima; the line is a line of the query server's script.
    Assertion,
    /// A `TypeError` because one of the programs tripped over something it had not expected; the line is a line of
    /// the query server's script.
    Type,
    /// The source is nested or sized beyond what this program handles; `JavaScript` reports an `InternalError` when
    /// its stack ends.
    TooComplex,
}

/// Why a source cannot be rewritten.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(super) struct RewriteError {
    /// Which error object the query server sees.
    pub kind: ErrorKind,
    /// The message of that object, such as `Line 1: Unexpected token <`.
    pub message: String,
    /// Its line number, from 1.
    pub line: u32,
    /// Column of the source in UTF-16 code units, from 1; 0 where it is not known.
    pub column: u32,
}

impl RewriteError {
    /// Name of the `JavaScript` constructor, for texts like `(new Error("…", "./share/server/main.js", 1))`.
    #[must_use]
    pub(super) fn constructor(&self) -> &'static str {
        match self.kind {
            ErrorKind::Syntax | ErrorKind::Assertion => "Error",
            ErrorKind::Type => "TypeError",
            ErrorKind::TooComplex => "InternalError",
        }
    }

    fn type_error(message: &str, line: u32) -> Self {
        Self { kind: ErrorKind::Type, message: message.to_owned(), line, column: 0 }
    }

    fn too_complex(message: &str, line: u32) -> Self {
        Self { kind: ErrorKind::TooComplex, message: message.to_owned(), line, column: 0 }
    }
}

/// Rewrites `source` as the query server of `CouchDB` on `SpiderMonkey` 78 does.
///
/// # Errors
///
/// Returns what Esprima says about a source it does not accept.
pub(super) fn rewrite(source: &str) -> Result<String, RewriteError> {
    rewrite_with_flags(source, KNOWN_FLAGS)
}

/// Rewrites `source` for an engine that knows the given regular expression flags.
///
/// Literals with any other flag are printed as `null`, since Esprima could not make a value of them. `SpiderMonkey`
/// 91 and later know `d` on top of the flags that [`rewrite`] assumes.
///
/// # Errors
///
/// Returns what Esprima says about a source it does not accept.
pub(super) fn rewrite_with_flags(source: &str, flags: &str) -> Result<String, RewriteError> {
    if source.len() > MAX_SOURCE {
        return Err(RewriteError::too_complex("source too large", 1));
    }
    let mut parser = Parser::new(source, flags)?;
    let mut program = parser.parse_script()?;
    release_function(&mut parser.nodes, &mut program)?;
    Printer::new(&parser.nodes, parser.buffer(), source.len()).print_program(&program)
}

/// Turns the last function declaration, if it is anonymous, into an expression statement.
fn release_function(
    nodes: &mut ast::Nodes,
    program: &mut StatementList,
) -> Result<(), RewriteError> {
    if program.is_empty() {
        return Err(RewriteError::type_error("decl is undefined", EMPTY_PROGRAM_LINE));
    }
    let declaration = program.iter_mut().rev().find(
        |statement| matches!(&nodes[**statement], Node::Function(function) if function.declaration),
    );
    if let Some(statement) = declaration
        && let Node::Function(function) = &mut nodes[*statement]
        && function.id.is_none()
    {
        function.declaration = false;
        *statement = nodes.add(Node::Expression(*statement));
    }
    Ok(())
}
