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

use super::Profile;
use super::builtins::{define, method};
use super::stringify::{self, Spelling};
use super::vm::host;
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
    let value = parse(&text, context)?;
    if arguments.get_or_undefined(1).is_callable() {
        // With a reviver: the text is valid by now, and its depth is bounded.
        return original.call(this, arguments, context);
    }
    Ok(value)
}

/// `JSON.parse(text)`.
///
/// # Errors
/// A `SyntaxError` with the engine's message.
pub(super) fn parse(text: &JsString, context: &mut Context) -> JsResult<JsValue> {
    let units = text.to_vec();
    Parser { units: &units, position: 0, profile: host(context).profile }.document(context)
}

/// A JSON parser over UTF-16, as JavaScript strings may hold lone surrogates.
struct Parser<'a> {
    units: &'a [u16],
    position: usize,
    /// Whose messages and liberties to have.
    profile: Profile,
}

impl Parser<'_> {
    fn document(&mut self, context: &mut Context) -> JsResult<JsValue> {
        let value = self.value(0, context)?;
        self.space();
        if self.at_end() {
            return Ok(value);
        }
        self.fail(
            "unexpected non-whitespace character after JSON data",
            "unexpected data at the end",
        )
    }

    fn peek(&self) -> Option<char> {
        self.units.get(self.position).and_then(|unit| char::from_u32(u32::from(*unit)))
    }

    fn space(&mut self) {
        while let Some(' ' | '\n' | '\r' | '\t') = self.peek() {
            self.position += 1;
        }
    }

    /// Fails at the current place; each engine has words of its own.
    fn fail<T>(&self, spidermonkey: &str, quickjs: &str) -> JsResult<T> {
        let seen = &self.units[..self.position.min(self.units.len())];
        let line = seen.iter().filter(|unit| **unit == u16::from(b'\n')).count() + 1;
        let column = seen.iter().rev().take_while(|unit| **unit != u16::from(b'\n')).count() + 1;
        let message = match self.profile {
            Profile::SpiderMonkey => format!(
                "JSON.parse: {spidermonkey} at line {line} column {column} of the JSON data"
            ),
            Profile::QuickJs => quickjs.to_owned(),
        };
        Err(JsNativeError::syntax().with_message(message).into())
    }

    fn at_end(&self) -> bool {
        self.position >= self.units.len()
    }

    /// Fails where a value was expected.
    fn no_value<T>(&self) -> JsResult<T> {
        if self.at_end() {
            return self.fail("unexpected end of data", "Unexpected end of JSON input");
        }
        let word: Vec<u16> = self.units[self.position..]
            .iter()
            .copied()
            .take_while(|unit| u8::try_from(*unit).is_ok_and(|byte| byte.is_ascii_alphanumeric()))
            .collect();
        let token =
            if word.is_empty() { &self.units[self.position..=self.position] } else { &word };
        let token = format!("unexpected token: '{}'", String::from_utf16_lossy(token));
        let keyword = matches!(self.peek(), Some('t' | 'f' | 'n'));
        self.fail(if keyword { "unexpected keyword" } else { "unexpected character" }, &token)
    }

    fn literal(&mut self, text: &str, value: JsValue) -> JsResult<JsValue> {
        let found = &self.units[self.position..];
        if found.len() < text.len() || !text.encode_utf16().eq(found[..text.len()].iter().copied())
        {
            return self.no_value();
        }
        self.position += text.len();
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
            _ => self.no_value(),
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
        let mut first = true;
        loop {
            self.space();
            if self.peek() != Some('"') {
                let spidermonkey = match (first, self.at_end()) {
                    (true, true) => "end of data while reading object contents",
                    (true, false) => "expected property name or '}'",
                    (false, true) => "end of data when property name was expected",
                    (false, false) => "expected double-quoted property name",
                };
                return self.fail(spidermonkey, "expecting property name");
            }
            first = false;
            let key = PropertyKey::from(self.string()?);
            self.space();
            if self.peek() != Some(':') {
                let spidermonkey = if self.at_end() {
                    "end of data after property name when ':' was expected"
                } else {
                    "expected ':' after property name in object"
                };
                return self.fail(spidermonkey, "expecting ':'");
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
            _ => match (close, self.at_end()) {
                (']', true) => {
                    self.fail("end of data when ',' or ']' was expected", "expecting ']'")
                }
                (']', false) => {
                    self.fail("expected ',' or ']' after array element", "expecting ']'")
                }
                (_, true) => {
                    self.fail("end of data after property value in object", "expecting '}'")
                }
                (_, false) => {
                    self.fail("expected ',' or '}' after property value in object", "expecting '}'")
                }
            },
        }
    }

    /// Digits, of which there must be one; `end` and `other` are SpiderMonkey's words otherwise.
    fn digits(&mut self, end: &str, other: &str) -> JsResult<()> {
        let start = self.position;
        while let Some('0'..='9') = self.peek() {
            self.position += 1;
        }
        if self.position > start {
            return Ok(());
        }
        self.fail(if self.at_end() { end } else { other }, "Unexpected token in JSON number")
    }

    fn number(&mut self) -> JsResult<JsValue> {
        let start = self.position;
        if self.peek() == Some('-') {
            self.position += 1;
        }
        if self.peek() == Some('0') {
            self.position += 1;
        } else {
            self.digits("no number after minus sign", "unexpected non-digit")?;
        }
        if self.peek() == Some('.') {
            self.position += 1;
            // The QuickJS of CouchDB up to 3.5.1 takes `1.` for a number.
            if self.profile == Profile::SpiderMonkey
                || self.peek().is_some_and(|next| next.is_ascii_digit())
            {
                self.digits(
                    "missing digits after decimal point",
                    "unterminated fractional number",
                )?;
            }
        }
        if let Some('e' | 'E') = self.peek() {
            self.position += 1;
            let mut end = "missing digits after exponent indicator";
            if let Some('+' | '-') = self.peek() {
                self.position += 1;
                end = "missing digits after exponent sign";
            }
            self.digits(end, "exponent part is missing a number")?;
        }
        let text = String::from_utf16_lossy(&self.units[start..self.position]);
        Ok(super::documents::number(&text))
    }

    fn string(&mut self) -> JsResult<JsString> {
        self.position += 1;
        let mut text = Vec::new();
        loop {
            let Some(unit) = self.units.get(self.position).copied() else {
                return self.fail("unterminated string literal", "Unexpected end of JSON input");
            };
            match char::from_u32(u32::from(unit)) {
                Some('"') => {
                    self.position += 1;
                    return Ok(JsString::from(text.as_slice()));
                }
                Some('\\') => text.push(self.escape()?),
                Some(control) if control < ' ' => {
                    return self.fail(
                        "bad control character in string literal",
                        "Bad control character in string literal",
                    );
                }
                _ => {
                    text.push(unit);
                    self.position += 1;
                }
            }
        }
    }

    fn escape(&mut self) -> JsResult<u16> {
        self.position += 1;
        let Some(escape) = self.peek() else {
            return self.fail("unterminated string", "Unexpected end of JSON input");
        };
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
                        return self.fail("bad Unicode escape", "Bad Unicode escape");
                    };
                    unit = unit * 16 + digit as u16;
                }
                unit
            }
            _ => return self.fail("bad escaped character", "Bad escaped character"),
        };
        self.position += 1;
        Ok(unit)
    }
}
