//! A query server process: the commands of CouchDB's line protocol, and what a process remembers
//! between them (`share/server/loop.js`, `state.js`, `views.js`, `dispatch-quickjs.js`).

use std::borrow::Cow;
use std::collections::HashMap;

use boa_engine::object::IntegrityLevel;
use boa_engine::object::JsObject;
use boa_engine::object::builtins::JsArray;
use boa_engine::{JsResult, JsString, JsValue, js_string};

use super::documents::Freeze;
use super::globals::{Sandbox, enumerable_keys};
use super::render::respond;
use super::stringify::{self, Spelling};
use super::vm::{Thrown, host};
use super::{EngineError, Peer, Profile, ReduceLimit, Vm, json_global};
use crate::json::{JsonError, Kind, Scanner};

/// What a query server process knows. It lives on the engine's thread.
#[derive(Debug, Default)]
pub(super) struct QueryServer {
    /// The functions added since the last `reset`; none before the first one.
    functions: Option<JsObject>,
    lib: JsValue,
    config: JsValue,
    designs: HashMap<String, JsValue>,
}

/// How a query server process ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Its exit status.
    pub status: u8,
    /// What it writes to standard error.
    pub message: Option<String>,
}

impl Ending {
    /// The end of the input, or an empty line.
    pub const DONE: Self = Self { status: 0, message: None };

    fn with(status: u8, message: impl Into<String>) -> Self {
        Self { status, message: Some(message.into()) }
    }
}

impl From<EngineError> for Ending {
    /// What kills the process of a query server: a crash, or memory that is full.
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Exit { status, cause } => Self::with(status, cause),
            other => Self::with(1, other.to_string()),
        }
    }
}

/// The answer to an uncaught value, and whether the process lives on.
pub(super) struct ErrorAnswer {
    /// A list that starts with `error`.
    pub(super) line: JsValue,
    lives: bool,
}

/// A line taken apart: the command and the JSON texts of its arguments.
type Command<'a> = (JsValue, Vec<Cow<'a, str>>);

impl Vm {
    /// Tells who reads the answers from now on, if anybody.
    pub fn talk_to(&mut self, peer: Option<Box<dyn Peer>>) {
        *host(&self.context).peer.borrow_mut() = peer;
    }

    /// Answers one line of the query server protocol, given without its line feed, by sending lines
    /// to the peer. What a `reset`, added functions and design documents left is remembered.
    ///
    /// # Errors
    /// How the process ends, when it does.
    pub fn answer_line(&mut self, line: &str) -> Result<(), Ending> {
        let mut server = std::mem::take(&mut self.server);
        let answered = self.dispatch(&mut server, line);
        self.server = server;
        answered
    }

    fn dispatch(&mut self, server: &mut QueryServer, line: &str) -> Result<(), Ending> {
        if line.is_empty() {
            return Err(Ending::DONE);
        }
        let answered = match self.read_command(line)? {
            Some((name, arguments)) => self.run_command(server, &name, &arguments, line),
            None => Err(self.type_error()),
        };
        match answered {
            Ok(()) => Ok(()),
            Err(Thrown::Fatal(error)) => Err(error.into()),
            Err(Thrown::Value(value)) => self.answer_error(&value),
        }
    }

