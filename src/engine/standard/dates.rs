//! `Date`: what the engines understand as a date, and how they write one.
//!
//! Locale formats are those of SpiderMonkey for `en-US-POSIX`, which a server without a locale has,
//! and QuickJS's only one; locales and options given by the caller are not looked at (boa is built
//! without ICU).

use boa_engine::native_function::NativeFunctionPointer;
use boa_engine::object::builtins::JsDate;
use boa_engine::realm::Realm;
use boa_engine::value::PreferredType;
use boa_engine::{
    Context, JsArgs, JsNativeError, JsResult, JsString, JsValue, NativeFunction, js_string,
};

use super::calendar::{self, Fields};
use super::{date_text_quickjs, date_text_spidermonkey, replace_constructor};
use crate::engine::Profile;
use crate::engine::builtins::{define, native};

const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// How SpiderMonkey names the time zone after the offset.
const ZONE: &str = "GMT+0000 (Coordinated Universal Time)";

pub(super) fn install(profile: Profile, realm: &Realm, context: &mut Context) {
    let original = realm.intrinsics().constructors().date().constructor();
    let prototype = realm.intrinsics().constructors().date().prototype();
    let code = match profile {
        Profile::SpiderMonkey => NativeFunction::from_fn_ptr(construct_spidermonkey),
        Profile::QuickJs => NativeFunction::from_fn_ptr(construct_quickjs),
    };
    let statics = [js_string!("now").into(), js_string!("UTC").into()];
    let constructor = replace_constructor(realm, &original, "Date", code, &statics, context);
    let parse: NativeFunctionPointer = match profile {
        Profile::SpiderMonkey => parse_spidermonkey,
        Profile::QuickJs => parse_quickjs,
    };
    define(&constructor, "parse", native(realm, "parse", 1, parse).into(), false, context);
    let methods = match profile {
        Profile::SpiderMonkey => SPIDERMONKEY_FORMATS,
        Profile::QuickJs => QUICKJS_FORMATS,
    };
    for (name, code) in methods {
        define(&prototype, name, native(realm, name, 0, *code).into(), false, context);
    }
}

/// Methods that write a date, by name.
type Formats = &'static [(&'static str, NativeFunctionPointer)];

const SPIDERMONKEY_FORMATS: Formats = &[
    ("toString", |this, _, context| format(this, context, zoned)),
    ("toTimeString", |this, _, context| format(this, context, zoned_time)),
    ("toLocaleString", |this, _, context| {
        format(this, context, |fields| format!("{}, {}", short_date(fields), short_time(fields)))
    }),
    ("toLocaleDateString", |this, _, context| format(this, context, short_date)),
    ("toLocaleTimeString", |this, _, context| format(this, context, short_time)),
];

const QUICKJS_FORMATS: Formats = &[
    ("toLocaleString", |this, _, context| {
        format(this, context, |fields| format!("{}, {}", padded_date(fields), padded_time(fields)))
    }),
    ("toLocaleDateString", |this, _, context| format(this, context, padded_date)),
    ("toLocaleTimeString", |this, _, context| format(this, context, padded_time)),
];

/// The text parser of an engine.
type Parser = fn(&[u16]) -> f64;

fn construct_spidermonkey(
    new_target: &JsValue,
    arguments: &[JsValue],
    context: &mut Context,
) -> JsResult<JsValue> {
    if new_target.is_undefined() {
        let now = JsDate::now(context)?.to_number(context)?;
        return Ok(written(now, zoned));
    }
    construct(new_target, arguments, date_text_spidermonkey::parse, context)
}

fn construct_quickjs(
    new_target: &JsValue,
    arguments: &[JsValue],
    context: &mut Context,
) -> JsResult<JsValue> {
    construct(new_target, arguments, date_text_quickjs::parse, context)
}

/// boa's constructor, but with a text already parsed.
fn construct(
    new_target: &JsValue,
    arguments: &[JsValue],
    parse: Parser,
    context: &mut Context,
) -> JsResult<JsValue> {
    let original = context.intrinsics().constructors().date().constructor();
    let Some(new_target) = new_target.as_object() else {
        return original.call(&JsValue::undefined(), arguments, context);
    };
    if let [value] = arguments {
        let is_date =
            value.as_object().is_some_and(|object| object.is::<boa_engine::builtins::date::Date>());
        if !is_date {
            let mut primitive = value.to_primitive(context, PreferredType::Default)?;
            if let Some(text) = primitive.as_string() {
                primitive = JsValue::new(parse(&text.to_vec()));
            }
            return original.construct(&[primitive], Some(&new_target), context).map(Into::into);
        }
    }
    original.construct(arguments, Some(&new_target), context).map(Into::into)
}

fn parse_spidermonkey(
    _: &JsValue,
    arguments: &[JsValue],
    context: &mut Context,
) -> JsResult<JsValue> {
    let text = arguments.get_or_undefined(0).to_string(context)?;
    Ok(JsValue::new(date_text_spidermonkey::parse(&text.to_vec())))
}

fn parse_quickjs(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let text = arguments.get_or_undefined(0).to_string(context)?;
    Ok(JsValue::new(date_text_quickjs::parse(&text.to_vec())))
}

/// `Thu Feb 29 2024`.
fn date(fields: Fields) -> String {
    let Fields { year, month, day, weekday, .. } = fields;
    let sign = if year < 0 { "-" } else { "" };
    let year = year.abs();
    format!("{} {} {day:02} {sign}{year:04}", WEEKDAYS[weekday], MONTHS[month])
}

fn zoned_time(fields: Fields) -> String {
    let Fields { hour, minute, second, .. } = fields;
    format!("{hour:02}:{minute:02}:{second:02} {ZONE}")
}

fn zoned(fields: Fields) -> String {
    format!("{} {}", date(fields), zoned_time(fields))
}

/// `2/29/2024`; years before the first count backwards without saying so.
fn short_date(fields: Fields) -> String {
    let year = if fields.year > 0 { fields.year } else { 1 - fields.year };
    format!("{}/{}/{year}", fields.month + 1, fields.day)
}

/// `12:30:00 PM`.
fn short_time(fields: Fields) -> String {
    let Fields { hour, minute, second, .. } = fields;
    format!("{}:{minute:02}:{second:02} {}", (hour + 11) % 12 + 1, half(hour))
}

/// `02/29/2024`, as QuickJS writes it.
fn padded_date(fields: Fields) -> String {
    let Fields { year, month, day, .. } = fields;
    let sign = if year < 0 { "-" } else { "" };
    format!("{:02}/{day:02}/{sign}{:04}", month + 1, year.abs())
}

fn padded_time(fields: Fields) -> String {
    let Fields { hour, minute, second, .. } = fields;
    format!("{:02}:{minute:02}:{second:02} {}", (hour + 11) % 12 + 1, half(hour))
}

fn half(hour: i64) -> &'static str {
    if hour < 12 { "AM" } else { "PM" }
}

fn written(time: f64, format: impl FnOnce(Fields) -> String) -> JsValue {
    calendar::fields(time)
        .map_or_else(|| js_string!("Invalid Date"), |fields| JsString::from(format(fields)))
        .into()
}

/// Formats the date that a method was called on.
fn format(
    this: &JsValue,
    context: &mut Context,
    format: impl FnOnce(Fields) -> String,
) -> JsResult<JsValue> {
    let not_a_date = || JsNativeError::typ().with_message("'this' is not a Date");
    let date = JsDate::from_object(this.as_object().ok_or_else(not_a_date)?)?;
    let time = date.get_time(context)?.to_number(context)?;
    Ok(written(time, format))
}
