//! The sandboxes: one realm per function, with CouchDB's helpers as globals
//! (`create_sandbox` in `share/server/loop.js` and `dispatch-quickjs.js`).

use boa_engine::native_function::NativeFunctionPointer;
use boa_engine::object::JsObject;
use boa_engine::realm::Realm;
use boa_engine::value::JsVariant;
use boa_engine::{Context, JsArgs, JsResult, JsString, JsValue, js_string};

use super::builtins::{self, define, global_of, native};
use super::source_text::source_text;
use super::standard::messages;
use super::stringify::{self, Spelling};
use super::vm::{host, with_host};
use super::{Profile, Vm, json_global, render, search_index};

/// What a function is for; it decides which helpers it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Sandbox {
    /// Functions added with `add_fun`: maps, and search index functions for Clouseau.
    Map,
    /// Search index functions for Nouveau.
    Nouveau,
    /// Map functions as filters of the changes feed: `emit` only tells that it was called.
    ViewFilter,
    /// Reduce functions, and all other functions of design documents.
    Plain,
}

impl Vm {
    /// A fresh realm with the globals of a sandbox, in the order CouchDB defines them.
    pub(super) fn sandbox(&mut self, kind: Sandbox) -> Result<Realm, super::EngineError> {
        let realm = self
            .context
            .create_realm()
            .map_err(|error| super::EngineError::Internal(error.to_string()))?;
        json_global::install(&realm, &mut self.context);
        builtins::apply_profile(self.profile, &realm, &mut self.context);
        let global = global_of(&realm, &mut self.context);
        let json = match self.profile {
            // The sandboxes of SpiderMonkey share the outer realm's frozen object.
            Profile::SpiderMonkey => self.json.clone(),
            Profile::QuickJs => realm.intrinsics().objects().json(),
        };
        let to_json = builtins::method(&json, "stringify", &mut self.context);
        self.helper(&global, "emit", 2, if kind == Sandbox::ViewFilter { passed } else { emit });
        self.helper(&global, "sum", 1, sum);
        self.helper(&global, "log", 1, log);
        define(&global, "toJSON", to_json.into(), true, &mut self.context);
        if self.profile == Profile::SpiderMonkey {
            define(&global, "JSON", json.into(), false, &mut self.context);
        }
        self.helper(&global, "provides", 2, render::provides);
        self.helper(&global, "registerType", 0, render::register_type);
        self.helper(&global, "start", 1, render::start);
        self.helper(&global, "send", 1, render::send);
        self.helper(&global, "getRow", 0, render::get_row);
        self.helper(&global, "isArray", 1, is_array);
        match kind {
            Sandbox::Map => self.helper(&global, "index", 3, search_index::clouseau),
            Sandbox::Nouveau => self.helper(&global, "index", 1, search_index::nouveau),
            Sandbox::ViewFilter | Sandbox::Plain => {}
        }
        if self.profile == Profile::SpiderMonkey {
            self.helper_hidden(&global, "uneval", 1, uneval);
        }
        Ok(realm)
    }

    /// A helper function of the outer realm, as all of CouchDB's are.
    fn helper(
        &mut self,
        global: &JsObject,
        name: &str,
        length: usize,
        code: NativeFunctionPointer,
    ) {
        let function = native(&self.context.realm().clone(), name, length, code);
        define(global, name, function.into(), true, &mut self.context);
    }

    fn helper_hidden(
        &mut self,
        global: &JsObject,
        name: &str,
        length: usize,
        code: NativeFunctionPointer,
    ) {
        let function = native(&self.context.realm().clone(), name, length, code);
        define(global, name, function.into(), false, &mut self.context);
    }
}

fn emit(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let key = arguments.get_or_undefined(0).clone();
    let value = error_to_json(arguments.get_or_undefined(1), context)?;
    host(context).rows.borrow_mut().push((key, value));
    Ok(JsValue::undefined())
}

/// The `emit` of a `_view` filter (`share/server/filter.js`).
#[expect(clippy::unnecessary_wraps, reason = "the signature of a native function")]
fn passed(_: &JsValue, _: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    host(context).emitted.set(true);
    Ok(JsValue::undefined())
}

/// What looks like an Error becomes `{error, message}` (since 3.4.3), anything else stays.
fn error_to_json(value: &JsValue, context: &mut Context) -> JsResult<JsValue> {
    let Some(object) = value.as_object().filter(|object| !object.is_callable()) else {
        return Ok(value.clone());
    };
    for name in [js_string!("stack"), js_string!("name"), js_string!("message")] {
        if !object.has_property(name, context)? {
            return Ok(value.clone());
        }
    }
    messages::refine(&object, context);
    let error = object.get(js_string!("name"), context)?;
    let message = object.get(js_string!("message"), context)?;
    let replaced = JsObject::with_object_proto(context.intrinsics());
    define(&replaced, "error", error, true, context);
    define(&replaced, "message", message, true, context);
    Ok(replaced.into())
}

/// Adds with `+` over what `for…in` enumerates, inherited members included, starting at 0.
fn sum(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let values = arguments.get_or_undefined(0);
    let mut total = JsValue::new(0);
    if values.is_null_or_undefined() {
        return Ok(total);
    }
    let object = values.to_object(context)?;
    for key in enumerable_keys(&object, context)? {
        let value = object.get(key, context)?;
        total = total.add(&value, context)?;
    }
    Ok(total)
}

/// What `for…in` visits, but no `length`: own names first, then those of prototypes.
pub(super) fn enumerable_keys(object: &JsObject, context: &mut Context) -> JsResult<Vec<JsString>> {
    let mut names: Vec<JsString> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let mut current = Some(object.clone());
    while let Some(holder) = current {
        for key in holder.own_property_keys(context)? {
            let name = match &key {
                boa_engine::property::PropertyKey::String(name) => name.clone(),
                boa_engine::property::PropertyKey::Index(index) => {
                    JsString::from(index.get().to_string())
                }
                boa_engine::property::PropertyKey::Symbol(_) => continue,
            };
            if !seen.insert(name.clone()) {
                continue;
            }
            // Only ordinary members of prototypes are enumerable: builtins are not.
            let enumerable = holder
                .borrow()
                .properties()
                .get(&key)
                .is_none_or(|property| property.expect_enumerable());
            if enumerable && name != js_string!("length") {
                names.push(name);
            }
        }
        current = holder.prototype();
    }
    Ok(names)
}

fn log(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let message = arguments.get_or_undefined(0);
    let text = match message.variant() {
        JsVariant::String(text) => text.clone(),
        _ => {
            let message = error_to_json(message, context)?;
            let mut text = String::new();
            if stringify::write(&message, Spelling::JavaScript, &mut text, context)? {
                text.into()
            } else {
                js_string!("undefined")
            }
        }
    };
    with_host(context, |host, context| host.log(text, context));
    Ok(JsValue::undefined())
}

/// `[object Array]` in any realm.
fn is_array(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    Ok(JsValue::new(builtins::is_array(arguments.get_or_undefined(0), context)?))
}

/// SpiderMonkey's `uneval(value)`.
#[expect(clippy::unnecessary_wraps, reason = "the signature of a native function")]
fn uneval(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let text = source_text(arguments.get_or_undefined(0), 0, false, context);
    Ok(JsString::from(text).into())
}

/// SpiderMonkey's `toSource` method of every object.
#[expect(clippy::unnecessary_wraps, reason = "the signature of a native function")]
pub(super) fn to_source(this: &JsValue, _: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    Ok(JsString::from(source_text(this, 0, true, context)).into())
}
