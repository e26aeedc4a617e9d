//! What the profiles' standard libraries lack, and small helpers around properties.

use boa_engine::native_function::NativeFunctionPointer;
use boa_engine::object::{FunctionObjectBuilder, JsObject};
use boa_engine::property::PropertyDescriptor;
use boa_engine::realm::Realm;
use boa_engine::{Context, JsResult, JsString, JsValue, NativeFunction};

use super::Profile;

/// The method `name` of a builtin object.
pub(super) fn method(object: &JsObject, name: &str, context: &mut Context) -> JsObject {
    object
        .get(JsString::from(name), context)
        .ok()
        .and_then(|value| value.as_object())
        .unwrap_or_else(|| panic!("boa has no builtin `{name}`"))
}

/// Sets a writable, configurable property without running any setter.
pub(super) fn define(
    object: &JsObject,
    name: &str,
    value: JsValue,
    enumerable: bool,
    context: &mut Context,
) {
    // Only a frozen object could refuse, and these are ours.
    let _ = object.define_property_or_throw(
        JsString::from(name),
        PropertyDescriptor::builder()
            .value(value)
            .writable(true)
            .enumerable(enumerable)
            .configurable(true),
        context,
    );
}

/// Makes a realm's standard library that of the profile's engine: takes away what the engine does
/// not have, so that a test fails where the server would, and adds what boa does not have.
pub(super) fn apply_profile(profile: Profile, realm: &Realm, context: &mut Context) {
    let missing = match profile {
        Profile::SpiderMonkey => SPIDERMONKEY_MISSING,
        Profile::QuickJs => QUICKJS_MISSING,
    };
    let global = global_of(realm, context);
    for (path, names) in missing {
        let mut object = Some(global.clone());
        for segment in path.split('.').filter(|segment| !segment.is_empty()) {
            object = object
                .and_then(|object| object.get(JsString::from(segment), context).ok())
                .and_then(|value| value.as_object());
        }
        let Some(object) = object else { continue };
        for name in *names {
            let _ = object.delete_property_or_throw(JsString::from(*name), context);
        }
    }
    if profile == Profile::SpiderMonkey {
        let to_source = native(realm, "toSource", 0, super::globals::to_source);
        let prototype = realm.intrinsics().constructors().object().prototype();
        define(&prototype, "toSource", to_source.into(), false, context);
    }
    super::standard::install(profile, realm, context);
}

/// `Array.isArray(value)`: true for arrays of any realm and proxies of them.
pub(super) fn is_array(value: &JsValue, context: &mut Context) -> JsResult<bool> {
    let Some(object) = value.as_object() else { return Ok(false) };
    if object.is_array() || object.is_ordinary() {
        return Ok(object.is_array());
    }
    let array = context.intrinsics().constructors().array().constructor();
    let is_array = method(&array, "isArray", context);
    Ok(is_array.call(&JsValue::undefined(), std::slice::from_ref(value), context)?.to_boolean())
}

/// A native function of `realm`.
pub(super) fn native(
    realm: &Realm,
    name: &str,
    length: usize,
    code: NativeFunctionPointer,
) -> JsObject {
    FunctionObjectBuilder::new(realm, NativeFunction::from_fn_ptr(code))
        .name(JsString::from(name))
        .length(length)
        .build()
        .into()
}

/// The global object of a realm.
pub(super) fn global_of(realm: &Realm, context: &mut Context) -> JsObject {
    let previous = context.enter_realm(realm.clone());
    let global = context.global_object();
    context.enter_realm(previous);
    global
}

type Missing = &'static [(&'static str, &'static [&'static str])];

/// Added to JavaScript after SpiderMonkey 78 (2020).
const SPIDERMONKEY_MISSING: Missing = &[
    (
        "Array.prototype",
        &["at", "findLast", "findLastIndex", "toReversed", "toSorted", "toSpliced", "with"],
    ),
    ("Array", &["fromAsync"]),
    ("Object", &["hasOwn", "groupBy"]),
    ("Map", &["groupBy"]),
    ("Map.prototype", &["getOrInsert", "getOrInsertComputed"]),
    ("WeakMap.prototype", &["getOrInsert", "getOrInsertComputed"]),
    ("Set.prototype", SET_METHODS),
    ("String.prototype", &["at", "isWellFormed", "toWellFormed"]),
    ("Iterator.prototype", ITERATOR_METHODS),
    ("Promise", &["any", "try", "withResolvers"]),
    ("Math", &["f16round", "sumPrecise"]),
    ("Error", &["isError", "captureStackTrace"]),
    ("JSON", &["rawJSON", "isRawJSON"]),
    ("RegExp", &["escape"]),
    ("RegExp.prototype", &["hasIndices", "unicodeSets"]),
    ("Atomics", &["waitAsync", "pause"]),
    ("ArrayBuffer.prototype", ARRAY_BUFFER_METHODS),
    (
        "",
        &[
            "AggregateError",
            "FinalizationRegistry",
            "WeakRef",
            "Iterator",
            "Temporal",
            "ShadowRealm",
            "Float16Array",
            "SuppressedError",
            "DisposableStack",
            "AsyncDisposableStack",
        ],
    ),
];

/// What CouchDB 3.5.0 leaves out of QuickJS (`couchjs.c` registers only the base objects), and what
/// its QuickJS of April 2025 does not have.
const QUICKJS_MISSING: Missing = &[
    ("String.prototype", &["localeCompare", "normalize"]),
    ("Set.prototype", SET_METHODS),
    ("Map.prototype", &["getOrInsert", "getOrInsertComputed"]),
    ("WeakMap.prototype", &["getOrInsert", "getOrInsertComputed"]),
    ("Array", &["fromAsync"]),
    ("Iterator.prototype", ITERATOR_METHODS),
    ("Math", &["f16round", "sumPrecise"]),
    ("Error", &["isError", "captureStackTrace"]),
    ("JSON", &["rawJSON", "isRawJSON"]),
    ("RegExp", &["escape"]),
    (
        "",
        &[
            "ArrayBuffer",
            "SharedArrayBuffer",
            "Atomics",
            "DataView",
            "Int8Array",
            "Uint8Array",
            "Uint8ClampedArray",
            "Int16Array",
            "Uint16Array",
            "Int32Array",
            "Uint32Array",
            "BigInt64Array",
            "BigUint64Array",
            "Float16Array",
            "Float32Array",
            "Float64Array",
            "Promise",
            "Proxy",
            "WeakRef",
            "FinalizationRegistry",
            "Iterator",
            "Intl",
            "Temporal",
            "ShadowRealm",
            "SuppressedError",
            "DisposableStack",
            "AsyncDisposableStack",
        ],
    ),
];

const SET_METHODS: &[&str] = &[
    "difference",
    "intersection",
    "isDisjointFrom",
    "isSubsetOf",
    "isSupersetOf",
    "symmetricDifference",
    "union",
];

const ITERATOR_METHODS: &[&str] = &[
    "map",
    "filter",
    "take",
    "drop",
    "flatMap",
    "reduce",
    "toArray",
    "forEach",
    "some",
    "every",
    "find",
    "constructor",
];

const ARRAY_BUFFER_METHODS: &[&str] =
    &["resize", "resizable", "maxByteLength", "transfer", "transferToFixedLength", "detached"];
