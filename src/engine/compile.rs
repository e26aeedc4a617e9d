//! From a source string to a function (`Couch.compileFunction` in `share/server/util.js`).

use std::path::Path;
use std::rc::Rc;

use boa_engine::object::JsObject;
use boa_engine::realm::Realm;
use boa_engine::{Context, JsString, JsValue, Script, Source};

use super::analysis::Analysis;
use super::globals::Sandbox;
use super::source_text::quoted;
use super::vm::{Thrown, host};
use super::{EngineError, Profile, Vm, spidermonkey, standard, syntax_messages};

/// How often one source may need an anonymous function made an expression.
const REPAIRS: usize = 64;

/// What makes the function behind it an expression.
const EXPRESSION: &str = "0,";

/// Whether a statement of the script or of a function may start behind `before`: not one of a block
/// or behind a label.
fn is_statement_start(before: &str) -> bool {
    let before = before.trim_end();
    let Some(outside) = before.strip_suffix('{') else {
        let ends_with_word = |word: &str| {
            before.strip_suffix(word).is_some_and(|rest| !rest.ends_with(char::is_alphanumeric))
        };
        return !before.ends_with([':', ')']) && !ends_with_word("else") && !ends_with_word("do");
    };
    let outside = outside.trim_end();
    let Some(mut head) = outside.strip_suffix(')') else { return outside.ends_with("=>") };
    // What stands before the matching bracket.
    let mut depth = 1;
    while depth > 0 {
        let Some(at) = head.rfind(['(', ')']) else { return true };
        if head[at..].starts_with('(') {
            depth -= 1;
        } else {
            depth += 1;
        }
        head = &head[..at];
    }
    let head = head.trim_end();
    !["if", "while", "for", "with", "switch", "catch"].iter().any(|word| head.ends_with(word))
}

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
        self.check_size(source)?;
        standard::install_for(source, self.profile, realm, &mut self.context);
        let (script, text) = match self.profile {
            Profile::SpiderMonkey => self.rewritten(source, realm)?,
            Profile::QuickJs => self.with_anonymous_functions(source, realm)?,
        };
        let value =
            self.watched(|vm| script.evaluate(&mut vm.context).map_err(|error| vm.thrown(error)));
        let value = match value {
            Ok(value) => value,
            Err(Thrown::Fatal(error)) => return Err(error),
            Err(Thrown::Value(value)) => {
                // An error that has no text: CouchDB throws one of its own then.
                let message = match self.error_text(&value) {
                    Ok(message) => message,
                    Err(thrown) => return Err(self.uncaught(thrown)),
                };
                return Err(compilation(message, source, None, None));
            }
        };
        match value.as_callable() {
            Some(function) if !(self.profile == Profile::QuickJs && self.is_async(&function)) => {
                Ok((function, text))
            }
            _ => Err(no_function(source)),
        }
    }

    /// Refuses sources that are too long or too complex to be parsed.
    pub(super) fn check_size(&self, source: &str) -> Result<(), EngineError> {
        if source.len() > self.limits.source {
            let message = format!("the source is longer than {} bytes", self.limits.source);
            return Err(compilation(message, "…", None, None));
        }
        match complexity_error(source) {
            Some(error) => Err(compilation(error, source, None, None)),
            None => Ok(()),
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
                let profile = self.profile;
                match profile {
                    // Esprima reads the source as a string; what has no length is none, too.
                    Profile::SpiderMonkey if self.is_empty_list(source) => {
                        self.compile(" ", realm).map_err(|error| match error {
                            EngineError::Compilation { message, .. } => {
                                compilation(message, &text, None, None)
                            }
                            other => other,
                        })
                    }
                    Profile::SpiderMonkey => {
                        let message = "(new TypeError(\"this.source.charCodeAt is not a function\", \
                                       \"./share/server/main.js\", 5356))";
                        Err(compilation(message.into(), &text, None, None))
                    }
                    Profile::QuickJs if text.is_empty() => Err(no_function("")),
                    Profile::QuickJs => self.compile(&text, realm),
                }
            }
        };
        match compiled {
            Ok((function, _)) => Ok(function),
            Err(error) => Err(self.error_to_throw(error)),
        }
    }

    fn is_empty_list(&mut self, source: &JsValue) -> bool {
        let length = self.member(source, "length").unwrap_or_default();
        length.as_number() == Some(0.0)
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
                    quoted(&JsString::from(error.engine_message())),
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
        let mut repairs: Vec<usize> = Vec::new();
        let error = loop {
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
                .and_then(|offset| {
                    text[..offset].trim_end_matches([' ', '\t']).strip_suffix("function")
                })
                .filter(|before| !before.ends_with(EXPRESSION) && is_statement_start(before))
                .map(str::len);
            if let Some(place) = place.filter(|_| repairs.len() < REPAIRS) {
                text.insert_str(place, EXPRESSION);
                repairs.push(place);
                continue;
            }
            // Behind such a function no semicolon is needed.
            let end = error
                .offset(&text)
                .filter(|at| error.expects_semicolon && text[..*at].trim_end().ends_with('}'));
            let Some(end) = end.filter(|_| !repairs.is_empty() && repairs.len() < REPAIRS) else {
                break error;
            };
            text.insert(end, ';');
            repairs.push(end);
        };
        // The place is that in the source as it was given.
        let shift = error.offset(&text).map_or(0, |at| {
            let line = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
            let before = repairs.iter().filter(|repair| (line..at).contains(*repair));
            before.map(|repair| if text[*repair..].starts_with(';') { 1 } else { 2 }).sum::<usize>()
        });
        let column = error.column.map(|column| column.saturating_sub(shift as u32));
        let text = match error.message.as_str() {
            "unexpected token '(', function declaration" => "function name expected",
            _ => error.engine_message(),
        };
        Err(compilation(format!("SyntaxError: {text}"), source, error.line, column))
    }

    pub(super) fn parse(&mut self, text: &str, realm: &Realm) -> Result<Script, SyntaxError> {
        self.watched(|vm| parse(text, realm, &mut vm.context))
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

/// Parses a script, which stack traces can name afterwards.
pub(super) fn parse(
    text: &str,
    realm: &Realm,
    context: &mut Context,
) -> Result<Script, SyntaxError> {
    let name = host(context).sources.borrow_mut().add(text);
    let source = Source::from_bytes(text).with_path(Path::new(&name));
    // boa declares what stands at the top in the scope of the current realm, not of the given one.
    let previous = context.enter_realm(realm.clone());
    let parsed = Script::parse(source, Some(realm.clone()), context);
    context.enter_realm(previous);
    parsed.map_err(|error| {
        // boa_engine tells the place of an error only as text; its parser tells more.
        let mut parser = boa_parser::Parser::new(Source::from_bytes(text));
        let scope = boa_ast::scope::Scope::new_global();
        let profile = host(context).profile;
        match parser.parse_script(&scope, context.interner_mut()) {
            Err(error) => SyntaxError::new(&error, text, profile),
            Ok(_) => SyntaxError { message: error.to_string(), ..SyntaxError::default() },
        }
    })
}

/// A syntax error with its place in the parsed text.
#[derive(Debug, Clone, Default)]
pub(super) struct SyntaxError {
    pub(super) message: String,
    /// Whether a semicolon would mend it.
    expects_semicolon: bool,
    /// What the profile's engine says, where that is known.
    engine_message: Option<String>,
    /// Counted from 1.
    pub(super) line: Option<u32>,
    /// In UTF-16 units, counted from 1.
    pub(super) column: Option<u32>,
}

impl SyntaxError {
    fn new(error: &boa_parser::Error, source: &str, profile: Profile) -> Self {
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
        let mut error_here = Self {
            message,
            expects_semicolon: matches!(
                error,
                Error::Expected { expected, .. } if expected.iter().any(|token| token == ";")
            ),
            engine_message: None,
            line: position.map(boa_ast::Position::line_number),
            column: position.map(boa_ast::Position::column_number),
        };
        let offset = error_here.offset(source);
        error_here.engine_message = syntax_messages::message(error, offset, source, profile);
        error_here
    }

    /// The error's text as the engine writes it, or boa's where that is not known.
    pub(super) fn engine_message(&self) -> &str {
        self.engine_message.as_ref().unwrap_or(&self.message)
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

fn no_function(source: &str) -> EngineError {
    compilation("Expression does not eval to a function.".into(), source, None, None)
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
