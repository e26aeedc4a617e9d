//! How an engine writes a value into a log line: `toSource()` of SpiderMonkey, `toString()` of
//! QuickJS (`errstr` in `share/server/util.js`).

use std::fmt::Write;

use boa_engine::object::JsObject;
use boa_engine::property::PropertyKey;
use boa_engine::value::JsVariant;
use boa_engine::{Context, JsString, JsValue, js_string};

use super::standard::messages;
use super::vm::Thrown;
use super::{Profile, Vm};

/// Deeper values are cut.
const DEPTH: usize = 50;

impl Vm {
    /// The text of a thrown value in a log line or an error message: `errstr` in `util.js`, which
    /// calls a method of the value.
    pub(super) fn error_text(&mut self, value: &JsValue) -> Result<String, Thrown> {
        self.watched(|vm| vm.text_of_error(value))
    }

    fn text_of_error(&mut self, value: &JsValue) -> Result<String, Thrown> {
        if self.profile == Profile::SpiderMonkey && !value.is_object() {
            return Ok(source_text(value, 0, true, &mut self.context));
        }
        for name in ["toSource", "toString"] {
            let method = self.member(value, name)?;
            let Some(method) = method.as_callable() else { continue };
            let text = self.call(&method, value, &[])?;
            return self.text(&text);
        }
        Err(self.type_error())
    }
}

/// SpiderMonkey's `toSource()`; at the top primitives are written as the objects they become
/// when the method is called on them.
pub(super) fn source_text(
    value: &JsValue,
    depth: usize,
    top: bool,
    context: &mut Context,
) -> String {
    let wrap = |kind: &str, text: String| {
        if top { format!("(new {kind}({text}))") } else { text }
    };
    match value.variant() {
        JsVariant::Null => "null".into(),
        JsVariant::Undefined => "(void 0)".into(),
        JsVariant::Boolean(boolean) => wrap("Boolean", boolean.to_string()),
        JsVariant::Integer32(_) | JsVariant::Float64(_) => {
            let double = value.as_number().unwrap_or(f64::NAN);
            let text = if double == 0.0 && double.is_sign_negative() && !top {
                "-0".into()
            } else {
                ryu_js::Buffer::new().format(double).to_owned()
            };
            wrap("Number", text)
        }
        JsVariant::String(text) => wrap("String", quoted(&text)),
        JsVariant::BigInt(integer) => wrap("BigInt", format!("{}n", integer.to_string_radix(10))),
        JsVariant::Symbol(_) if top => "({})".into(),
        JsVariant::Symbol(symbol) => symbol.descriptive_string().to_std_string_lossy(),
        JsVariant::Object(object) => object_source(&object, depth, top, context),
    }
}

fn object_source(object: &JsObject, depth: usize, top: bool, context: &mut Context) -> String {
    if depth > DEPTH {
        return "{}".into();
    }
    if object.is::<boa_engine::builtins::error::Error>() {
        return error_source(object, context);
    }
    let as_value = JsValue::from(object.clone());
    if object.is_callable() {
        let text =
            as_value.to_string(context).map(|text| text.to_std_string_lossy()).unwrap_or_default();
        return if top || !text.starts_with('(') { format!("({text})") } else { text };
    }
    if object.is_array() {
        return array_source(object, depth, context);
    }
    if object.is::<JsString>() || object.is::<f64>() || object.is::<bool>() {
        let primitive = primitive(&as_value, context);
        return source_text(&primitive, depth, true, context);
    }
    if object.is::<boa_engine::builtins::regexp::RegExp>() {
        return as_value
            .to_string(context)
            .map(|text| text.to_std_string_lossy())
            .unwrap_or_default();
    }
    if object.is::<boa_engine::builtins::date::Date>() {
        let time = as_value.to_number(context).unwrap_or(f64::NAN);
        return format!("(new Date({}))", ryu_js::Buffer::new().format(time));
    }
    let keys = object.own_property_keys(context).unwrap_or_default();
    let mut text = String::from(if top { "({" } else { "{" });
    let mut first = true;
    for key in keys {
        let name = match &key {
            PropertyKey::String(name) => name.clone(),
            PropertyKey::Index(index) => JsString::from(index.get().to_string()),
            PropertyKey::Symbol(_) => continue,
        };
        if !first {
            text.push_str(", ");
        }
        first = false;
        let member = object.get(key, context).unwrap_or_default();
        text.push_str(&member_name(&name));
        text.push(':');
        text.push_str(&source_text(&member, depth + 1, false, context));
    }
    text.push_str(if top { "})" } else { "}" });
    text
}

