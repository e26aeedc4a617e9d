//! Map functions: all those of a design document see each document together
//! (`mapDoc` in `share/server/views.js`).

use boa_engine::object::JsObject;
use boa_engine::object::builtins::JsArray;
use boa_engine::realm::Realm;
use boa_engine::{JsValue, js_string};

use super::compile::Compiled;
use super::documents::Freeze;
use super::globals::Sandbox;
use super::projection::Projection;
use super::stringify::{self, Spelling};
use super::vm::Thrown;
use super::{EngineError, Vm, transcode};
use crate::json::{Kind, Scanner, Value};

/// The compiled map functions of one design document, in the order they were given.
///
/// Lives on the engine's thread, like everything compiled.
#[derive(Debug)]
pub struct MapFunctions {
    functions: Vec<JsObject>,
    /// `this` inside a map function: CouchDB's list of functions.
    this: JsObject,
    projection: Projection,
    /// Whether documents are frozen for them.
    freeze: Freeze,
}

/// One emitted row, key and value as JSON in CouchDB's spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedRow {
    /// Which of the map functions emitted it.
    pub function: usize,
    /// The key's JSON text.
    pub key: String,
    /// The value's JSON text.
    pub value: String,
}

/// What the map functions gave for one document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MapOutcome {
    /// The rows, ordered by function, then as emitted.
    pub rows: Vec<MappedRow>,
    /// What the functions logged, and the exceptions that CouchDB only logs.
    pub log: Vec<String>,
    /// The functions that threw, each with the message CouchDB logs: their rows for this document
    /// are lost, silently on a server.
    pub threw: Vec<(usize, String)>,
}

/// A failure of the whole build, at one document.
#[derive(Debug, Clone, PartialEq)]
pub struct MapFailure {
    /// Which of the functions failed; `None` when serialising what they emitted did.
    pub map: Option<usize>,
    /// Why.
    pub error: EngineError,
}

impl MapFunctions {
    /// None yet; `this` is what they will see as such.
    pub(super) fn none(this: JsObject) -> Self {
        let projection = Projection::nothing();
        Self { functions: Vec::new(), this, projection, freeze: Freeze::No }
    }

    pub(super) fn add(&mut self, compiled: &Compiled) {
        let read = std::mem::replace(&mut self.projection, Projection::Whole);
        self.projection = read.union(&compiled.analysis.projection);
        // Nobody can tell whether what nobody changes could be changed.
        if !compiled.analysis.changes_nothing {
            self.freeze = Freeze::Deep;
        }
        self.functions.push(compiled.function.clone());
    }

    /// Whether documents are built only in part for them. Such functions cannot reach their list
    /// either.
    pub(super) fn is_projected(&self) -> bool {
        matches!(self.projection, Projection::Members(_))
    }

    /// Whether a map function can tell that the document lacks members it does not name: if not,
    /// documents without `_rev` may be given.
    #[must_use]
    pub fn reads(&self, member: &str) -> bool {
        self.projection.reads(member)
    }
}

/// A document that was built in part: where it is emitted its text must be written.
struct EmittedDocument<'a> {
    /// The object that functions got; `None` where it is the whole document.
    projected: Option<JsObject>,
    document: &'a str,
    /// How it is written, once that is known.
    text: Option<String>,
}

impl MapFunctions {
    fn emitted<'a>(&self, value: &JsValue, document: &'a str) -> EmittedDocument<'a> {
        let projected = value.as_object().filter(|_| self.is_projected());
        EmittedDocument { projected, document, text: None }
    }
}

impl Vm {
    /// Compiles map functions; `lib` is the design document's `views.lib`.
    ///
    /// # Errors
    /// The index of the function that does not compile, and why.
    pub fn compile_maps(
        &mut self,
        sources: &[&str],
        lib: Option<&Value>,
    ) -> Result<MapFunctions, (usize, EngineError)> {
        let lib = match lib {
            Some(lib) => self.javascript_value(lib, Freeze::No).unwrap_or_default(),
            None => JsValue::null(),
        };
        let this = JsArray::new(&mut self.context)
            .map_err(|error| (0, EngineError::Internal(error.to_string())))?;
        let mut functions = MapFunctions::none(this.clone().into());
        for (index, source) in sources.iter().enumerate() {
            let compiled = self.compile_map(source, &lib).map_err(|error| (index, error))?;
            functions.add(&compiled);
            this.push(compiled.function, &mut self.context)
                .map_err(|error| (index, EngineError::Internal(error.to_string())))?;
        }
        Ok(functions)
    }

