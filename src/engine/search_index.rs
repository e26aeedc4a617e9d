//! The `index` helper of search index functions, for Clouseau (`share/server/dreyfus.js`) and
//! Nouveau (`share/server/nouveau.js`).

use boa_engine::object::JsObject;
use boa_engine::object::builtins::JsArray;
use boa_engine::{Context, JsArgs, JsError, JsResult, JsString, JsValue, js_string};

use super::builtins::define;
use super::vm::host;

/// Clouseau's `index(name, value, options)`.
pub(super) fn clouseau(
    _: &JsValue,
    arguments: &[JsValue],
    context: &mut Context,
) -> JsResult<JsValue> {
    let (name, value) = (arguments.get_or_undefined(0), arguments.get_or_undefined(1));
    let options = arguments.get_or_undefined(2);
    let Some(text) = name.as_string() else {
        let kind = name.type_of();
        return Err(type_error(&format!("name must be a string not {kind}"), context));
    };
    reject_reserved(&text, context)?;
    if !(value.is_string() || value.is_number() || value.is_boolean()) {
        let kind = value.type_of();
        let message = format!("value must be a string, a number or boolean not {kind}");
        return Err(type_error(&message, context));
    }
    if options.to_boolean() && options.type_of() != "object" {
        let kind = options.type_of();
        return Err(type_error(&format!("options must be an object not {kind}"), context));
    }
    let options = if options.to_boolean() {
        options.clone()
    } else {
        JsObject::with_object_proto(context.intrinsics()).into()
    };
    let field = JsArray::from_iter([name.clone(), value.clone(), options], context);
    host(context).fields.borrow_mut().push(field.into());
    Ok(JsValue::undefined())
}

/// Nouveau's `index(type, name, value, options)`.
pub(super) fn nouveau(
    _: &JsValue,
    arguments: &[JsValue],
    context: &mut Context,
) -> JsResult<JsValue> {
    let kind = expect("type", "string", arguments.get_or_undefined(0), context)?;
    let name = expect("name", "string", arguments.get_or_undefined(1), context)?;
    if let Some(text) = name.as_string() {
        reject_reserved(&text, context)?;
    }
    let value = arguments.get_or_undefined(2).clone();
    let text = kind.as_string().map(|kind| kind.to_std_string_lossy()).unwrap_or_default();
    let options: &[&str] = match text.as_str() {
        "double" => {
            expect("value", "number", &value, context)?;
            &["store", "facet"]
        }
        "string" => {
            expect("value", "string", &value, context)?;
            &["store", "facet"]
        }
        "text" => {
            expect("value", "string", &value, context)?;
            &["store"]
        }
        "stored" if value.is_number() || value.is_string() => &[],
        "stored" => {
            let shown = value.to_string(context)?.to_std_string_lossy();
            let message = format!("type of {shown} must be a string or number");
            return Err(type_error(&message, context));
        }
        other => return Err(type_error(&format!("{other} not supported"), context)),
    };
    let field = JsObject::with_object_proto(context.intrinsics());
    define(&field, "@type", kind, true, context);
    define(&field, "name", name, true, context);
    define(&field, "value", value, true, context);
    let given = arguments.get_or_undefined(3);
    if given.to_boolean() {
        let given = given.to_object(context)?;
        for option in options {
            let value = given.get(JsString::from(*option), context)?;
            define(&field, option, value, true, context);
        }
    }
    host(context).nouveau_fields.borrow_mut().push(field.into());
    Ok(JsValue::undefined())
}

fn expect(name: &str, wanted: &str, value: &JsValue, context: &mut Context) -> JsResult<JsValue> {
    let kind = value.type_of();
    if kind == wanted {
        return Ok(value.clone());
    }
    Err(type_error(&format!("type of {name} must be a {wanted} not {kind}"), context))
}

fn reject_reserved(name: &JsString, context: &mut Context) -> JsResult<()> {
    if name.to_std_string_lossy().starts_with('_') {
        let message = "name must not start with an underscore";
        return Err(named_error("ReservedName", message, context));
    }
    Ok(())
}

fn type_error(message: &str, context: &mut Context) -> JsError {
    named_error("TypeError", message, context)
}

/// An object with `name` and `message`, as CouchDB's helpers throw it.
fn named_error(name: &str, message: &str, context: &mut Context) -> JsError {
    let error = JsObject::with_object_proto(context.intrinsics());
    define(&error, "name", JsString::from(name).into(), true, context);
    define(&error, "message", js_string!(message).into(), true, context);
    JsError::from_opaque(error.into())
}