    /// Reads a line; `None` where it is no list.
    fn read_command<'a>(&mut self, line: &'a str) -> Result<Option<Command<'a>>, Ending> {
        if let Ok(read) = elements(line) {
            let Some(texts) = read else { return Ok(None) };
            let mut texts = texts.into_iter();
            let name = texts.next().map(|text| self.argument(text, Freeze::No));
            let name = name.transpose().map_err(|_| Ending::DONE)?.unwrap_or_default();
            return Ok(Some((name, texts.map(Cow::Borrowed).collect())));
        }
        // Lone surrogates, or no JSON at all: CouchDB sends neither.
        let parsed = json_global::parse(&JsString::from(line), &mut self.context);
        let list = match parsed {
            Ok(value) if value.as_object().is_some_and(|list| list.is_array()) => value,
            Ok(_) => return Ok(None),
            Err(error) => {
                return Err(match self.profile {
                    Profile::SpiderMonkey => {
                        let error = error.into_opaque(&mut self.context).unwrap_or_default();
                        let message = self.member(&error, "message").unwrap_or_default();
                        let message = self.text(&message).unwrap_or_default();
                        Ending::with(0, format!("error: {message}"))
                    }
                    Profile::QuickJs => Ending::with(1, INTERNAL),
                });
            }
        };
        let values = self.list_of(&list).unwrap_or_default();
        let mut texts = Vec::with_capacity(values.len());
        for value in values.iter().skip(1) {
            let mut text = String::new();
            // A parsed value can be written.
            let _ = stringify::write(value, Spelling::JavaScript, &mut text, &mut self.context);
            texts.push(Cow::Owned(text));
        }
        Ok(Some((values.first().cloned().unwrap_or_default(), texts)))
    }

    fn run_command(
        &mut self,
        server: &mut QueryServer,
        name: &JsValue,
        arguments: &[Cow<'_, str>],
        line: &str,
    ) -> Result<(), Thrown> {
        // QuickJS compares, SpiderMonkey looks the name up.
        let name = match self.profile {
            Profile::QuickJs if !name.is_string() => String::new(),
            _ => self.text(name)?,
        };
        match name.as_str() {
            "reset" => {
                server.functions = Some(JsArray::from_iter([], &mut self.context).into());
                server.lib = JsValue::null();
                server.config = self.nth(arguments, 0)?;
                host(&self.context).send("true");
            }
            "add_lib" => {
                server.lib = self.nth(arguments, 0)?;
                host(&self.context).send("true");
            }
            "add_fun" => self.add_function(server, arguments)?,
            "map_doc" => self.map_line(server, arguments)?,
            "index_doc" => self.index_line(server, arguments, false)?,
            "nouveau_index_doc" => self.index_line(server, arguments, true)?,
            "reduce" | "rereduce" => {
                self.reduce_line(server, arguments, name == "rereduce", line)?;
            }
            "ddoc" => self.design_command(server, arguments)?,
            // The list commands of QuickJS are told apart before any JavaScript runs.
            "list_row" | "list_end" if self.profile == Profile::QuickJs => {
                let cause =
                    "c_src/couchjs.c:493 unexpected list subcommand in the main command loop";
                return Err(Thrown::Fatal(EngineError::Exit { status: 1, cause }));
            }
            _ if self.profile == Profile::QuickJs => {
                let error = boa_engine::JsNativeError::reference();
                return Err(self.thrown(error.with_message("cmdkey is not defined").into()));
            }
            _ => {
                let reason = format!("unknown command '{name}'");
                return Err(self.list_to_throw(["fatal", "unknown_command", &reason]));
            }
        }
        Ok(())
    }

    /// The argument at `position`, undefined where there is none.
    fn nth(&mut self, arguments: &[Cow<'_, str>], position: usize) -> Result<JsValue, Thrown> {
        match arguments.get(position) {
            Some(text) => self.argument(text, Freeze::No).map_err(|error| self.thrown(error)),
            None => Ok(JsValue::undefined()),
        }
    }

    fn argument(&mut self, text: &str, freeze: Freeze) -> JsResult<JsValue> {
        match self.documents.value(text, freeze, &mut self.context) {
            Ok(value) => Ok(value),
            Err(_) => {
                let value = json_global::parse(&JsString::from(text), &mut self.context)?;
                if freeze == Freeze::Deep {
                    self.freeze(&value)?;
                }
                Ok(value)
            }
        }
    }

    fn freeze(&mut self, value: &JsValue) -> JsResult<()> {
        let Some(object) = value.as_object() else { return Ok(()) };
        object.set_integrity_level(IntegrityLevel::Frozen, &mut self.context)?;
        for key in object.own_property_keys(&mut self.context)? {
            let member = object.get(key, &mut self.context)?;
            self.freeze(&member)?;
        }
        Ok(())
    }

    fn add_function(
        &mut self,
        server: &QueryServer,
        arguments: &[Cow<'_, str>],
    ) -> Result<(), Thrown> {
        let Some(functions) = &server.functions else { return Err(self.type_error()) };
        let source = self.nth(arguments, 0)?;
        let option = self.nth(arguments, 1)?;
        let nouveau = option.as_string().is_some_and(|option| option == js_string!("nouveau"));
        let kind = if nouveau { Sandbox::Nouveau } else { Sandbox::Map };
        let realm = self.view_sandbox(kind, &server.lib).map_err(Thrown::Fatal)?;
        let function = self.compile_value(&source, &realm)?;
        let length = functions.get(js_string!("length"), &mut self.context).unwrap_or_default();
        let length = length.to_u32(&mut self.context).map_err(|error| self.thrown(error))?;
        functions
            .set(length, function, false, &mut self.context)
            .map_err(|error| self.thrown(error))?;
        host(&self.context).send("true");
        Ok(())
    }

    /// Calls every added function with a frozen document; `take` gives what one of them left behind.
    /// What a function that threw left is dropped.
    fn call_added(
        &mut self,
        server: &QueryServer,
        arguments: &[Cow<'_, str>],
        mut take: impl FnMut(&mut Self) -> Vec<JsValue>,
        mut failed: impl FnMut(&mut Self, Thrown, Option<&str>) -> Result<(), Thrown>,
    ) -> Result<JsValue, Thrown> {
        let document = match arguments.first() {
            Some(text) => self.argument(text, Freeze::Deep).map_err(|error| self.thrown(error))?,
            None => JsValue::undefined(),
        };
        *host(&self.context).document.borrow_mut() = Some(document.clone());
        host(&self.context).is_projected.set(false);
        let mut results = Vec::new();
        if let Some(functions) = &server.functions {
            let this = JsValue::from(functions.clone());
            let keys = enumerable_keys(functions, &mut self.context);
            for key in keys.map_err(|error| self.thrown(error))? {
                take(self);
                let function = functions.get(key, &mut self.context);
                let function = function.map_err(|error| self.thrown(error))?;
                let called = match function.as_callable() {
                    Some(function) => self.call(&function, &this, std::slice::from_ref(&document)),
                    None => Err(self.type_error()),
                };
                let left = take(self);
                let left = match called {
                    Ok(_) => left,
                    Err(thrown) => {
                        let id = if document.to_boolean() {
                            let id = self.member(&document, "_id")?;
                            Some(self.text(&id)?)
                        } else {
                            None
                        };
                        failed(self, thrown, id.as_deref())?;
                        Vec::new()
                    }
                };
                results.push(JsArray::from_iter(left, &mut self.context).into());
            }
        }
        Ok(JsArray::from_iter(results, &mut self.context).into())
    }

    fn map_line(&mut self, server: &QueryServer, arguments: &[Cow<'_, str>]) -> Result<(), Thrown> {
        let take = |vm: &mut Self| {
            let rows = std::mem::take(&mut *host(&vm.context).rows.borrow_mut());
            let pair = |(key, value)| JsArray::from_iter([key, value], &mut vm.context).into();
            rows.into_iter().map(pair).collect()
        };
        let failed =
            |vm: &mut Self, thrown, id: Option<&str>| vm.view_exception(thrown, id).map(|_| ());
        let rows = self.call_added(server, arguments, take, failed)?;
        self.print(&rows)
    }

    fn index_line(
        &mut self,
        server: &QueryServer,
        arguments: &[Cow<'_, str>],
        nouveau: bool,
    ) -> Result<(), Thrown> {
        let take = |vm: &mut Self| {
            let host = host(&vm.context);
            let fields = if nouveau { &host.nouveau_fields } else { &host.fields };
            std::mem::take(&mut *fields.borrow_mut())
        };
        let failed = |vm: &mut Self, thrown, id: Option<&str>| {
            let value = match thrown {
                Thrown::Value(value) => value,
                fatal @ Thrown::Fatal(_) => return Err(fatal),
            };
            vm.throw_fatal(&value)?;
            // Nouveau's handler calls a method that QuickJS does not have.
            if nouveau && vm.profile == Profile::QuickJs {
                return Err(vm.type_error());
            }
            vm.log_exception(&value, id).map(|_| ())
        };
        let fields = self.call_added(server, arguments, take, failed)?;
        self.print(&fields)
    }

    /// Sends a value as a line; what cannot be written is thrown.
    fn print(&mut self, value: &JsValue) -> Result<(), Thrown> {
        let mut line = String::new();
        self.watched(|vm| {
            stringify::write(value, Spelling::JavaScript, &mut line, &mut vm.context)
                .map_err(|error| vm.thrown(error))
        })?;
        host(&self.context).send(&line);
        Ok(())
    }

    fn reduce_line(
        &mut self,
        server: &QueryServer,
        arguments: &[Cow<'_, str>],
        rereduce: bool,
        line: &str,
    ) -> Result<(), Thrown> {
        let sources = self.nth(arguments, 0)?;
        let rows = self.nth(arguments, 1)?;
        let (keys, values) = if rereduce {
            (JsValue::null(), rows)
        } else {
            if rows.is_null_or_undefined() {
                return Err(self.type_error());
            }
            let (mut keys, mut values) = (Vec::new(), Vec::new());
            for row in self.list_of(&rows)? {
                keys.push(self.member(&row, "0")?);
                values.push(self.member(&row, "1")?);
            }
            let context = &mut self.context;
            let keys = JsArray::from_iter(keys, context).into();
            (keys, JsArray::from_iter(values, context).into())
        };
        if sources.is_null_or_undefined() {
            return Err(self.type_error());
        }
        let has_length = !self.member(&sources, "length")?.is_undefined();
        let sources = self.list_of(&sources)?;
        let mut code = 0;
        for source in &sources {
            let length = self.member(source, "length")?;
            code += length.to_u32(&mut self.context).map_err(|error| self.thrown(error))? as usize;
        }
        let functions = self.compile_reduces(sources)?;
        let (mut results, _) = self.call_reduces(&functions, &keys, &values, rereduce)?;
        if !has_length {
            // An array is made of a length that is not there.
            results.push(JsValue::undefined());
        }
        let results = JsArray::from_iter(results, &mut self.context).into();
        let mut reductions = String::new();
        self.watched(|vm| {
            stringify::write(&results, Spelling::JavaScript, &mut reductions, &mut vm.context)
                .map_err(|error| vm.thrown(error))
        })?;
        let (input, output) = (units(line).saturating_sub(code), units(&reductions));
        let (limit, only_log) = self.reduce_limit(&server.config)?;
        #[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
        if limit.enabled && output > limit.threshold && output as f64 * limit.ratio > input as f64 {
            let message = format!(
                "Reduce output must shrink more rapidly: input size: {input} output size: {output}"
            );
            if !only_log {
                return Err(self.error_list("reduce_overflow_error", &message));
            }
            self.log(&format!("reduce_overflow_error: {message}"));
        }
        host(&self.context).send(&format!("[true,{reductions}]"));
        Ok(())
    }

    /// What `reset` said about reductions that do not shrink, and whether they are only logged.
    fn reduce_limit(&mut self, config: &JsValue) -> Result<(ReduceLimit, bool), Thrown> {
        let mut limit = ReduceLimit { enabled: false, ..ReduceLimit::default() };
        if !config.to_boolean() {
            return Ok((limit, false));
        }
        let given = self.member(config, "reduce_limit")?;
        limit.enabled = given.to_boolean();
        // Sent since 3.5.1.
        if let Some(threshold) = self.member(config, "reduce_limit_threshold")?.as_number() {
            limit.threshold = threshold as usize;
        }
        if let Some(ratio) = self.member(config, "reduce_limit_ratio")?.as_number() {
            limit.ratio = ratio;
        }
        Ok((limit, given.as_string().is_some_and(|given| given == js_string!("log"))))
    }

    fn design_command(
        &mut self,
        server: &mut QueryServer,
        arguments: &[Cow<'_, str>],
    ) -> Result<(), Thrown> {
        let id = self.nth(arguments, 0)?;
        let id = self.text(&id)?;
        if id == "new" {
            let id = self.nth(arguments, 1)?;
            let id = self.text(&id)?;
            let design = self.nth(arguments, 2)?;
            server.designs.insert(id, design);
            host(&self.context).send("true");
            return Ok(());
        }
        let design = server.designs.get(&id).filter(|design| design.to_boolean()).cloned();
        let Some(design) = design else {
            let reason = format!("uncached design doc: {id}");
            return Err(self.list_to_throw(["fatal", "query_protocol_error", &reason]));
        };
        let path = self.nth(arguments, 1)?;
        let given = self.nth(arguments, 2)?;
        self.call_design(&design, &id, &path, &given)
    }

    /// Answers an uncaught value (`handleError`).
    fn answer_error(&mut self, value: &JsValue) -> Result<(), Ending> {
        let spidermonkey = self.profile == Profile::SpiderMonkey;
        match self.error_answer(value) {
            Ok(answer) => {
                self.watched(|vm| respond(&answer.line, &mut vm.context));
                let status = if spidermonkey { 255 } else { 0 };
                if answer.lives { Ok(()) } else { Err(Ending { status, message: None }) }
            }
            Err(Thrown::Fatal(error)) => Err(error.into()),
            Err(Thrown::Value(_)) if !spidermonkey && value.is_null() => {
                host(&self.context).send("[\"error\",\"internal_error\",null]");
                Err(Ending::DONE)
            }
            Err(Thrown::Value(_)) if spidermonkey => {
                let shown = if value.is_null() { "e is null" } else { "e is undefined" };
                Err(Ending::with(0, format!("error: {shown}")))
            }
            Err(Thrown::Value(_)) => Err(Ending::with(1, INTERNAL)),
        }
    }

    /// What an uncaught value is answered with.
    pub(super) fn error_answer(&mut self, value: &JsValue) -> Result<ErrorAnswer, Thrown> {
        let is = |value: &JsValue, text: &str| value.as_string().is_some_and(|found| found == text);
        let first = self.member(value, "0")?;
        if is(&first, "error") {
            return Ok(ErrorAnswer { line: value.clone(), lives: true });
        }
        if is(&first, "fatal") {
            if let Some(list) = value.as_object() {
                // A list that cannot be changed is answered as it is.
                let _ = list.set(0_u32, js_string!("error"), false, &mut self.context);
            }
            return Ok(ErrorAnswer { line: value.clone(), lives: false });
        }
        let name = self.member(value, "name")?;
        let (key, reason) = if is(&name, "InternalError") {
            let message = self.member(value, "message")?;
            let line = self.error_line(name, message);
            return Ok(ErrorAnswer { line, lives: false });
        } else {
            let error = self.member(value, "error")?;
            let reason =
                if error.to_boolean() { self.member(value, "reason")? } else { error.clone() };
            if error.to_boolean() && reason.to_boolean() {
                (error, reason)
            } else if name.to_boolean() {
                (name, value.clone())
            } else {
                let text = match self.profile {
                    Profile::SpiderMonkey => JsString::from(self.error_text(value)?).into(),
                    Profile::QuickJs => self.member(value, "stack")?,
                };
                (js_string!("unnamed_error").into(), text)
            }
        };
        Ok(ErrorAnswer { line: self.error_line(key, reason), lives: true })
    }

    fn error_line(&mut self, key: JsValue, reason: JsValue) -> JsValue {
        let line = [js_string!("error").into(), key, reason];
        JsArray::from_iter(line, &mut self.context).into()
    }
}

/// How CouchDB's QuickJS ends when its own code throws.
const INTERNAL: &str = "c_src/couchjs.c:435 couchjs internal error";

/// The JSON texts of a line's elements; `None` where the line is no list.
fn elements(line: &str) -> Result<Option<Vec<&str>>, JsonError> {
    let mut scanner = Scanner::new(line);
    if scanner.kind()? != Kind::Array {
        scanner.skip()?;
        scanner.end()?;
        return Ok(None);
    }
    let mut texts = Vec::new();
    let mut more = scanner.enter()?;
    while more {
        texts.push(scanner.skip()?);
        more = scanner.more(b']')?;
    }
    scanner.end()?;
    Ok(Some(texts))
}

/// The length JavaScript tells of a text.
fn units(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.encode_utf16().count() }
}