    fn compile_map(&mut self, source: &str, lib: &JsValue) -> Result<Compiled, EngineError> {
        self.compile_reusable(source, Sandbox::Map, |vm| vm.view_sandbox(Sandbox::Map, lib))
    }

    /// A sandbox for a function that is added, with the modules it can `require`.
    pub(super) fn view_sandbox(
        &mut self,
        kind: Sandbox,
        lib: &JsValue,
    ) -> Result<Realm, EngineError> {
        let realm = self.sandbox(kind)?;
        let views = JsObject::with_object_proto(self.context.intrinsics());
        let root = JsObject::with_object_proto(self.context.intrinsics());
        super::builtins::define(&views, "lib", lib.clone(), true, &mut self.context);
        super::builtins::define(&root, "views", views.into(), true, &mut self.context);
        self.add_require(&realm, &root);
        Ok(realm)
    }

    /// Runs the map functions over one document, given as JSON text.
    ///
    /// # Errors
    /// What fails the whole build on a server: a fatal error thrown, a value that cannot be
    /// serialised, a limit.
    pub fn map_document(
        &mut self,
        functions: &MapFunctions,
        document: &str,
    ) -> Result<MapOutcome, MapFailure> {
        let MapFunctions { projection, freeze, .. } = functions;
        let value = self
            .documents
            .document(document, projection, *freeze, &mut self.context)
            .map_err(|error| MapFailure {
                map: None,
                error: EngineError::Internal(format!("the document is no JSON: {error}")),
            })?;
        // A document that failed leaves behind what its functions logged.
        let _ = self.take_log();
        let mut threw = Vec::new();
        let counts = self.call_maps(functions, &value, document, &mut threw);
        let counts = counts.map_err(|(index, thrown)| MapFailure {
            map: Some(index),
            error: self.uncaught(thrown),
        })?;
        let mut written = Vec::new();
        let emitted = functions.emitted(&value, document);
        let done = self.watched(|vm| {
            vm.with_rows(|vm, rows| vm.write_rows(rows, &counts, emitted, &mut written))
        });
        let log = self.take_log();
        match done {
            Ok(()) => Ok(MapOutcome { rows: written, log, threw }),
            Err(thrown) => Err(MapFailure { map: None, error: self.uncaught(thrown) }),
        }
    }

    /// Answers a document as a query server does: one list of rows for each function. `None` where
    /// the document is no JSON that could be built in part.
    pub(super) fn map_line_of(
        &mut self,
        functions: &MapFunctions,
        document: &str,
    ) -> Result<Option<String>, Thrown> {
        let MapFunctions { projection, freeze, .. } = functions;
        let value = self.documents.document(document, projection, *freeze, &mut self.context);
        let Ok(value) = value else { return Ok(None) };
        let counts = self
            .call_maps(functions, &value, document, &mut Vec::new())
            .map_err(|(_, thrown)| thrown)?;
        let mut emitted = functions.emitted(&value, document);
        self.with_rows(|vm, rows| {
            let mut rows = rows.iter();
            let mut writer = stringify::Writer::new(Spelling::JavaScript);
            // Most lines are short; growing them step by step would cost more than this.
            writer.text.reserve(256);
            writer.text.push('[');
            for (function, count) in counts.iter().enumerate() {
                writer.text.push_str(if function == 0 { "[" } else { ",[" });
                for (row, (key, value)) in rows.by_ref().take(*count).enumerate() {
                    writer.text.push_str(if row == 0 { "[" } else { ",[" });
                    vm.write_part(key, 0, &mut emitted, &mut writer)?;
                    writer.text.push(',');
                    vm.write_part(value, 1, &mut emitted, &mut writer)?;
                    writer.text.push(']');
                }
                writer.text.push(']');
            }
            writer.text.push(']');
            Ok(Some(writer.text))
        })
    }

