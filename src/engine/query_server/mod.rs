//! A query server process: the commands of CouchDB's line protocol, and what a process remembers
//! between them (`share/server/loop.js`, `state.js`, `views.js`, `dispatch-quickjs.js`).

mod errors;
mod views;

use std::borrow::Cow;
use std::collections::HashMap;

use boa_engine::object::builtins::JsArray;
use boa_engine::object::{IntegrityLevel, JsObject};
use boa_engine::{JsResult, JsString, JsValue, js_string};

use super::documents::Freeze;
use super::globals::Sandbox;
use super::stringify::{self, Spelling};
use super::vm::Thrown;
use super::{EngineError, MapFunctions, Peer, Profile, Vm, json_global};
use crate::json::{JsonError, Kind, Scanner};

/// What a query server process knows. It lives on the engine's thread.
#[derive(Debug, Default)]
pub(in crate::engine) struct QueryServer {
    /// The functions added since the last `reset`; none before the first one.
    functions: Option<JsObject>,
    /// The same, while all of them are map functions that cannot change their list.
    maps: Option<MapFunctions>,
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

/// A line taken apart: the command and the JSON texts of its arguments.
type Command<'a> = (JsValue, Vec<Cow<'a, str>>);

impl Vm {
    /// Tells who reads the answers from now on, if anybody.
    pub fn talk_to(&mut self, peer: Option<Box<dyn Peer>>) {
        *self.host.peer.borrow_mut() = peer;
    }

    /// Answers one line of the query server protocol, given without its line feed, by sending lines
    /// to the peer. What a `reset`, added functions and design documents left is remembered.
    ///
    /// # Errors
    /// How the process ends, when it does.
    pub fn answer_line(&mut self, line: &str) -> Result<(), Ending> {
        let mut server = std::mem::take(&mut self.server);
        // CouchDB's time limit is one for the whole command, too.
        let answered = self.watched(|vm| vm.dispatch(&mut server, line));
        self.server = server;
        answered
    }

    fn dispatch(&mut self, server: &mut QueryServer, line: &str) -> Result<(), Ending> {
        if line.is_empty() {
            return Err(Ending::DONE);
        }
        let answered = match self.map_in_part(server, line) {
            Ok(false) => match self.read_command(line)? {
                Some((name, arguments)) => self.run_command(server, &name, &arguments, line),
                None => Err(self.type_error()),
            },
            answered => answered.map(|_| ()),
        };
        match answered {
            Ok(()) => Ok(()),
            Err(Thrown::Fatal(error)) => Err(error.into()),
            Err(Thrown::Value(value)) => self.answer_error(&value),
        }
    }

    /// Answers a line that asks for the rows of a document, if that can be built in part; this is what
    /// nearly all lines are, and their documents are read but once.
    fn map_in_part(&mut self, server: &QueryServer, line: &str) -> Result<bool, Thrown> {
        let Some(maps) = server.maps.as_ref().filter(|maps| maps.is_projected()) else {
            return Ok(false);
        };
        let document = line.strip_prefix("[\"map_doc\",").and_then(|rest| rest.strip_suffix(']'));
        // A text that is one JSON value was the only argument.
        let Some(document) = document else { return Ok(false) };
        let answer = self.map_line_of(maps, document)?;
        if let Some(answer) = &answer {
            self.host.send(answer);
        }
        Ok(answer.is_some())
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
                        let message = match self.thrown(error) {
                            Thrown::Value(error) => {
                                let message = self.member(&error, "message").unwrap_or_default();
                                self.text(&message).unwrap_or_default()
                            }
                            Thrown::Fatal(_) => "the line is nested too deeply".into(),
                        };
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
                let functions: JsObject = JsArray::from_iter([], &mut self.context).into();
                server.maps = Some(MapFunctions::none(functions.clone()));
                server.functions = Some(functions);
                server.lib = JsValue::null();
                server.config = self.nth(arguments, 0)?;
                self.host.send("true");
            }
            "add_lib" => {
                server.lib = self.nth(arguments, 0)?;
                self.host.send("true");
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
        server: &mut QueryServer,
        arguments: &[Cow<'_, str>],
    ) -> Result<(), Thrown> {
        let Some(functions) = &server.functions else { return Err(self.type_error()) };
        let maps = server.maps.take();
        let source = self.nth(arguments, 0)?;
        let option = self.nth(arguments, 1)?;
        let nouveau = option.as_string().is_some_and(|option| option == js_string!("nouveau"));
        let kind = if nouveau { Sandbox::Nouveau } else { Sandbox::Map };
        let function = match source.as_string() {
            Some(text) => {
                let text = text.to_std_string_lossy();
                let sandbox = |vm: &mut Self| vm.view_sandbox(kind, &server.lib);
                match self.compile_reusable(&text, kind, sandbox) {
                    Ok(compiled) => {
                        server.maps = maps.filter(|_| kind == Sandbox::Map).map(|mut maps| {
                            maps.add(&compiled);
                            maps
                        });
                        compiled.function
                    }
                    Err(error) => return Err(self.error_to_throw(error)),
                }
            }
            None => {
                let realm = self.view_sandbox(kind, &server.lib).map_err(Thrown::Fatal)?;
                self.compile_value(&source, &realm)?
            }
        };
        let length = functions.get(js_string!("length"), &mut self.context).unwrap_or_default();
        let length = length.to_u32(&mut self.context).map_err(|error| self.thrown(error))?;
        functions
            .set(length, function, false, &mut self.context)
            .map_err(|error| self.thrown(error))?;
        self.host.send("true");
        Ok(())
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
            self.host.send("true");
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
