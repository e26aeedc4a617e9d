//! Where the standard libraries of CouchDB's engines answer otherwise than boa's.
//!
//! [`install`] runs for every realm, so it only defines native functions. What is needed by few
//! sources and costs more ([`install_for`]) is installed when the source names it.

mod arrays;
mod async_functions;
mod calendar;
mod date_text_quickjs;
mod date_text_spidermonkey;
mod dates;
mod errors;
mod expression;
mod locale;
pub(super) mod messages;
mod numbers;
mod regexp_statics;
mod regexps;
mod sort;
mod sort_orders;
mod strings;

use boa_engine::Context;
use boa_engine::NativeFunction;
use boa_engine::object::{FunctionObjectBuilder, JsObject};
use boa_engine::property::{PropertyDescriptor, PropertyKey};
use boa_engine::realm::Realm;
use boa_engine::{JsString, js_string};

pub(super) use async_functions::without_async;
pub(crate) use calendar::fields as calendar_fields;

use super::Profile;
use super::builtins::{define, global_of};

/// Makes the builtins of `realm` answer as those of the profile's engine do.
pub(super) fn install(profile: Profile, realm: &Realm, context: &mut Context) {
    dates::install(profile, realm, context);
    arrays::install(realm, context);
    sort::install(profile, realm, context);
    regexps::install(profile, realm, context);
    strings::install(profile, realm, context);
    numbers::install(profile, realm, context);
    locale::install(profile, realm, context);
    errors::install(profile, realm, context);
}

/// Adds to `realm` what only `source` decides about: CouchDB's engines always have it, but it would
/// slow down every function, and few use it. Called before `source` is evaluated in `realm`.
pub(super) fn install_for(source: &str, profile: Profile, realm: &Realm, context: &mut Context) {
    if profile == Profile::QuickJs {
        return;
    }
    if regexp_statics::needed(source) {
        regexp_statics::install(realm, context);
    }
    if errors::ignoring_cause_needed(source) {
        errors::ignore_cause(realm, context);
    }
}

/// Replaces the constructor that is the global `name` by `code`, which is given the original. The
/// new function takes over the prototype, which `instanceof` and subclasses look at, and `statics`.
fn replace_constructor(
    realm: &Realm,
    original: &JsObject,
    name: &str,
    code: NativeFunction,
    statics: &[PropertyKey],
    context: &mut Context,
) -> JsObject {
    let length = original.get(js_string!("length"), context).ok();
    let length = length.and_then(|length| length.as_i32()).unwrap_or_default();
    let length = usize::try_from(length).unwrap_or_default();
    let constructor: JsObject = FunctionObjectBuilder::new(realm, code)
        .name(JsString::from(name))
        .length(length)
        .constructor(true)
        .build()
        .into();
    constructor.set_prototype(original.prototype());
    if let Some(prototype) =
        original.get(js_string!("prototype"), context).ok().and_then(|value| value.as_object())
    {
        define(&prototype, "constructor", constructor.clone().into(), false, context);
        // These objects are new and extensible: nothing refuses a property.
        let _ = constructor.define_property_or_throw(
            js_string!("prototype"),
            PropertyDescriptor::builder()
                .value(prototype)
                .writable(false)
                .enumerable(false)
                .configurable(false),
            context,
        );
    }
    for key in statics {
        let property = original.borrow().properties().get(key);
        if let Some(property) = property {
            let _ = constructor.define_property_or_throw(key.clone(), property, context);
        }
    }
    define(&global_of(realm, context), name, constructor.clone().into(), false, context);
    constructor
}