    /// Calls the functions with a document. What they emit lies in the host; gives how many rows are
    /// whose, and notes who threw. Fails with the function that ended it all.
    fn call_maps(
        &mut self,
        functions: &MapFunctions,
        value: &JsValue,
        document: &str,
        threw: &mut Vec<(usize, String)>,
    ) -> Result<Vec<usize>, (usize, Thrown)> {
        *self.host.document.borrow_mut() = Some(value.clone());
        self.host.is_projected.set(functions.is_projected());
        // A document that failed leaves behind what its functions emitted.
        self.host.rows.borrow_mut().clear();
        let this = functions.this.clone().into();
        let mut counts = Vec::with_capacity(functions.functions.len());
        let mut before = 0;
        for (index, function) in functions.functions.iter().enumerate() {
            if let Err(thrown) = self.call(function, &this, std::slice::from_ref(value)) {
                self.host.rows.borrow_mut().truncate(before);
                let message = self
                    .document_id(document)
                    .and_then(|id| self.view_exception(thrown, Some(&id)))
                    .map_err(|thrown| (index, thrown))?;
                threw.push((index, message));
            }
            let emitted = self.host.rows.borrow().len();
            counts.push(emitted - before);
            before = emitted;
        }
        Ok(counts)
    }

    /// Lends what was emitted, and forgets it.
    fn with_rows<T>(&mut self, work: impl FnOnce(&mut Self, &[(JsValue, JsValue)]) -> T) -> T {
        let mut rows = std::mem::take(&mut *self.host.rows.borrow_mut());
        let result = work(self, &rows);
        rows.clear();
        // The buffer's memory is kept for the next document.
        *self.host.rows.borrow_mut() = rows;
        result
    }

    /// Which of the functions try to change the document: CouchDB freezes it, so that nothing comes
    /// of it. Here they get one that can be changed.
    pub fn changes_document(&mut self, functions: &MapFunctions, document: &str) -> Vec<usize> {
        let this: JsValue = functions.this.clone().into();
        let mut changing = Vec::new();
        for (index, function) in functions.functions.iter().enumerate() {
            let Ok(value) = self.documents.value(document, Freeze::No, &mut self.context) else {
                break;
            };
            let mut texts = [String::new(), String::new()];
            let write = |text: &mut String, vm: &mut Self| {
                // What cannot be written is no document any more.
                let _ = vm.watched(|vm| {
                    stringify::write(&value, Spelling::Stored, text, &mut vm.context)
                });
            };
            write(&mut texts[0], self);
            // Whether it throws does not matter here.
            let _ = self.call(function, &this, std::slice::from_ref(&value));
            self.host.rows.borrow_mut().clear();
            write(&mut texts[1], self);
            if texts[0] != texts[1] {
                changing.push(index);
            }
        }
        let _ = self.take_log();
        changing
    }

    /// Serialises what was emitted, after all functions have run: CouchDB holds keys and values by
    /// reference until then, so later changes to them show.
    fn write_rows(
        &mut self,
        rows: &[(JsValue, JsValue)],
        counts: &[usize],
        mut emitted: EmittedDocument<'_>,
        written: &mut Vec<MappedRow>,
    ) -> Result<(), Thrown> {
        written.reserve(rows.len());
        let mut rows = rows.iter();
        let mut writer = stringify::Writer::new(Spelling::Stored);
        for (function, count) in counts.iter().enumerate() {
            for (key, value) in rows.by_ref().take(*count) {
                self.write_part(key, 0, &mut emitted, &mut writer)?;
                let key = std::mem::take(&mut writer.text);
                self.write_part(value, 1, &mut emitted, &mut writer)?;
                let value = std::mem::take(&mut writer.text);
                written.push(MappedRow { function, key, value });
            }
        }
        Ok(())
    }

