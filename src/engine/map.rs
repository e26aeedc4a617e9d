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
use super::vm::{Thrown, host};
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
    /// Whether a map function can tell that the document lacks members it does not name: if not,
    /// documents without `_rev` may be given.
    #[must_use]
    pub fn reads(&self, member: &str) -> bool {
        self.projection.reads(member)
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
        let mut functions = Vec::with_capacity(sources.len());
        let mut projection = Projection::nothing();
        for (index, source) in sources.iter().enumerate() {
            let compiled = self.compile_map(source, &lib).map_err(|error| (index, error))?;
            projection = projection.union(&compiled.analysis.projection);
            functions.push(compiled.function);
        }
        let this =
            JsArray::from_iter(functions.iter().map(|f| f.clone().into()), &mut self.context);
        Ok(MapFunctions { functions, this: this.into(), projection })
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
        let value = self
            .documents
            .document(document, &functions.projection, &mut self.context)
            .map_err(|error| MapFailure {
                map: None,
                error: EngineError::Internal(format!("the document is no JSON: {error}")),
            })?;
        *host(&self.context).document.borrow_mut() = Some(value.clone());
        let is_projected = matches!(functions.projection, Projection::Members(_));
        host(&self.context).is_projected.set(is_projected);
        let this = functions.this.clone().into();
        // A document built in part must be written from its text.
        let projected = match functions.projection {
            Projection::Members(_) => value.as_object(),
            Projection::Whole => None,
        };
        let mut outcome = MapOutcome::default();
        let mut counts = Vec::with_capacity(functions.functions.len());
        host(&self.context).rows.borrow_mut().clear();
        for (index, function) in functions.functions.iter().enumerate() {
            let before = host(&self.context).rows.borrow().len();
            if let Err(thrown) = self.call(function, &this, std::slice::from_ref(&value)) {
                host(&self.context).rows.borrow_mut().truncate(before);
                match self.view_exception(thrown, Some(&document_id(document))) {
                    Ok(message) => outcome.threw.push((index, message)),
                    Err(thrown) => {
                        let error = self.uncaught(thrown);
                        return Err(MapFailure { map: Some(index), error });
                    }
                }
            }
            counts.push(host(&self.context).rows.borrow().len() - before);
        }
        let rows = std::mem::take(&mut *host(&self.context).rows.borrow_mut());
        let written =
            self.watched(|vm| vm.write_rows(&rows, &counts, document, projected.as_ref()));
        let mut rows_back = rows;
        rows_back.clear();
        // The buffer's memory is kept for the next document.
        *host(&self.context).rows.borrow_mut() = rows_back;
        outcome.log = self.take_log();
        match written {
            Ok(rows) => outcome.rows = rows,
            Err(thrown) => return Err(MapFailure { map: None, error: self.uncaught(thrown) }),
        }
        Ok(outcome)
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
            host(&self.context).rows.borrow_mut().clear();
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
        document: &str,
        projected: Option<&JsObject>,
    ) -> Result<Vec<MappedRow>, Thrown> {
        let mut whole: Option<String> = None;
        let mut written = Vec::with_capacity(rows.len());
        let mut rows = rows.iter();
        for (function, count) in counts.iter().enumerate() {
            for (key, value) in rows.by_ref().take(*count) {
                let mut texts = [String::new(), String::new()];
                for (part, emitted) in [key, value].into_iter().enumerate() {
                    let text = &mut texts[part];
                    if projected.is_some() && emitted.as_object().as_ref() == projected {
                        if whole.is_none() {
                            whole = Some(self.whole_document(document)?);
                        }
                        text.push_str(whole.as_deref().unwrap_or_default());
                        continue;
                    }
                    stringify::write_element(
                        emitted,
                        part,
                        Spelling::Stored,
                        text,
                        &mut self.context,
                    )
                    .map_err(|error| self.thrown(error))?;
                }
                let [key, value] = texts;
                written.push(MappedRow { function, key, value });
            }
        }
        Ok(written)
    }

    /// The text of an emitted document: what `JSON.stringify` would print of the frozen object.
    fn whole_document(&mut self, document: &str) -> Result<String, Thrown> {
        if let Some(text) = transcode::transcode(document) {
            return Ok(text);
        }
        let value = self
            .documents
            .value(document, Freeze::Deep, &mut self.context)
            .map_err(|error| Thrown::Fatal(EngineError::Internal(error.to_string())))?;
        let mut text = String::new();
        stringify::write(&value, Spelling::Stored, &mut text, &mut self.context)
            .map_err(|error| self.thrown(error))?;
        Ok(text)
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

/// The `_id` of a document's text, or what JavaScript prints for a missing one.
fn document_id(document: &str) -> String {
    let find = || {
        let mut scanner = Scanner::new(document);
        let mut more = scanner.kind().ok()? == Kind::Object && scanner.enter().ok()?;
        while more {
            let name = scanner.name().ok()?.unescape();
            if name == "_id" {
                return match scanner.kind().ok()? {
                    Kind::String => Some(scanner.string().ok()?.unescape().into_owned()),
                    _ => Some(scanner.skip().ok()?.to_owned()),
                };
            }
            scanner.skip().ok()?;
            more = scanner.more(b'}').ok()?;
        }
        None
    };
    find().unwrap_or_else(|| "undefined".into())
}
