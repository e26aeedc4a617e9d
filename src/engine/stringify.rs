//! `JSON.stringify`, in the engine's spelling and in CouchDB's.
//!
//! boa's own prints and then everything would have to be parsed again to become what the server
//! stores; it also recurses without bound. This one writes either text directly.

use boa_engine::object::IndexProperties;
use boa_engine::object::JsObject;
use boa_engine::property::{PropertyDescriptor, PropertyKey};
use boa_engine::string::JsStrVariant;
use boa_engine::value::JsVariant;
use boa_engine::{Context, JsError, JsNativeError, JsResult, JsString, JsValue, js_string};

use super::builtins;
use crate::json::double_to_stored;

/// How text and numbers are spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// As `JSON.stringify` prints them.
    JavaScript,
    /// As CouchDB stores and prints them: lone surrogates replaced by U+FFFD, subnormal numbers as
    /// `0.0` (jiffy 1.1), upper-case digits in escapes.
    Stored,
}

/// Deeper values are taken for endless.
const DEPTH: usize = 5000;
/// Bytes of text after which a value is taken for endless: shared arrays can print exponentially.
const LENGTH: usize = 256 << 20;

/// Writes `value` as `JSON.stringify(value)` does; tells whether there was anything to write
/// (`undefined`, functions and symbols have no JSON).
///
/// # Errors
/// What a `toJSON` method or a getter threw, and a `TypeError` for a `BigInt` or a cycle.
pub(super) fn write(
    value: &JsValue,
    spelling: Spelling,
    out: &mut String,
    context: &mut Context,
) -> JsResult<bool> {
    let mut writer = Writer::new(spelling);
    let written = writer.value(value, &Key::Name(js_string!()), context);
    out.push_str(&writer.text);
    written
}

/// Writes values one after another into one text.
pub(super) struct Writer {
    /// What was written so far.
    pub(super) text: String,
    pub(super) spelling: Spelling,
    /// The objects around the one that is written.
    stack: Vec<JsObject>,
    /// Prototypes that give nobody a `toJSON`: known until code of the user runs again.
    without_method: Vec<JsObject>,
    /// How often code of the user may have run: a `toJSON`, a getter or a proxy.
    calls: usize,
}

enum Key {
    Name(JsString),
    Index(usize),
}

impl Key {
    fn to_value(&self) -> JsValue {
        match self {
            Self::Name(name) => name.clone().into(),
            Self::Index(index) => JsString::from(index.to_string()).into(),
        }
    }
}

impl Writer {
    pub(super) fn new(spelling: Spelling) -> Self {
        Self {
            text: String::new(),
            spelling,
            stack: Vec::new(),
            without_method: Vec::new(),
            calls: 0,
        }
    }

    /// Writes `item` as an element of an array: what has no JSON becomes `null`. `index` is what a
    /// `toJSON` method is given.
    ///
    /// # Errors
    /// As [`write`].
    pub(super) fn element(
        &mut self,
        item: &JsValue,
        index: usize,
        context: &mut Context,
    ) -> JsResult<()> {
        if !self.value(item, &Key::Index(index), context)? {
            self.text.push_str("null");
        }
        Ok(())
    }

    /// Notes that code of the user runs now, which may change anything.
    fn user_code(&mut self) {
        self.calls += 1;
        self.without_method.clear();
    }

    fn value(&mut self, value: &JsValue, key: &Key, context: &mut Context) -> JsResult<bool> {
        match value.variant() {
            JsVariant::Null => self.text.push_str("null"),
            JsVariant::Boolean(true) => self.text.push_str("true"),
            JsVariant::Boolean(false) => self.text.push_str("false"),
            JsVariant::Integer32(integer) => {
                use std::fmt::Write;
                // Writing to a string cannot fail.
                let _ = write!(self.text, "{integer}");
            }
            JsVariant::Float64(double) => write_number(double, self.spelling, &mut self.text),
            JsVariant::String(text) => self.string(&text),
            JsVariant::Undefined | JsVariant::Symbol(_) => return Ok(false),
            JsVariant::BigInt(_) => {
                self.user_code();
                let method = value.to_object(context)?.get(js_string!("toJSON"), context)?;
                let Some(method) = method.as_callable() else {
                    return Err(JsNativeError::typ()
                        .with_message("BigInt value can't be serialized in JSON")
                        .into());
                };
                let replaced = method.call(value, &[key.to_value()], context)?;
                if replaced.is_bigint() {
                    return Err(JsNativeError::typ()
                        .with_message("BigInt value can't be serialized in JSON")
                        .into());
                }
                return self.value(&replaced, key, context);
            }
            JsVariant::Object(object) => return self.object_value(&object, key, context),
        }
        Ok(true)
    }