    /// Writes the key, in position 0, or the value of a row.
    fn write_part(
        &mut self,
        part: &JsValue,
        position: usize,
        emitted: &mut EmittedDocument<'_>,
        writer: &mut stringify::Writer,
    ) -> Result<(), Thrown> {
        if let Some(projected) = &emitted.projected
            && part.as_object().is_some_and(|object| JsObject::equals(&object, projected))
        {
            let text = match emitted.text.take() {
                Some(text) => text,
                None => self.whole_document(emitted.document, writer.spelling)?,
            };
            writer.text.push_str(&text);
            emitted.text = Some(text);
            return Ok(());
        }
        writer.element(part, position, &mut self.context).map_err(|error| self.thrown(error))
    }

    /// The text of an emitted document: what `JSON.stringify` would print of the frozen object.
    fn whole_document(&mut self, document: &str, spelling: Spelling) -> Result<String, Thrown> {
        if let Some(text) = transcode::transcode(document, spelling) {
            return Ok(text);
        }
        let value = self
            .documents
            .value(document, Freeze::Deep, &mut self.context)
            .map_err(|error| Thrown::Fatal(EngineError::Internal(error.to_string())))?;
        let mut text = String::new();
        stringify::write(&value, spelling, &mut text, &mut self.context)
            .map_err(|error| self.thrown(error))?;
        Ok(text)
    }

    /// What JavaScript prints for the `_id` of a document.
    fn document_id(&mut self, document: &str) -> Result<String, Thrown> {
        let id = id_text(document)
            .and_then(|text| self.documents.value(text, Freeze::No, &mut self.context).ok());
        self.text(&id.unwrap_or_default())
    }

    /// CouchDB's `handleViewError`: most exceptions are logged, some end the build. `document` is its
    /// id as text.
    pub(super) fn view_exception(
        &mut self,
        thrown: Thrown,
        document: Option<&str>,
    ) -> Result<String, Thrown> {
        match thrown {
            Thrown::Value(value) => self.watched(|vm| vm.view_error(&value, document)),
            fatal @ Thrown::Fatal(_) => Err(fatal),
        }
    }

    fn view_error(&mut self, value: &JsValue, document: Option<&str>) -> Result<String, Thrown> {
        self.throw_fatal(value)?;
        let name = self.member(value, "name")?;
        if name.as_string().is_some_and(|name| name == "InternalError") {
            let message = self.member(value, "message")?;
            let list = [js_string!("fatal").into(), name, message];
            return Err(Thrown::Value(JsArray::from_iter(list, &mut self.context).into()));
        }
        self.log_exception(value, document)
    }

    /// Throws on what a function throws to end the build.
    pub(super) fn throw_fatal(&mut self, value: &JsValue) -> Result<(), Thrown> {
        let fatal = js_string!("fatal_error");
        if value.equals(&fatal.into(), &mut self.context).unwrap_or(false) {
            return Err(self.error_list("map_runtime_error", "function raised 'fatal_error'"));
        }
        // Fails, too, for null and undefined.
        let first = self.member(value, "0")?;
        if first.as_string().is_some_and(|first| first == "fatal") {
            return Err(Thrown::Value(value.clone()));
        }
        Ok(())
    }

    /// Logs an exception that ends nothing; gives the message.
    pub(super) fn log_exception(
        &mut self,
        value: &JsValue,
        document: Option<&str>,
    ) -> Result<String, Thrown> {
        let mut message = format!("function raised exception {}", self.error_text(value)?);
        if let Some(document) = document {
            message.push_str(" with doc._id ");
            message.push_str(document);
        }
        self.log(&message);
        Ok(message)
    }
}

/// The JSON text of a document's `_id`; of several the last counts, as everywhere.
fn id_text(document: &str) -> Option<&str> {
    let mut scanner = Scanner::new(document);
    let mut id = None;
    let mut more = scanner.kind().ok()? == Kind::Object && scanner.enter().ok()?;
    while more {
        let name = scanner.name().ok()?.unescape();
        let value = scanner.skip().ok()?;
        if name == "_id" {
            id = Some(value);
        }
        more = scanner.more(b'}').ok()?;
    }
    id
}
