//! `RegExp`: the source text of an expression, and flags that the engines do not know yet.

use boa_engine::builtins::regexp::RegExp;
use boa_engine::object::FunctionObjectBuilder;
use boa_engine::property::PropertyDescriptor;
use boa_engine::realm::Realm;
use boa_engine::{
    Context, JsArgs, JsNativeError, JsResult, JsString, JsSymbol, JsValue, NativeFunction,
    js_string,
};

use super::replace_constructor;
use crate::engine::Profile;
use crate::engine::builtins::method;

pub(super) fn install(profile: Profile, realm: &Realm, context: &mut Context) {
    let prototype = realm.intrinsics().constructors().regexp().prototype();
    let getter = prototype.borrow().properties().get(&js_string!("source").into());
    if let Some(original) = getter.and_then(|property| property.get().cloned())
        && let Some(original) = original.as_callable()
    {
        let source = NativeFunction::from_copy_closure_with_captures(
            |this, _, original, context| source(this, original, context),
            original,
        );
        let getter =
            FunctionObjectBuilder::new(realm, source).name(js_string!("get source")).build();
        let property =
            PropertyDescriptor::builder().get(getter).enumerable(false).configurable(true);
        // The prototype is extensible and the property configurable.
        let _ = prototype.define_property_or_throw(js_string!("source"), property, context);
    }
    let constructor = realm.intrinsics().constructors().regexp().constructor();
    let code = match profile {
        Profile::SpiderMonkey => NativeFunction::from_fn_ptr(construct_spidermonkey),
        Profile::QuickJs => NativeFunction::from_fn_ptr(construct_quickjs),
    };
    let species = [JsSymbol::species().into()];
    replace_constructor(realm, &constructor, "RegExp", code, &species, context);
}

/// The `source` of an expression. boa puts a backslash before every slash; the engines only before
/// one that would end a literal, which is neither escaped nor in brackets.
fn source(
    this: &JsValue,
    original: &boa_engine::object::JsObject,
    context: &mut Context,
) -> JsResult<JsValue> {
    let text = original.call(this, &[], context)?;
    let Some(text) = text.as_string() else {
        return Ok(text);
    };
    let slash = u16::from(b'/');
    if !text.iter().any(|unit| unit == slash) {
        return Ok(text.into());
    }
    let backslash = u16::from(b'\\');
    let units = text.to_vec();
    let mut written = Vec::with_capacity(units.len());
    let (mut escaped, mut in_brackets) = (false, false);
    for (at, unit) in units.iter().copied().enumerate() {
        if unit == backslash && units.get(at + 1) == Some(&slash) {
            // boa's own addition.
            continue;
        }
        if unit == slash && !escaped && !in_brackets {
            written.push(backslash);
        }
        if !escaped {
            match char::from_u32(u32::from(unit)) {
                Some('[') => in_brackets = true,
                Some(']') => in_brackets = false,
                _ => {}
            }
        }
        escaped = unit == backslash && !escaped;
        written.push(unit);
    }
    Ok(JsString::from(written.as_slice()).into())
}

/// SpiderMonkey 78 knows neither `d` (indices) nor `v` (sets).
fn construct_spidermonkey(
    new_target: &JsValue,
    arguments: &[JsValue],
    context: &mut Context,
) -> JsResult<JsValue> {
    construct(new_target, arguments, &['d', 'v'], context)
}

/// The QuickJS of CouchDB 3.5.0 and 3.5.1 does not know `v`.
fn construct_quickjs(
    new_target: &JsValue,
    arguments: &[JsValue],
    context: &mut Context,
) -> JsResult<JsValue> {
    construct(new_target, arguments, &['v'], context)
}

fn construct(
    new_target: &JsValue,
    arguments: &[JsValue],
    unknown: &[char],
    context: &mut Context,
) -> JsResult<JsValue> {
    let constructors = context.intrinsics().constructors().regexp();
    let (original, prototype) = (constructors.constructor(), constructors.prototype());
    let pattern = arguments.get_or_undefined(0);
    let mut flags = arguments.get_or_undefined(1).clone();
    let new_target = if let Some(new_target) = new_target.as_object() {
        new_target
    } else {
        // Called as a function, which answers with an expression that it is given.
        let constructor = method(&prototype, "constructor", context);
        if let Some(pattern) = pattern.as_object()
            && flags.is_undefined()
            && pattern.is::<RegExp>()
            && pattern.get(js_string!("constructor"), context)? == constructor.clone().into()
        {
            return Ok(pattern.into());
        }
        constructor
    };
    if !flags.is_undefined() {
        let text = flags.to_string(context)?;
        let found = text.to_std_string_lossy().chars().find(|flag| unknown.contains(flag));
        if let Some(flag) = found {
            return Err(JsNativeError::syntax()
                .with_message(format!("invalid regular expression flag {flag}"))
                .into());
        }
        flags = text.into();
    }
    let arguments = [pattern.clone(), flags];
    original.construct(&arguments, Some(&new_target), context).map(Into::into)
}
