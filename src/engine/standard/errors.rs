//! Error objects as SpiderMonkey 78 has them, and other properties that only this engine has or
//! that boa is stricter about.

use boa_engine::builtins::error::Error;
use boa_engine::object::{FunctionObjectBuilder, JsObject};
use boa_engine::property::PropertyDescriptor;
use boa_engine::realm::Realm;
use boa_engine::{
    Context, JsArgs, JsNativeError, JsResult, JsString, JsSymbol, JsValue, NativeFunction,
    js_string,
};

use super::{messages, replace_constructor};
use crate::engine::Profile;
use crate::engine::builtins::{define, global_of, method, native};
use crate::engine::source_text;

pub(super) fn install(profile: Profile, realm: &Realm, context: &mut Context) {
    let functions = realm.intrinsics().constructors().function().prototype();
    let caller = match profile {
        // boa keeps no list of callers. In the engine, too, a function called by a builtin or by
        // strict code has none.
        Profile::SpiderMonkey => native(realm, "get caller", 0, null),
        Profile::QuickJs => native(realm, "get caller", 0, undefined),
    };
    accessor(&functions, "caller", caller, context);
    let prototype = realm.intrinsics().constructors().error().prototype();
    let original = method(&prototype, "toString", context);
    let to_string = NativeFunction::from_copy_closure_with_captures(
        |this, arguments, original: &JsObject, context| {
            if let Some(error) = this.as_object() {
                messages::refine(&error, context);
            }
            original.call(this, arguments, context)
        },
        original,
    );
    let to_string = FunctionObjectBuilder::new(realm, to_string).name(js_string!("toString"));
    define(&prototype, "toString", to_string.build().into(), false, context);
    if profile == Profile::QuickJs {
        return;
    }
    accessor(&prototype, "lineNumber", native(realm, "lineNumber", 0, line_number), context);
    accessor(&prototype, "columnNumber", native(realm, "columnNumber", 0, column_number), context);
    accessor(&prototype, "fileName", native(realm, "fileName", 0, file_name), context);
    web_assembly(realm, context);
}

/// Defines a property that is computed when read, and can be shadowed by assigning to it.
fn accessor(object: &JsObject, name: &str, getter: JsObject, context: &mut Context) {
    let property = PropertyDescriptor::builder().get(getter).enumerable(false).configurable(true);
    // Prototypes of a new realm refuse nothing.
    let _ = object.define_property_or_throw(JsString::from(name), property, context);
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of a native function")]
fn null(_: &JsValue, _: &[JsValue], _: &mut Context) -> JsResult<JsValue> {
    Ok(JsValue::null())
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of a native function")]
fn undefined(_: &JsValue, _: &[JsValue], _: &mut Context) -> JsResult<JsValue> {
    Ok(JsValue::undefined())
}

fn error_object(this: &JsValue) -> Option<JsObject> {
    this.as_object().filter(JsObject::is::<Error>)
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of a native function")]
fn line_number(this: &JsValue, _: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let place = error_object(this).and_then(|error| source_text::error_place(&error, context));
    Ok(place.map_or_else(JsValue::undefined, |(line, _)| JsValue::new(line)))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of a native function")]
fn column_number(this: &JsValue, _: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let place = error_object(this).and_then(|error| source_text::error_place(&error, context));
    Ok(place.map_or_else(JsValue::undefined, |(_, column)| JsValue::new(column)))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of a native function")]
fn file_name(this: &JsValue, _: &[JsValue], _: &mut Context) -> JsResult<JsValue> {
    // couchjs evaluates functions without telling where they come from.
    Ok(error_object(this).map_or_else(JsValue::undefined, |_| js_string!("<unknown>").into()))
}

/// `WebAssembly` exists, so that `typeof WebAssembly` answers as on a server.
fn web_assembly(realm: &Realm, context: &mut Context) {
    let object = JsObject::with_object_proto(realm.intrinsics());
    let tag = PropertyDescriptor::builder()
        .value(js_string!("WebAssembly"))
        .writable(false)
        .enumerable(false)
        .configurable(true);
    let _ = object.define_property_or_throw(JsSymbol::to_string_tag(), tag, context);
    define(&global_of(realm, context), "WebAssembly", object.into(), false, context);
}

/// Whether `source` may tell that an error's `cause` is ignored.
pub(super) fn ignoring_cause_needed(source: &str) -> bool {
    source.contains("cause") && source.contains("Error")
}

/// The constructors take a message only: `cause` is from 2021.
pub(super) fn ignore_cause(realm: &Realm, context: &mut Context) {
    let constructors = realm.intrinsics().constructors();
    for (name, constructor) in [
        ("Error", constructors.error()),
        ("EvalError", constructors.eval_error()),
        ("RangeError", constructors.range_error()),
        ("ReferenceError", constructors.reference_error()),
        ("SyntaxError", constructors.syntax_error()),
        ("TypeError", constructors.type_error()),
        ("URIError", constructors.uri_error()),
    ] {
        let original = constructor.constructor();
        let code = NativeFunction::from_copy_closure_with_captures(
            construct_without_cause,
            (original.clone(), constructor.prototype()),
        );
        replace_constructor(realm, &original, name, code, &[], context);
    }
}

fn construct_without_cause(
    new_target: &JsValue,
    arguments: &[JsValue],
    (original, prototype): &(JsObject, JsObject),
    context: &mut Context,
) -> JsResult<JsValue> {
    let new_target = match new_target.as_object() {
        Some(new_target) => new_target,
        None => prototype
            .get(js_string!("constructor"), context)?
            .as_object()
            .ok_or_else(|| JsNativeError::typ().with_message("Error has no constructor"))?,
    };
    let message = arguments.get_or_undefined(0).clone();
    original.construct(&[message], Some(&new_target), context).map(Into::into)
}
