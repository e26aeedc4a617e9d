//! Design documents written as JavaScript modules.

use boa_engine::object::JsObject;
use boa_engine::object::builtins::JsArray;
use boa_engine::property::PropertyKey;
use boa_engine::{JsValue, js_string};

use super::vm::Thrown;
use super::{EngineError, Vm};
use crate::json::{self, Map, Value};

/// Deeper values are taken for endless.
const DEPTH: usize = 100;

impl Vm {
    /// Evaluates a `CommonJS` module, or one with `export default`, and gives what it exports:
    /// functions as their own source text, everything else as JSON.
    ///
    /// # Errors
    /// When the module does not parse, throws, requires another one, or exports what has no JSON.
    pub fn load_module(&mut self, source: &str) -> Result<Value, EngineError> {
        self.check_size(source)?;
        let realm = self
            .context
            .create_realm()
            .map_err(|error| EngineError::Internal(error.to_string()))?;
        let source = match source.find("export default") {
            // Only where it starts a line it is the statement.
            Some(at) if source[..at].trim_end_matches([' ', '\t']).ends_with('\n') || at == 0 => {
                format!(
                    "{}module.exports = {}",
                    &source[..at],
                    &source[at + "export default".len()..]
                )
            }
            _ => source.to_owned(),
        };
        let text = format!("(function (module, exports) {{{source}\n}})");
        let script = self.parse(&text, &realm).map_err(|error| EngineError::Compilation {
            reason: error.message.clone(),
            message: error.message,
            line: error.line,
            column: error.column,
        })?;
        let result = self.watched(|vm| {
            let function = script.evaluate(&mut vm.context).map_err(|error| vm.thrown(error))?;
            let module = JsObject::with_object_proto(vm.context.intrinsics());
            let exports = JsObject::with_object_proto(vm.context.intrinsics());
            super::builtins::define(
                &module,
                "exports",
                exports.clone().into(),
                true,
                &mut vm.context,
            );
            if let Some(function) = function.as_callable() {
                let arguments = [module.clone().into(), exports.into()];
                vm.call(&function, &JsValue::undefined(), &arguments)?;
            }
            let exported = module
                .get(js_string!("exports"), &mut vm.context)
                .map_err(|error| vm.thrown(error))?;
            vm.exported(&exported, 0)
        });
        match result {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(EngineError::Thrown {
                error: "TypeError".into(),
                reason: "the module exports nothing that can be stored".into(),
            }),
            Err(thrown) => Err(self.uncaught(thrown)),
        }
    }

    fn exported(&mut self, value: &JsValue, depth: usize) -> Result<Option<Value>, Thrown> {
        if depth > DEPTH {
            return Err(Thrown::Fatal(EngineError::RECURSION));
        }
        let Some(object) = value.as_object() else {
            let mut text = String::new();
            let written = super::stringify::write(
                value,
                super::stringify::Spelling::Stored,
                &mut text,
                &mut self.context,
            )
            .map_err(|error| self.thrown(error))?;
            return Ok(written.then(|| json::parse_str(&text).unwrap_or_default()));
        };
        if object.is_callable() {
            let text = value.to_string(&mut self.context).map_err(|error| self.thrown(error))?;
            return Ok(Some(method_as_function(&text.to_std_string_lossy()).into()));
        }
        if let Ok(array) = JsArray::from_object(object.clone()) {
            let length = array.length(&mut self.context).map_err(|error| self.thrown(error))?;
            let mut items = Vec::new();
            for index in 0..length {
                let item =
                    object.get(index, &mut self.context).map_err(|error| self.thrown(error))?;
                items.push(self.exported(&item, depth + 1)?.unwrap_or_default());
            }
            return Ok(Some(Value::Array(items)));
        }
        let mut members = Map::new();
        let keys =
            object.own_property_keys(&mut self.context).map_err(|error| self.thrown(error))?;
        for key in keys {
            let name = match &key {
                PropertyKey::String(name) => name.to_std_string_lossy(),
                PropertyKey::Index(index) => index.get().to_string(),
                PropertyKey::Symbol(_) => continue,
            };
            let member = object.get(key, &mut self.context).map_err(|error| self.thrown(error))?;
            if let Some(member) = self.exported(&member, depth + 1)? {
                members.insert(name, member);
            }
        }
        Ok(Some(Value::Object(members)))
    }
}

/// `map(doc) {…}` in an object is no function by itself; CouchDB needs `function (doc) {…}`.
fn method_as_function(text: &str) -> String {
    let is_method = !text.starts_with("function")
        && !text.starts_with("async")
        && !text.starts_with("class")
        && text.find('(').is_some_and(|at| {
            let name = text[..at].trim();
            !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$'))
        })
        && !text.split('{').next().unwrap_or_default().contains("=>");
    match text.find('(') {
        Some(at) if is_method => format!("function {}", &text[at..]),
        _ => text.to_owned(),
    }
}
