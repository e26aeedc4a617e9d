//! Functions that a server calls with the whole design document at hand: validation functions and
//! filters (`share/server/validate.js`, `filter.js`).

use boa_engine::JsValue;
use boa_engine::object::JsObject;

use super::documents::Freeze;
use super::globals::Sandbox;
use super::vm::{Thrown, host};
use super::{EngineError, Vm};
use crate::json::{Map, Value};

/// What a validation function decided about a write.
#[derive(Debug, Clone, PartialEq)]
pub enum Validation {
    /// The write goes through.
    Accepted,
    /// The write is refused with an HTTP status, CouchDB's `error` and `reason`.
    Refused(u16, String, Value),
}

impl Vm {
    /// A function of a design document, compiled with the document as what it can `require`, and
    /// the document itself, which is `this` inside the function.
    fn design_function(
        &mut self,
        design: &Value,
        source: &str,
    ) -> Result<(JsObject, JsValue), EngineError> {
        let this = self.javascript_value(design, Freeze::No).unwrap_or_default();
        let realm = self.sandbox(Sandbox::Reduce)?;
        if let Some(root) = this.as_object() {
            self.add_require(&realm, &root);
        }
        Ok((self.compile(source, &realm)?.function, this))
    }

    fn argument(&mut self, value: &Value) -> JsValue {
        self.javascript_value(value, Freeze::No).unwrap_or_default()
    }

    /// Asks the validation function `source` of `design` about a write.
    ///
    /// # Errors
    /// When the function does not compile or breaks a limit; a server answers 500 to the write then.
    pub fn validate(
        &mut self,
        design: &Value,
        source: &str,
        arguments: [&Value; 4],
    ) -> Result<Validation, EngineError> {
        let (function, this) = self.design_function(design, source)?;
        let arguments = arguments.map(|argument| self.argument(argument));
        *host(&self.context).document.borrow_mut() = Some(arguments[0].clone());
        let thrown = match self.call(&function, &this, &arguments) {
            Ok(_) => return Ok(Validation::Accepted),
            Err(thrown) => thrown,
        };
        let value = match thrown {
            Thrown::Value(value) => value,
            Thrown::Fatal(error) => return Err(error),
        };
        // Only plain objects are handed on as they are; everything else is an error of the function.
        if value.as_object().is_some_and(|object| object.is_ordinary())
            && let Ok(Value::Object(members)) = self.json_value(&value)
        {
            return Ok(decision(&members));
        }
        if value.as_number() == Some(1.0) || value.as_boolean() == Some(true) {
            return Ok(Validation::Accepted);
        }
        if let Some(text) = value.as_string() {
            let text = text.to_std_string_lossy();
            return Ok(Validation::Refused(500, "unknown_error".into(), text.into()));
        }
        let message = self.error_text(&value);
        match self.uncaught(Thrown::Value(value)) {
            EngineError::Thrown { error, .. } => {
                Ok(Validation::Refused(500, error, message.into()))
            }
            other => Err(other),
        }
    }

    /// Whether the filter `source` of `design` passes each of `documents` for `request`.
    ///
    /// # Errors
    /// When the function does not compile, throws or breaks a limit: a server ends the feed then.
    pub fn filter(
        &mut self,
        design: &Value,
        source: &str,
        documents: &[Value],
        request: &Value,
    ) -> Result<Vec<bool>, EngineError> {
        let (function, this) = self.design_function(design, source)?;
        let request = self.argument(request);
        let mut passes = Vec::with_capacity(documents.len());
        for document in documents {
            let document = self.argument(document);
            *host(&self.context).document.borrow_mut() = Some(document.clone());
            match self.call(&function, &this, &[document, request.clone()]) {
                Ok(value) => passes.push(value.to_boolean()),
                Err(Thrown::Fatal(error)) => return Err(error),
                Err(Thrown::Value(value)) => {
                    let reason = self.error_text(&value).into();
                    return Err(EngineError::Thrown { error: "error".into(), reason });
                }
            }
        }
        Ok(passes)
    }

    /// Takes what the functions logged since the last time.
    pub fn logged(&mut self) -> Vec<String> {
        self.take_log()
    }
}

/// What `couch_query_servers:validate_doc_update` makes of a thrown object.
fn decision(members: &Map<String, Value>) -> Validation {
    let mut only = members.iter();
    match (only.next(), only.next()) {
        (Some((name, reason)), None) => match name.as_str() {
            "forbidden" => Validation::Refused(403, name.clone(), reason.clone()),
            "unauthorized" => Validation::Refused(401, name.clone(), reason.clone()),
            _ => Validation::Refused(500, "unknown_error".into(), reason.clone()),
        },
        _ => Validation::Refused(500, "unknown_error".into(), "function_clause".into()),
    }
}
