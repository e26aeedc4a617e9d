//! From a source string to a function (`Couch.compileFunction` in `share/server/util.js`).

use std::path::Path;
use std::rc::Rc;

use boa_engine::object::JsObject;
use boa_engine::realm::Realm;
use boa_engine::{JsString, JsValue, Script, Source};

use super::analysis::Analysis;
use super::globals::Sandbox;
use super::source_text::quoted;
use super::vm::{Thrown, host};
use super::{EngineError, Profile, Vm, memory, spidermonkey, standard};

/// How often one source may need an anonymous function made an expression.
const REPAIRS: usize = 64;

/// How many functions that leave nothing behind are kept. Each has a realm of about 2 MB.
const REUSABLE: usize = 64;

/// A function and what is known of it.
#[derive(Debug, Clone)]
pub(super) struct Compiled {
    pub(super) function: JsObject,
    pub(super) analysis: Rc<Analysis>,
}

impl Vm {
    /// The function `source`, compiled in the realm that `sandbox` makes. One that leaves nothing
    /// behind is compiled once: nobody can tell it from one compiled anew.
    ///
    /// # Errors
    /// As [`Vm::compile`].
    pub(super) fn compile_reusable(
        &mut self,
        source: &str,
        kind: Sandbox,
        sandbox: impl FnOnce(&mut Self) -> Result<Realm, EngineError>,
    ) -> Result<Compiled, EngineError> {
        let key = (kind, Box::from(source));
        if let Some(compiled) = self.reusable.get(&key) {
            return Ok(compiled.clone());
        }
        let realm = sandbox(self)?;
        let (function, text) = self.compile(source, &realm)?;
        let compiled = Compiled { function, analysis: Rc::new(Analysis::of(&text)) };
        if compiled.analysis.is_stateless {
            if self.reusable.len() >= REUSABLE {
                self.reusable.clear();
            }
            self.reusable.insert(key, compiled.clone());
        }
        Ok(compiled)
    }

    /// Compiles `source` in the sandbox `realm`. Gives the function and the text it was evaluated
    /// from.
    ///
    /// # Errors
    /// [`EngineError::MissingFunction`] for an empty source and [`EngineError::Compilation`] for one
    /// that does not evaluate to a function, with CouchDB's texts.
    pub(super) fn compile(
        &mut self,
        source: &str,
        realm: &Realm,
    ) -> Result<(JsObject, String), EngineError> {
        if source.is_empty() {
            return Err(EngineError::MissingFunction);
        }
        if source.len() > self.limits.source {
            let message = format!("the source is longer than {} bytes", self.limits.source);
            return Err(compilation(message, "…", None, None));
        }
        if let Some(error) = complexity_error(source) {
            return Err(compilation(error, source, None, None));
        }
        standard::install_for(source, self.profile, realm, &mut self.context);
        let (script, text) = match self.profile {
            Profile::SpiderMonkey => self.rewritten(source, realm)?,
            Profile::QuickJs => self.with_anonymous_functions(source, realm)?,
        };
        let value = self.watched(|vm| {
            memory::count_this_thread(true);
            let value = script.evaluate(&mut vm.context);
            memory::count_this_thread(false);
            value.map_err(|error| vm.thrown(error))
        });
        let value = match value {
            Ok(value) => value,
            Err(Thrown::Fatal(error)) => return Err(error),
            Err(Thrown::Value(value)) => {
                let message = self.error_text(&value);
                return Err(compilation(message, source, None, None));
            }
        };
        match value.as_callable() {
            Some(function) if !(self.profile == Profile::QuickJs && self.is_async(&function)) => {
                Ok((function, text))
            }
            _ => Err(EngineError::Compilation {
                reason: format!("Expression does not eval to a function. ({source})"),
                message: "Expression does not eval to a function.".into(),
                line: None,
                column: None,
            }),
        }
    }

