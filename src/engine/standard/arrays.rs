//! `Array.prototype.join`, `toString` and `toLocaleString`.
//!
//! The engines separate with a comma and show an array inside itself as nothing. boa writes `, ` for
//! the locale format, and recurses without end where arrays hold each other.

use boa_engine::error::RuntimeLimitError;
use boa_engine::object::{FunctionObjectBuilder, JsObject};
use boa_engine::realm::Realm;
use boa_engine::{Context, JsArgs, JsResult, JsString, JsValue, NativeFunction, js_string};
use boa_gc::{Gc, GcRefCell};

use crate::engine::builtins::define;

/// Arrays nested deeper end a function as endless recursion does.
const DEPTH: usize = 2000;

/// More elements end a function as an endless loop does.
const LONGEST: u64 = 1 << 27;

/// The arrays being joined now.
type Open = Gc<GcRefCell<Vec<JsObject>>>;

pub(super) fn install(realm: &Realm, context: &mut Context) {
    let prototype = realm.intrinsics().constructors().array().prototype();
    let open: Open = Gc::new(GcRefCell::new(Vec::new()));
    let join = NativeFunction::from_copy_closure_with_captures(
        |this, arguments, open: &Open, context| {
            let object = this.to_object(context)?;
            let length = object.get(js_string!("length"), context)?.to_length(context)?;
            let separator = arguments.get_or_undefined(0);
            let separator = if separator.is_undefined() {
                js_string!(",")
            } else {
                separator.to_string(context)?
            };
            joined(&object, length, &separator, open, context, JsValue::to_string)
        },
        open.clone(),
    );
    let to_locale_string = NativeFunction::from_copy_closure_with_captures(
        |this, _, open: &Open, context| {
            let object = this.to_object(context)?;
            let length = object.get(js_string!("length"), context)?.to_length(context)?;
            joined(
                &object,
                length,
                &js_string!(","),
                open,
                context,
                |element: &JsValue, context: &mut Context| {
                    let name = js_string!("toLocaleString");
                    let method = element.to_object(context)?.get(name, context)?;
                    let Some(method) = method.as_callable() else {
                        return Err(boa_engine::JsNativeError::typ()
                            .with_message("not a callable function")
                            .into());
                    };
                    method.call(element, &[], context)?.to_string(context)
                },
            )
        },
        open,
    );
    for (name, length, code) in [("join", 1, join), ("toLocaleString", 0, to_locale_string)] {
        let function = FunctionObjectBuilder::new(realm, code)
            .name(JsString::from(name))
            .length(length)
            .build();
        define(&prototype, name, function.into(), false, context);
    }
}

fn joined(
    object: &JsObject,
    length: u64,
    separator: &JsString,
    open: &Open,
    context: &mut Context,
    text: impl Fn(&JsValue, &mut Context) -> JsResult<JsString>,
) -> JsResult<JsValue> {
    if open.borrow().iter().any(|other| JsObject::equals(other, object)) {
        return Ok(js_string!().into());
    }
    if open.borrow().len() >= DEPTH {
        return Err(RuntimeLimitError::Recursion.into());
    }
    open.borrow_mut().push(object.clone());
    let result = parts(object, length, separator, context, text);
    open.borrow_mut().pop();
    let parts = result?;
    let parts: Vec<_> = parts.iter().map(JsString::as_str).collect();
    Ok(JsString::concat_array(&parts).into())
}

fn parts(
    object: &JsObject,
    length: u64,
    separator: &JsString,
    context: &mut Context,
    text: impl Fn(&JsValue, &mut Context) -> JsResult<JsString>,
) -> JsResult<Vec<JsString>> {
    let mut parts = Vec::new();
    for index in 0..length {
        if index >= LONGEST {
            return Err(RuntimeLimitError::LoopIteration.into());
        }
        if index > 0 && !separator.is_empty() {
            parts.push(separator.clone());
        }
        let element = object.get(index, context)?;
        if !element.is_null_or_undefined() {
            parts.push(text(&element, context)?);
        }
    }
    Ok(parts)
}