fn array_source(object: &JsObject, depth: usize, context: &mut Context) -> String {
    let length = object
        .get(js_string!("length"), context)
        .and_then(|length| length.to_length(context))
        .unwrap_or(0);
    let mut text = String::from("[");
    for index in 0..length.min(10_000) {
        if index > 0 {
            text.push_str(", ");
        }
        if object.has_own_property(index, context).unwrap_or(false) {
            let item = object.get(index, context).unwrap_or_default();
            text.push_str(&source_text(&item, depth + 1, false, context));
        } else if index + 1 == length {
            text.push(',');
        }
    }
    text.push(']');
    text
}

/// `(new TypeError("message", "<unknown>", 3))`: the file is unknown in a sandbox, the line is
/// that of the source as it was evaluated.
fn error_source(error: &JsObject, context: &mut Context) -> String {
    messages::refine(error, context);
    let mut part = |name: JsString| {
        error
            .get(name, context)
            .ok()
            .filter(|value| !value.is_undefined())
            .and_then(|value| value.to_string(context).ok())
    };
    let name = part(js_string!("name")).map_or("Error".into(), |name| name.to_std_string_lossy());
    let message = part(js_string!("message")).unwrap_or_default();
    // CouchDB's own code says where it stands.
    let own = |name: JsString| {
        let property = error.borrow().properties().get(&name.into());
        property.and_then(|property| property.value().cloned())
    };
    let file = own(js_string!("fileName")).and_then(|file| file.as_string());
    let file = file.map_or("<unknown>".into(), |file| file.to_std_string_lossy());
    let line = own(js_string!("lineNumber")).and_then(|line| line.to_u32(context).ok());
    let line = line.or_else(|| error_place(error, context).map(|(line, _)| line)).unwrap_or(1);
    format!("(new {name}({}, \"{file}\", {line}))", quoted(&message))
}

/// The line and column, counted from 1, of the innermost frame that has them.
pub(super) fn error_place(error: &JsObject, context: &mut Context) -> Option<(u32, u32)> {
    let (source, line, column) = error_place_in(error, context)?;
    // boa tells where the function begins, not where the name stands.
    messages::named_expression(error, &source, (line, column), context).or(Some((line, column)))
}

/// The same with the name of the source, as [`Sources`](super::sources::Sources) gave it.
pub(super) fn error_place_in(
    error: &JsObject,
    context: &mut Context,
) -> Option<(String, u32, u32)> {
    let stack = error.get(js_string!("stack"), context).ok()?;
    let stack = stack.as_string()?.to_std_string_lossy();
    stack.lines().find_map(|frame| {
        let place = frame.rsplit_once('(')?.1.strip_suffix(')')?;
        let mut parts = place.rsplitn(3, ':');
        let column = parts.next()?.parse().ok()?;
        let line = parts.next()?.parse().ok()?;
        Some((parts.next().unwrap_or_default().to_owned(), line, column))
    })
}

fn primitive(value: &JsValue, context: &mut Context) -> JsValue {
    value.to_primitive(context, boa_engine::value::PreferredType::Default).unwrap_or_default()
}

/// A string literal as SpiderMonkey writes it: ASCII only.
pub(super) fn quoted(text: &JsString) -> String {
    literal(text, '"')
}

fn literal(text: &JsString, quote: char) -> String {
    let mut literal = String::from(quote);
    for unit in text {
        // Writing to a string cannot fail.
        let _ = match unit {
            _ if char::from_u32(unit.into()) == Some(quote) => write!(literal, "\\{quote}"),
            0x5c => write!(literal, "\\\\"),
            0x08 => write!(literal, "\\b"),
            0x09 => write!(literal, "\\t"),
            0x0a => write!(literal, "\\n"),
            0x0b => write!(literal, "\\v"),
            0x0c => write!(literal, "\\f"),
            0x0d => write!(literal, "\\r"),
            0x20..=0x7e => write!(literal, "{}", char::from(unit as u8)),
            0..=0xff => write!(literal, "\\x{unit:02X}"),
            _ => write!(literal, "\\u{unit:04X}"),
        };
    }
    literal.push(quote);
    literal
}

fn member_name(name: &JsString) -> String {
    let text = name.to_std_string_lossy();
    let mut characters = text.chars();
    let identifier = characters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || matches!(first, '_' | '$'))
        && characters.all(|other| other.is_ascii_alphanumeric() || matches!(other, '_' | '$'));
    let index = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if identifier || index { text } else { literal(name, '\'') }
}