    /// Compiles whatever stands where a source is expected.
    pub(super) fn compile_value(
        &mut self,
        source: &JsValue,
        realm: &Realm,
    ) -> Result<JsObject, Thrown> {
        let compiled = match source.as_string() {
            Some(text) => self.compile(&text.to_std_string_lossy(), realm),
            None if !source.to_boolean() => Err(EngineError::MissingFunction),
            None => {
                let text = source.to_string(&mut self.context);
                let text = text.map_err(|error| self.thrown(error))?.to_std_string_lossy();
                match self.profile {
                    // Esprima reads the source as a string.
                    Profile::SpiderMonkey => {
                        let message = "(new TypeError(\"this.source.charCodeAt is not a function\", \
                                       \"./share/server/main.js\", 5356))";
                        Err(compilation(message.into(), &text, None, None))
                    }
                    Profile::QuickJs => self.compile(&text, realm),
                }
            }
        };
        match compiled {
            Ok((function, _)) => Ok(function),
            Err(error) => Err(self.error_to_throw(error)),
        }
    }

    fn rewritten(&mut self, source: &str, realm: &Realm) -> Result<(Script, String), EngineError> {
        let rewritten = spidermonkey::rewrite(source).map_err(|error| {
            let message = format!(
                "(new {}({}, \"./share/server/main.js\", {}))",
                error.constructor(),
                quoted(&JsString::from(error.message.as_str())),
                error.line
            );
            compilation(message, source, Some(error.line), Some(error.column).filter(|at| *at > 0))
        })?;
        match self.parse(&rewritten, realm) {
            Ok(script) => Ok((script, rewritten)),
            Err(error) => {
                let message = format!(
                    "(new SyntaxError({}, \"<unknown>\", {}))",
                    quoted(&JsString::from(error.message.as_str())),
                    error.line.unwrap_or(1)
                );
                Err(compilation(message, source, None, None))
            }
        }
    }

    /// CouchDB's QuickJS is patched to read an anonymous `function (…) {…}` where a statement may
    /// stand as an expression. Here such a function is found by the syntax error it causes, and made
    /// an expression by `0,` in front.
    fn with_anonymous_functions(
        &mut self,
        source: &str,
        realm: &Realm,
    ) -> Result<(Script, String), EngineError> {
        let mut text = source.trim_start_matches('\u{feff}').to_owned();
        let mut first_error = None;
        for _ in 0..REPAIRS {
            let error = match self.parse(&text, realm) {
                Ok(script) => {
                    let rewritten = standard::without_async(&text);
                    // What was written in place of the functions is valid everywhere they are.
                    return Ok(match rewritten.map(|text| (self.parse(&text, realm), text)) {
                        Some((Ok(script), text)) => (script, text),
                        _ => (script, text),
                    });
                }
                Err(error) => error,
            };
            let place = error
                .offset(&text)
                .filter(|offset| text[*offset..].starts_with('('))
                .and_then(|offset| text[..offset].trim_end().strip_suffix("function"))
                .map(str::len);
            first_error.get_or_insert(error);
            let Some(place) = place else { break };
            if text[..place].ends_with("0,") {
                break;
            }
            text.insert_str(place, "0,");
        }
        let error = first_error.unwrap_or_default();
        let message = format!("SyntaxError: {}", error.message);
        Err(compilation(message, source, error.line, error.column))
    }

    pub(super) fn parse(&mut self, text: &str, realm: &Realm) -> Result<Script, SyntaxError> {
        self.watched(|vm| {
            let name = host(&vm.context).sources.borrow_mut().add(text);
            let source = Source::from_bytes(text).with_path(Path::new(&name));
            Script::parse(source, Some(realm.clone()), &mut vm.context).map_err(|error| {
                // boa_engine tells the place of an error only as text; its parser tells more.
                let mut parser = boa_parser::Parser::new(Source::from_bytes(text));
                let scope = boa_ast::scope::Scope::new_global();
                match parser.parse_script(&scope, vm.context.interner_mut()) {
                    Err(error) => SyntaxError::new(&error),
                    Ok(_) => SyntaxError { message: error.to_string(), ..SyntaxError::default() },
                }
            })
        })
    }

