//! The `JSON` object of the realms.
//!
//! boa's own `JSON.parse` compiles its text as a script and keeps it, and its `JSON.stringify`
//! recurses without bound; both are replaced.

use boa_engine::builtins::object::OrdinaryObject;
use boa_engine::object::builtins::JsArray;
use boa_engine::object::{FunctionObjectBuilder, JsObject};
use boa_engine::property::{PropertyDescriptor, PropertyKey};
use boa_engine::realm::Realm;
use boa_engine::{
    Context, JsArgs, JsNativeError, JsResult, JsString, JsValue, NativeFunction, js_string,
};

use super::builtins::{define, method};
use super::stringify::{self, Spelling};
use crate::json::MAX_DEPTH;

/// Replaces the two functions of the realm's `JSON`.
pub(super) fn install(realm: &Realm, context: &mut Context) {
    let json = realm.intrinsics().objects().json();
    let stringify = FunctionObjectBuilder::new(
        realm,
        NativeFunction::from_copy_closure_with_captures(
            stringify_function,
            method(&json, "stringify", context),
        ),
    )
    .name(js_string!("stringify"))
    .length(3)
    .build();
    define(&json, "stringify", stringify.into(), false, context);
    let parse = FunctionObjectBuilder::new(
        realm,
        NativeFunction::from_copy_closure_with_captures(
            parse_function,
            method(&json, "parse", context),
        ),
    )
    .name(js_string!("parse"))
    .length(2)
    .build();
    define(&json, "parse", parse.into(), false, context);
}

fn stringify_function(
    this: &JsValue,
    arguments: &[JsValue],
    original: &JsObject,
    context: &mut Context,
) -> JsResult<JsValue> {
    let value = arguments.get_or_undefined(0);
    let plain = arguments.get_or_undefined(1).is_null_or_undefined()
        && arguments.get_or_undefined(2).is_null_or_undefined();
    let mut text = String::new();
    let written = stringify::write(value, Spelling::JavaScript, &mut text, context);
    if !plain {
        // The first pass bounds the depth before boa's own recurses; other errors are its to throw.
        if let Err(error) = written
            && error.as_engine().is_some()
        {
            return Err(error);
        }
        return original.call(this, arguments, context);
    }
    Ok(if written? { JsString::from(text).into() } else { JsValue::undefined() })
}

fn parse_function(
    this: &JsValue,
    arguments: &[JsValue],
    original: &JsObject,
    context: &mut Context,
) -> JsResult<JsValue> {
    let text = arguments.get_or_undefined(0).to_string(context)?;
    let units = text.to_vec();
    let mut parser = Parser { units: &units, position: 0 };
    let value = parser.document(context)?;
    if arguments.get_or_undefined(1).is_callable() {
        // With a reviver: the text is valid by now, and its depth is bounded.
        return original.call(this, arguments, context);
    }
    Ok(value)
}

/// A JSON parser over UTF-16, as JavaScript strings may hold lone surrogates.
struct Parser<'a> {
    units: &'a [u16],
    position: usize,
}

