//! Functions that a server calls with the whole design document at hand: the `ddoc` commands of
//! `share/server/loop.js`, with `validate.js` and `filter.js`.

use boa_engine::JsValue;
use boa_engine::object::JsObject;
use boa_engine::object::builtins::JsArray;
use boa_engine::property::PropertyKey;

use super::Vm;
use super::globals::Sandbox;
use super::render::respond;
use super::responders::Call;
use super::vm::Thrown;

impl Vm {
    /// Calls the function at `path` of a design document and answers what it gives. The function is
    /// compiled once and takes the place of its source in the document, which is `this` in all its
    /// functions.
    pub(super) fn call_design(
        &mut self,
        design: &JsValue,
        id: &str,
        path: &JsValue,
        arguments: &JsValue,
    ) -> Result<(), Thrown> {
        let length = self.member(path, "length")?;
        let length = length.to_u32(&mut self.context).map_err(|error| self.thrown(error))?;
        let command = self.member(path, "0")?;
        let kind = self.text(&command)?;
        let responder = match kind.as_str() {
            "shows" => Self::show,
            "lists" => Self::list,
            "updates" => Self::update,
            "rewrites" => Self::rewrite,
            "filters" => Self::filter,
            "views" => Self::filter_view,
            "validate_doc_update" => Self::validate,
            _ => {
                let reason = format!("unknown ddoc command '{kind}'");
                return Err(self.list_to_throw(["fatal", "unknown_command", &reason]));
            }
        };
        let mut place = design.clone();
        for position in 0..length.saturating_sub(1) {
            let segment = self.member(path, &position.to_string())?;
            place = self.property(&place, &segment)?;
        }
        let name = self.member(path, &length.saturating_sub(1).to_string())?;
        let found = self.property(&place, &name)?;
        let function = match found.as_callable() {
            Some(function) => function,
            None if !found.to_boolean() => {
                let name = self.text(&name)?;
                let reason = format!("missing {kind} function {name} on design doc {id}");
                return Err(self.error_list("not_found", &reason));
            }
            None => {
                let kind = if kind == "views" { Sandbox::ViewFilter } else { Sandbox::Plain };
                let realm = self.sandbox(kind).map_err(Thrown::Fatal)?;
                if let Some(root) = design.as_object() {
                    self.add_require(&realm, &root);
                }
                let function = self.compile_value(&found, &realm)?;
                self.keep(&place, &name, &function)?;
                function
            }
        };
        // What `apply` takes.
        if !(arguments.is_null_or_undefined() || arguments.is_object()) {
            return Err(self.type_error());
        }
        let arguments = self.list_of(arguments)?;
        *self.host.document.borrow_mut() = arguments.first().cloned();
        self.host.is_projected.set(false);
        let call = Call { function: &function, design, arguments };
        responder(self, &call)
    }

    /// Puts a compiled function where its source was.
    fn keep(&mut self, place: &JsValue, name: &JsValue, function: &JsObject) -> Result<(), Thrown> {
        let key = self.key(name)?;
        if let Some(place) = place.as_object() {
            let kept = place.set(key, function.clone(), false, &mut self.context);
            kept.map_err(|error| self.thrown(error))?;
        }
        Ok(())
    }

    fn key(&mut self, name: &JsValue) -> Result<PropertyKey, Thrown> {
        name.to_property_key(&mut self.context).map_err(|error| self.thrown(error))
    }

    fn property(&mut self, value: &JsValue, name: &JsValue) -> Result<JsValue, Thrown> {
        let key = self.key(name)?;
        let object = value.to_object(&mut self.context).map_err(|error| self.thrown(error))?;
        object.get(key, &mut self.context).map_err(|error| self.thrown(error))
    }

    /// `String(value)`.
    pub(super) fn text(&mut self, value: &JsValue) -> Result<String, Thrown> {
        let text = value.to_string(&mut self.context).map_err(|error| self.thrown(error))?;
        Ok(text.to_std_string_lossy())
    }

    /// The elements of a list; none of what is missing.
    pub(super) fn list_of(&mut self, list: &JsValue) -> Result<Vec<JsValue>, Thrown> {
        if list.is_null_or_undefined() {
            return Ok(Vec::new());
        }
        let length = self.member(list, "length")?;
        let length = length.to_u32(&mut self.context).map_err(|error| self.thrown(error))?;
        (0..length).map(|position| self.member(list, &position.to_string())).collect()
    }

    /// Answers 1, or what the validation function threw, unless it is an error.
    fn validate(&mut self, call: &Call<'_>) -> Result<(), Thrown> {
        let answer = match self.call(call.function, call.design, &call.arguments) {
            Ok(_) => JsValue::new(1),
            Err(Thrown::Value(value)) => {
                let name = self.member(&value, "name")?;
                if name.to_boolean() && self.member(&value, "stack")?.to_boolean() {
                    return Err(Thrown::Value(value));
                }
                value
            }
            Err(fatal) => return Err(fatal),
        };
        self.watched(|vm| respond(&answer, &mut vm.context));
        Ok(())
    }

    /// Answers for each document whether the filter passes it.
    fn filter(&mut self, call: &Call<'_>) -> Result<(), Thrown> {
        let request = call.arguments.get(1).cloned().unwrap_or_default();
        self.filter_each(call, |vm, document| {
            let arguments = [document, request.clone()];
            Ok(vm.call(call.function, call.design, &arguments)?.to_boolean())
        })
    }

    /// Answers for each document whether the map function emits anything.
    fn filter_view(&mut self, call: &Call<'_>) -> Result<(), Thrown> {
        self.filter_each(call, |vm, document| {
            vm.host.emitted.set(false);
            vm.call(call.function, &JsValue::undefined(), &[document])?;
            Ok(vm.host.emitted.get())
        })
    }

    fn filter_each(
        &mut self,
        call: &Call<'_>,
        passes: impl Fn(&mut Self, JsValue) -> Result<bool, Thrown>,
    ) -> Result<(), Thrown> {
        let documents = call.arguments.first().cloned().unwrap_or_default();
        if documents.is_null_or_undefined() {
            return Err(self.type_error());
        }
        let mut results = Vec::new();
        for document in self.list_of(&documents)? {
            *self.host.document.borrow_mut() = Some(document.clone());
            results.push(JsValue::new(passes(self, document)?));
        }
        let context = &mut self.context;
        let results = JsArray::from_iter(results, context);
        let answer = JsArray::from_iter([JsValue::new(true), results.into()], context);
        respond(&answer.into(), context);
        Ok(())
    }
}