    fn object_value(
        &mut self,
        object: &JsObject,
        key: &Key,
        context: &mut Context,
    ) -> JsResult<bool> {
        if let Some(method) = self.method(object, context)? {
            self.user_code();
            let replaced = method.call(&object.clone().into(), &[key.to_value()], context)?;
            return match replaced.as_object() {
                // The result is written as it is; its own toJSON is not asked again.
                Some(replaced) => self.plain_object(&replaced, context),
                None if replaced.is_bigint() => Err(JsNativeError::typ()
                    .with_message("BigInt value can't be serialized in JSON")
                    .into()),
                None => self.value(&replaced, key, context),
            };
        }
        self.plain_object(object, context)
    }

    /// The `toJSON` of an object.
    fn method(&mut self, object: &JsObject, context: &mut Context) -> JsResult<Option<JsObject>> {
        let name = PropertyKey::from(js_string!("toJSON"));
        if is_plain(object) && !object.borrow().properties().contains_key(&name) {
            let Some(prototype) = object.prototype() else { return Ok(None) };
            if self.without_method.iter().any(|known| JsObject::equals(known, &prototype)) {
                return Ok(None);
            }
            let mut next = Some(prototype.clone());
            while let Some(here) = next
                .take_if(|here| is_plain(here) && !here.borrow().properties().contains_key(&name))
            {
                let Some(beyond) = here.prototype() else {
                    self.without_method.push(prototype);
                    return Ok(None);
                };
                next = Some(beyond);
            }
        }
        self.user_code();
        Ok(object.get(name, context)?.as_callable())
    }

    fn plain_object(&mut self, object: &JsObject, context: &mut Context) -> JsResult<bool> {
        if object.is_callable() {
            return Ok(false);
        }
        if !is_plain(object) {
            self.user_code();
        }
        if let Some(primitive) = unwrapped(object, context)? {
            return self.value(&primitive, &Key::Name(js_string!()), context);
        }
        if self.stack.len() >= DEPTH || self.text.len() > LENGTH {
            return Err(too_deep());
        }
        if self.stack.iter().any(|open| JsObject::equals(open, object)) {
            return Err(JsNativeError::typ().with_message("cyclic object value").into());
        }
        self.stack.push(object.clone());
        if builtins::is_array(&object.clone().into(), context)? {
            let length = object.get(js_string!("length"), context)?.to_length(context)?;
            let (items, calls) = (dense_items(object), self.calls);
            self.text.push('[');
            for index in 0..length {
                if index > 0 {
                    self.text.push(',');
                }
                let position = usize::try_from(index).unwrap_or(usize::MAX);
                match items.get(position).filter(|_| self.calls == calls) {
                    Some(item) => self.element(item, position, context)?,
                    // A hole may be filled by a prototype, and that by a getter.
                    None => {
                        self.user_code();
                        let item = object.get(index, context)?;
                        self.element(&item, position, context)?;
                    }
                }
            }
            self.text.push(']');
        } else {
            self.members(object, context)?;
        }
        self.stack.pop();
        Ok(true)
    }

    fn members(&mut self, object: &JsObject, context: &mut Context) -> JsResult<()> {
        let members = enumerable_members(object, context)?;
        let calls = self.calls;
        self.text.push('{');
        let mut first = true;
        for (key, value) in members {
            let member = match value.filter(|_| self.calls == calls) {
                Some(value) => value,
                None => {
                    self.user_code();
                    object.get(key.clone(), context)?
                }
            };
            let before = self.text.len();
            if !first {
                self.text.push(',');
            }
            let name = match &key {
                PropertyKey::String(name) => name.clone(),
                PropertyKey::Index(index) => JsString::from(index.get().to_string()),
                PropertyKey::Symbol(_) => continue,
            };
            self.string(&name);
            self.text.push(':');
            if self.value(&member, &Key::Name(name), context)? {
                first = false;
            } else {
                self.text.truncate(before);
            }
        }
        self.text.push('}');
        Ok(())
    }

    fn string(&mut self, text: &JsString) {
        if let JsStrVariant::Latin1(bytes) = text.as_str().variant()
            && bytes.iter().all(|byte| (0x20..0x7f).contains(byte) && !matches!(byte, b'"' | b'\\'))
        {
            self.text.push('"');
            // Printable ASCII is UTF-8 as it stands.
            self.text.push_str(std::str::from_utf8(bytes).unwrap_or_default());
            self.text.push('"');
            return;
        }
        self.text.push('"');
        for unit in char::decode_utf16(text.iter()) {
            match unit {
                Ok(plain) => write_character(plain, self.spelling, &mut self.text),
                Err(lone) => match self.spelling {
                    Spelling::Stored => self.text.push(char::REPLACEMENT_CHARACTER),
                    Spelling::JavaScript => {
                        use std::fmt::Write;
                        let _ = write!(self.text, "\\u{:04x}", lone.unpaired_surrogate());
                    }
                },
            }
        }
        self.text.push('"');
    }
}