impl Parser<'_> {
    fn document(&mut self, context: &mut Context) -> JsResult<JsValue> {
        let value = self.value(0, context)?;
        self.space();
        if self.position < self.units.len() { self.fail() } else { Ok(value) }
    }

    fn peek(&self) -> Option<char> {
        self.units.get(self.position).and_then(|unit| char::from_u32(u32::from(*unit)))
    }

    fn space(&mut self) {
        while let Some(' ' | '\n' | '\r' | '\t') = self.peek() {
            self.position += 1;
        }
    }

    fn fail<T>(&self) -> JsResult<T> {
        let seen = &self.units[..self.position.min(self.units.len())];
        let line = seen.iter().filter(|unit| **unit == u16::from(b'\n')).count() + 1;
        let column = seen.iter().rev().take_while(|unit| **unit != u16::from(b'\n')).count() + 1;
        let what = if self.position >= self.units.len() {
            "unexpected end of data"
        } else {
            "unexpected character"
        };
        Err(JsNativeError::syntax()
            .with_message(format!(
                "JSON.parse: {what} at line {line} column {column} of the JSON data"
            ))
            .into())
    }

    fn literal(&mut self, text: &str, value: JsValue) -> JsResult<JsValue> {
        for expected in text.chars() {
            if self.peek() != Some(expected) {
                return self.fail();
            }
            self.position += 1;
        }
        Ok(value)
    }

    fn value(&mut self, depth: usize, context: &mut Context) -> JsResult<JsValue> {
        if depth > 5 * MAX_DEPTH {
            return Err(boa_engine::error::RuntimeLimitError::Recursion.into());
        }
        self.space();
        match self.peek() {
            Some('n') => self.literal("null", JsValue::null()),
            Some('t') => self.literal("true", JsValue::new(true)),
            Some('f') => self.literal("false", JsValue::new(false)),
            Some('"') => self.string().map(JsValue::new),
            Some('-' | '0'..='9') => self.number(),
            Some('[') => self.array(depth, context),
            Some('{') => self.object(depth, context),
            _ => self.fail(),
        }
    }

    fn array(&mut self, depth: usize, context: &mut Context) -> JsResult<JsValue> {
        self.position += 1;
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(']') {
            self.position += 1;
        } else {
            loop {
                items.push(self.value(depth + 1, context)?);
                if !self.more(']')? {
                    break;
                }
            }
        }
        Ok(JsArray::from_iter(items, context).into())
    }

    fn object(&mut self, depth: usize, context: &mut Context) -> JsResult<JsValue> {
        self.position += 1;
        let prototype = context.intrinsics().constructors().object().prototype();
        let object = JsObject::new(context.root_shape(), prototype, OrdinaryObject).upcast();
        self.space();
        if self.peek() == Some('}') {
            self.position += 1;
            return Ok(object.into());
        }
        loop {
            self.space();
            if self.peek() != Some('"') {
                return self.fail();
            }
            let key = PropertyKey::from(self.string()?);
            self.space();
            if self.peek() != Some(':') {
                return self.fail();
            }
            self.position += 1;
            let value = self.value(depth + 1, context)?;
            object.insert_property(
                key,
                PropertyDescriptor::builder()
                    .value(value)
                    .writable(true)
                    .enumerable(true)
                    .configurable(true),
            );
            if !self.more('}')? {
                return Ok(object.into());
            }
        }
    }

    fn more(&mut self, close: char) -> JsResult<bool> {
        self.space();
        match self.peek() {
            Some(',') => {
                self.position += 1;
                Ok(true)
            }
            Some(found) if found == close => {
                self.position += 1;
                Ok(false)
            }
            _ => self.fail(),
        }
    }

    fn digits(&mut self) -> JsResult<()> {
        let start = self.position;
        while let Some('0'..='9') = self.peek() {
            self.position += 1;
        }
        if self.position == start { self.fail() } else { Ok(()) }
    }

    fn number(&mut self) -> JsResult<JsValue> {
        let start = self.position;
        if self.peek() == Some('-') {
            self.position += 1;
        }
        if self.peek() == Some('0') {
            self.position += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some('.') {
            self.position += 1;
            self.digits()?;
        }
        if let Some('e' | 'E') = self.peek() {
            self.position += 1;
            if let Some('+' | '-') = self.peek() {
                self.position += 1;
            }
            self.digits()?;
        }
        let text = String::from_utf16_lossy(&self.units[start..self.position]);
        Ok(super::documents::number(&text))
    }

    fn string(&mut self) -> JsResult<JsString> {
        self.position += 1;
        let mut text = Vec::new();
        loop {
            let Some(unit) = self.units.get(self.position).copied() else { return self.fail() };
            match char::from_u32(u32::from(unit)) {
                Some('"') => {
                    self.position += 1;
                    return Ok(JsString::from(text.as_slice()));
                }
                Some('\\') => text.push(self.escape()?),
                Some(control) if control < ' ' => return self.fail(),
                _ => {
                    text.push(unit);
                    self.position += 1;
                }
            }
        }
    }

    fn escape(&mut self) -> JsResult<u16> {
        self.position += 1;
        let Some(escape) = self.peek() else { return self.fail() };
        let unit = match escape {
            '"' | '\\' | '/' => escape as u16,
            'b' => 8,
            'f' => 12,
            'n' => 10,
            'r' => 13,
            't' => 9,
            'u' => {
                let mut unit = 0;
                for _ in 0..4 {
                    self.position += 1;
                    let Some(digit) = self.peek().and_then(|digit| digit.to_digit(16)) else {
                        return self.fail();
                    };
                    unit = unit * 16 + digit as u16;
                }
                unit
            }
            _ => return self.fail(),
        };
        self.position += 1;
        Ok(unit)
    }
}
