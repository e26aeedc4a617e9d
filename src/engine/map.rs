//! Map functions: all those of a design document see each document together
//! (`mapDoc` in `share/server/views.js`).

use boa_engine::object::JsObject;
use boa_engine::object::builtins::JsArray;
use boa_engine::{JsValue, js_string};

use super::documents::Freeze;
use super::globals::Sandbox;
use super::projection::Projection;
use super::stringify::{self, Spelling};
use super::vm::{Thrown, host};
use super::{EngineError, Vm, transcode};
use crate::json::{Kind, Map, Scanner, Value};

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
    /// The functions that threw: their rows for this document are lost, silently on a server.
    pub threw: Vec<usize>,
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
            Some(lib) => self.from_json(lib, Freeze::No).unwrap_or_default(),
            None => JsValue::null(),
        };
        let mut functions = Vec::with_capacity(sources.len());
        let mut projection = Projection::nothing();
        for (index, source) in sources.iter().enumerate() {
            let function = self.compile_map(source, &lib).map_err(|error| (index, error))?;
            projection = projection.union(Projection::of(source, self.profile));
            functions.push(function);
        }
        let this =
            JsArray::from_iter(functions.iter().map(|f| f.clone().into()), &mut self.context);
        Ok(MapFunctions { functions, this: this.into(), projection })
    }

    fn compile_map(&mut self, source: &str, lib: &JsValue) -> Result<JsObject, EngineError> {
        let realm = self.sandbox(Sandbox::Map)?;
        let views = self.from_json(&Value::Object(Map::new()), Freeze::No).unwrap_or_default();
        let root = self.from_json(&Value::Object(Map::new()), Freeze::No).unwrap_or_default();
        let (Some(views), Some(root)) = (views.as_object(), root.as_object()) else {
            return Err(EngineError::Internal("no object could be made".into()));
        };
        super::builtins::define(&views, "lib", lib.clone(), true, &mut self.context);
        super::builtins::define(&root, "views", views.into(), true, &mut self.context);
        self.add_require(&realm, &root);
        self.compile(source, &realm)
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
    ) -> Result<MapOutcome, EngineError> {
        let value = self
            .documents
            .document(document, &functions.projection, &mut self.context)
            .map_err(|error| EngineError::Internal(format!("the document is no JSON: {error}")))?;
        *host(&self.context).document.borrow_mut() = Some(value.clone());
        let this = functions.this.clone().into();
        let mut outcome = MapOutcome::default();
        let mut counts = Vec::with_capacity(functions.functions.len());
        host(&self.context).rows.borrow_mut().clear();
        for (index, function) in functions.functions.iter().enumerate() {
            let before = host(&self.context).rows.borrow().len();
            if let Err(thrown) = self.call(function, &this, std::slice::from_ref(&value)) {
                host(&self.context).rows.borrow_mut().truncate(before);
                self.view_exception(thrown, Some(document))?;
                outcome.threw.push(index);
            }
            counts.push(host(&self.context).rows.borrow().len() - before);
        }
        let rows = std::mem::take(&mut *host(&self.context).rows.borrow_mut());
        let written = self.watched(|vm| vm.write_rows(&rows, &counts, document, &value));
        let mut rows_back = rows;
        rows_back.clear();
        // The buffer's memory is kept for the next document.
        *host(&self.context).rows.borrow_mut() = rows_back;
        outcome.log = self.take_log();
        match written {
            Ok(rows) => outcome.rows = rows,
            Err(thrown) => return Err(self.uncaught(thrown)),
        }
        Ok(outcome)
    }

    /// Serialises what was emitted, after all functions have run: CouchDB holds keys and values by
    /// reference until then, so later changes to them show.
    fn write_rows(
        &mut self,
        rows: &[(JsValue, JsValue)],
        counts: &[usize],
        document: &str,
        value: &JsValue,
    ) -> Result<Vec<MappedRow>, Thrown> {
        let document_object = value.as_object();
        let mut whole: Option<String> = None;
        let mut written = Vec::with_capacity(rows.len());
        let mut rows = rows.iter();
        for (function, count) in counts.iter().enumerate() {
            for (position, (key, value)) in rows.by_ref().take(*count).enumerate() {
                let mut texts = [String::new(), String::new()];
                for (part, (emitted, text)) in
                    [key, value].into_iter().zip(texts.iter_mut()).enumerate()
                {
                    let is_document = document_object.is_some()
                        && emitted.as_object().is_some_and(|object| Some(object) == document_object);
                    if is_document {
                        if whole.is_none() {
                            whole = Some(self.whole_document(document)?);
                        }
                        text.push_str(whole.as_deref().unwrap_or_default());
                        continue;
                    }
                    // Errors have become objects already; `part` is what a toJSON method is given.
                    let _ = position;
                    stringify::write_element(emitted, part, Spelling::Stored, text, &mut self.context)
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

    /// CouchDB's `handleViewError`: most exceptions are logged, some end the build.
    pub(super) fn view_exception(
        &mut self,
        thrown: Thrown,
        document: Option<&str>,
    ) -> Result<(), EngineError> {
        let value = match thrown {
            Thrown::Fatal(error) => return Err(error),
            Thrown::Value(value) => value,
        };
        let fatal = js_string!("fatal_error");
        if value.equals(&fatal.into(), &mut self.context).unwrap_or(false) {
            return Err(EngineError::Thrown {
                error: "map_runtime_error".into(),
                reason: "function raised 'fatal_error'".into(),
            });
        }
        if value.is_null_or_undefined() {
            return Err(self.uncaught(Thrown::Value(value)));
        }
        let object = value.to_object(&mut self.context);
        if let Ok(object) = object {
            let first = object.get(0_u32, &mut self.context).unwrap_or_default();
            let name = object.get(js_string!("name"), &mut self.context).unwrap_or_default();
            let is = |value: &JsValue, text: &str| {
                value.as_string().is_some_and(|found| found.to_std_string_lossy() == text)
            };
            if is(&first, "fatal") || is(&name, "InternalError") {
                return Err(self.uncaught(Thrown::Value(value)));
            }
        }
        let mut message = format!("function raised exception {}", self.error_text(&value));
        if let Some(document) = document {
            message.push_str(" with doc._id ");
            message.push_str(&document_id(document));
        }
        host(&self.context).log.borrow_mut().push(message);
        Ok(())
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