/// Writes a number; what is not finite becomes null.
pub(super) fn write_number(double: f64, spelling: Spelling, out: &mut String) {
    if !double.is_finite() {
        out.push_str("null");
        return;
    }
    let mut buffer = ryu_js::Buffer::new();
    match spelling {
        Spelling::Stored => out.push_str(&double_to_stored(double, &mut buffer)),
        // JavaScript prints -0 as 0.
        Spelling::JavaScript => {
            out.push_str(buffer.format_finite(if double == 0.0 { 0.0 } else { double }));
        }
    }
}

/// Writes a string that is well-formed.
pub(super) fn write_text(text: &str, spelling: Spelling, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        write_character(character, spelling, out);
    }
    out.push('"');
}

fn write_character(character: char, spelling: Spelling, out: &mut String) {
    match character {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        control if control < ' ' => {
            use std::fmt::Write;
            let code = u32::from(control);
            // Writing to a string cannot fail.
            let _ = match spelling {
                Spelling::Stored => write!(out, "\\u{code:04X}"),
                Spelling::JavaScript => write!(out, "\\u{code:04x}"),
            };
        }
        plain => out.push(plain),
    }
}

/// The primitive inside a `Number`, `String`, `Boolean` or `BigInt` object.
fn unwrapped(object: &JsObject, context: &mut Context) -> JsResult<Option<JsValue>> {
    if object.is_ordinary() || object.is_array() {
        return Ok(None);
    }
    let value = JsValue::from(object.clone());
    if object.is::<f64>() {
        return value.to_number(context).map(|number| Some(JsValue::new(number)));
    }
    if object.is::<JsString>() {
        return value.to_string(context).map(|text| Some(JsValue::new(text)));
    }
    if let Some(boolean) = object.downcast_ref::<bool>() {
        return Ok(Some(JsValue::new(*boolean)));
    }
    if let Some(integer) = object.downcast_ref::<boa_engine::JsBigInt>() {
        return Ok(Some(JsValue::new(integer.clone())));
    }
    Ok(None)
}

/// Whether reading a member of an object runs no code of the user, unless the member is a getter.
fn is_plain(object: &JsObject) -> bool {
    object.is_ordinary() || object.is_array()
}

/// The elements of an array without holes and getters; none where it has some.
fn dense_items(object: &JsObject) -> Vec<JsValue> {
    if !object.is_array() {
        return Vec::new();
    }
    match object.borrow().properties().index_properties() {
        IndexProperties::DenseI32(items) => items.map(|(_, item)| JsValue::new(*item)).collect(),
        IndexProperties::DenseF64(items) => items.map(|(_, item)| JsValue::new(*item)).collect(),
        IndexProperties::DenseElement(items) => items.map(|(_, item)| item.clone()).collect(),
        IndexProperties::SparseElement(_) | IndexProperties::SparseProperty(_) => Vec::new(),
    }
}

/// The members that `JSON.stringify` writes of an object, with the values of those that are data.
fn enumerable_members(
    object: &JsObject,
    context: &mut Context,
) -> JsResult<Vec<(PropertyKey, Option<JsValue>)>> {
    let keys = object.own_property_keys(context)?;
    if object.is_ordinary() {
        let borrowed = object.borrow();
        let properties = borrowed.properties();
        let member = |key: PropertyKey| {
            if matches!(key, PropertyKey::Symbol(_)) {
                return None;
            }
            let property = properties.get(&key).filter(PropertyDescriptor::expect_enumerable)?;
            Some((key, property.value().cloned()))
        };
        return Ok(keys.into_iter().filter_map(member).collect());
    }
    // Proxies, typed arrays and other exotic objects answer for themselves.
    let mut names = Vec::with_capacity(keys.len());
    for key in keys {
        if matches!(key, PropertyKey::Symbol(_)) {
            continue;
        }
        let name = match &key {
            PropertyKey::String(name) => JsValue::from(name.clone()),
            PropertyKey::Index(index) => JsValue::from(JsString::from(index.get().to_string())),
            PropertyKey::Symbol(_) => continue,
        };
        let test = context
            .intrinsics()
            .constructors()
            .object()
            .prototype()
            .get(js_string!("propertyIsEnumerable"), context)?;
        let Some(test) = test.as_callable() else { continue };
        if test.call(&object.clone().into(), &[name], context)?.to_boolean() {
            names.push((key, None));
        }
    }
    Ok(names)
}

fn too_deep() -> JsError {
    boa_engine::error::RuntimeLimitError::Recursion.into()
}