    fn is_async(&mut self, function: &JsObject) -> bool {
        let constructors = self.context.intrinsics().constructors();
        let asynchronous = constructors.async_function().prototype();
        function.prototype().is_some_and(|prototype| {
            // The sandbox has its own intrinsics, so the tag tells, not the identity.
            prototype == asynchronous
                || prototype
                    .get(boa_engine::JsSymbol::to_string_tag(), &mut self.context)
                    .ok()
                    .and_then(|tag| tag.as_string())
                    .is_some_and(|tag| tag.to_std_string_lossy().starts_with("Async"))
        })
    }
}

/// A syntax error with its place in the parsed text.
#[derive(Debug, Clone, Default)]
pub(super) struct SyntaxError {
    pub(super) message: String,
    /// Counted from 1.
    pub(super) line: Option<u32>,
    /// In UTF-16 units, counted from 1.
    pub(super) column: Option<u32>,
}

impl SyntaxError {
    fn new(error: &boa_parser::Error) -> Self {
        use boa_parser::Error;
        let position = match error {
            Error::Expected { span, .. } | Error::Unexpected { span, .. } => Some(span.start()),
            Error::General { position, .. } => Some(*position),
            Error::Lex { err } => match err {
                boa_parser::lexer::Error::Syntax(_, position) => Some(*position),
                boa_parser::lexer::Error::IO(_) => None,
            },
            _ => None,
        };
        let text = error.to_string();
        let message = match position {
            // The place is told apart from the message.
            Some(_) => text.split(" at line ").next().unwrap_or(&text).to_owned(),
            None => text,
        };
        Self {
            message,
            line: position.map(boa_ast::Position::line_number),
            column: position.map(boa_ast::Position::column_number),
        }
    }

    /// The byte offset of the place in `text`.
    fn offset(&self, text: &str) -> Option<usize> {
        let line = usize::try_from(self.line?).ok()?.checked_sub(1)?;
        let column = usize::try_from(self.column?).ok()?.checked_sub(1)?;
        let start = if line == 0 {
            0
        } else {
            text.match_indices('\n').nth(line - 1).map(|(newline, _)| newline + 1)?
        };
        let mut units = 0;
        for (offset, character) in text[start..].char_indices() {
            if units >= column {
                return Some(start + offset);
            }
            units += character.len_utf16();
        }
        (units >= column).then_some(text.len())
    }
}

fn compilation(
    message: String,
    source: &str,
    line: Option<u32>,
    column: Option<u32>,
) -> EngineError {
    EngineError::Compilation { reason: format!("{message} ({source})"), message, line, column }
}

/// Brackets nested deeper than this are refused.
const NESTING: usize = 1000;
/// More words and operators than this without a `;`, `{` or `}` between them are refused.
const RUN: usize = 60_000;
/// More `for` and `else` than this are refused: each may nest without a bracket.
const BRANCHES: usize = 20_000;

/// Why a source is too complex to be parsed: boa's parser, compiler and optimiser recurse, and what
/// overflows even the engine's stack would end the process. Far beyond what people write.
pub(super) fn complexity_error(source: &str) -> Option<String> {
    let (mut depth, mut run, mut branches) = (0_usize, 0_usize, 0_usize);
    let mut word_start = None;
    for (at, byte) in source.bytes().enumerate() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80 {
            if word_start.is_none() {
                word_start = Some(at);
                run += 1;
            }
            continue;
        }
        if let Some(start) = word_start.take() {
            branches += usize::from(matches!(&source[start..at], "for" | "else"));
        }
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            b'{' => {
                depth += 1;
                run = 0;
            }
            b'}' => {
                depth = depth.saturating_sub(1);
                run = 0;
            }
            b';' => run = 0,
            space if space.is_ascii_whitespace() => {}
            _ => run += 1,
        }
        if depth > NESTING || run > RUN || branches > BRANCHES {
            return Some("InternalError: the source is nested too deeply".into());
        }
    }
    None
}
