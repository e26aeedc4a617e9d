//! The texts of errors that boa throws, in the words of CouchDB's engines.
//!
//! An error gets them when it becomes text: in a log line, by `String(error)`, by `log(error)`.
//! boa has no hook for the moment a `catch` receives it, so `error.message` read before that is
//! boa's own.

use boa_engine::builtins::error::Error;
use boa_engine::object::JsObject;
use boa_engine::property::PropertyKey;
use boa_engine::{Context, JsString, JsValue, js_string};

use super::expression::{self, Chain, Failed, Member};
use crate::engine::Profile;
use crate::engine::builtins::define;
use crate::engine::source_text::error_place_in;
use crate::engine::vm::host;

const CLASS: &str = "class constructors must be invoked with 'new'";
const NULLISH: &str = "cannot convert 'null' or 'undefined' to object";
const NOT_CALLABLE: &str = "not a callable function";
const NOT_CONSTRUCTOR: &str = "not a constructor";

/// Gives an error that boa made the message that the profile's engine would have given it.
pub(in crate::engine) fn refine(error: &JsObject, context: &mut Context) {
    if !error.is::<Error>() {
        return;
    }
    let message = error.borrow().properties().get(&js_string!("message").into());
    let Some(message) = message.and_then(|property| property.value().and_then(JsValue::as_string))
    else {
        return;
    };
    let message = message.to_std_string_lossy();
    let engine_message = match message.as_str() {
        NULLISH => nullish(error, context),
        NOT_CALLABLE | NOT_CONSTRUCTOR => Some(not_callable(error, &message, context)),
        _ => match host(context).profile {
            Profile::SpiderMonkey => spidermonkey(&message, error, context),
            Profile::QuickJs => quickjs(&message, error, context),
        },
    };
    if let Some(text) = engine_message {
        define(error, "message", JsString::from(text).into(), false, context);
    }
}

/// Line and column of the expression that an error says is undefined, null or no function: where it
/// first stands in the function that begins at the given place.
pub(in crate::engine) fn named_expression(
    error: &JsObject,
    source: &str,
    (line, column): (u32, u32),
    context: &mut Context,
) -> Option<(u32, u32)> {
    let message = error.get(js_string!("message"), context).ok()?.as_string()?;
    let message = message.to_std_string_lossy();
    let endings = [" is not defined", " is undefined", " is null", " is not a function"];
    let name = endings.iter().find_map(|ending| message.strip_suffix(ending))?.trim_matches('\'');
    let text = host(context).sources.borrow().get(source)?;
    let start = expression::offset(&text, line, column)?;
    // Where boa knows no better it tells where the function's body begins.
    if !text.get(start..)?.starts_with('{') {
        return None;
    }
    let at = start + expression::find_name(text.get(start..)?, name)?;
    let line = text[..at].matches('\n').count() + 1;
    let column = text[..at].rsplit('\n').next().unwrap_or_default().encode_utf16().count() + 1;
    Some((u32::try_from(line).ok()?, u32::try_from(column).ok()?))
}

/// What stands where an error was thrown, and the source it stands in.
fn place(error: &JsObject, context: &mut Context) -> Option<(Option<Failed>, std::rc::Rc<str>)> {
    let (source, line, column) = error_place_in(error, context)?;
    let text = host(context).sources.borrow().get(&source)?;
    let failed = expression::offset(&text, line, column)
        .and_then(|offset| expression::failed(&text, offset));
    Some((failed, text))
}

fn nullish(error: &JsObject, context: &mut Context) -> Option<String> {
    let (failed, text) = place(error, context)?;
    let mut verb = "read";
    let (chain, member) = match failed {
        Some(Failed::Access(chain, member)) => (chain, member),
        other => {
            let assigned = match &other {
                Some(Failed::Assignment(target)) => target.receiver(),
                _ => None,
            };
            let mut missing = |chain: &Chain| {
                in_document(chain, &text, context).is_some_and(|value| value.is_null_or_undefined())
            };
            // What a variable holds is not known, but that it holds nothing is.
            let parameter = expression::first_parameter(&text);
            let is_variable = |chain: &Chain| parameter != Some(chain.root.as_str());
            let found = if let Some((receiver, member)) = assigned
                && (missing(&receiver) || is_variable(&receiver))
            {
                verb = "set";
                Some((receiver, member.clone()))
            } else if let Some(only) = only_call_on_variable(&text, is_variable) {
                Some(only)
            } else {
                // boa tells no place for `doc.name.trim()`: look for a call on a member that this
                // document does not have.
                expression::method_calls(&text).find_map(|chain| {
                    let (receiver, method) = chain.receiver()?;
                    let method = method.clone();
                    missing(&receiver).then_some((receiver, method))
                })
            };
            let (receiver, member) = found?;
            (Some(receiver), Some(member))
        }
    };
    let null = chain.as_ref().is_some_and(|chain| {
        chain.root == "null"
            || (chain.members.is_empty() && expression::is_set_to_null(&text, &chain.root))
            || in_document(chain, &text, context).is_some_and(|value| value.is_null())
    });
    let value = if null { "null" } else { "undefined" };
    Some(match (host(context).profile, chain, member) {
        (Profile::SpiderMonkey, Some(chain), _) if chain.to_string() == value => {
            format!("{value} has no properties")
        }
        (Profile::SpiderMonkey, Some(chain), _) => format!("{chain} is {value}"),
        (Profile::SpiderMonkey, None, _) => format!("(intermediate value) is {value}"),
        (Profile::QuickJs, _, Some(Member::Name(name))) => {
            format!("cannot {verb} property '{name}' of {value}")
        }
        (Profile::QuickJs, _, Some(Member::Index(index))) => {
            format!("cannot {verb} property '{index}' of {value}")
        }
        (Profile::QuickJs, ..) => format!("cannot read property of {value}"),
    })
}

/// Receiver and name of the only method call in a source, if its receiver is a variable.
fn only_call_on_variable(
    text: &str,
    is_variable: impl Fn(&Chain) -> bool,
) -> Option<(Chain, Member)> {
    let mut calls = expression::method_calls(text);
    let (only, None) = (calls.next()?, calls.next()) else { return None };
    let (receiver, method) = only.receiver()?;
    let method = method.clone();
    (receiver.members.is_empty() && is_variable(&receiver)).then_some((receiver, method))
}

/// The value of a chain that starts at the map function's document; `None` for other chains.
fn in_document(chain: &Chain, text: &str, context: &mut Context) -> Option<JsValue> {
    if expression::first_parameter(text) != Some(chain.root.as_str()) {
        return None;
    }
    let mut value = host(context).document.borrow().clone()?;
    for member in &chain.members {
        let key = match member {
            Member::Name(name) => PropertyKey::from(JsString::from(name.as_str())),
            Member::Index(index) => PropertyKey::from(*index),
            Member::Computed(_) => return None,
        };
        // Documents are plain data: reading one runs no code.
        value = value.as_object()?.get(key, context).ok()?;
    }
    Some(value)
}

fn not_callable(error: &JsObject, message: &str, context: &mut Context) -> String {
    if host(context).profile == Profile::QuickJs {
        return "not a function".into();
    }
    let what = if message == NOT_CALLABLE { "a function" } else { "a constructor" };
    let chain = match place(error, context) {
        Some((Some(Failed::Call(chain)), _)) => chain,
        // boa tells no place for `new`: only one that stands alone is certain.
        Some((_, text)) if message == NOT_CONSTRUCTOR => {
            let mut constructed = expression::constructed(&text);
            constructed.next().filter(|first| constructed.all(|other| other == *first))
        }
        _ => None,
    };
    let callee = chain.map_or_else(|| "(intermediate value)".into(), |chain| chain.to_string());
    format!("{callee} is not {what}")
}

/// The text between `start` and `end`.
fn within<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    text.strip_prefix(start)?.strip_suffix(end)
}

/// Whether the failed call added to the end of an array.
fn adds(error: &JsObject, context: &mut Context) -> bool {
    let Some((Some(Failed::Call(Some(chain))), _)) = place(error, context) else {
        return false;
    };
    matches!(chain.members.last(), Some(Member::Name(name)) if name == "push" || name == "unshift")
}

/// Whether the failed assignment would have added a member to the document or a part of it.
fn is_new(key: &str, error: &JsObject, context: &mut Context) -> bool {
    let Some((Some(Failed::Assignment(target)), text)) = place(error, context) else {
        return false;
    };
    let Some((receiver, _)) = target.receiver() else { return false };
    if receiver.members.is_empty() && host(context).is_projected.get() {
        return false;
    }
    let holder = in_document(&receiver, &text, context).and_then(|value| value.as_object());
    holder.is_some_and(|holder| {
        !holder.has_own_property(JsString::from(key), context).unwrap_or(true)
    })
}

fn is_uri_error(error: &JsObject, context: &mut Context) -> bool {
    let name = error.get(js_string!("name"), context).unwrap_or_default();
    name.as_string().is_some_and(|name| name == js_string!("URIError"))
}

/// SpiderMonkey 78's texts (`js/src/js.msg`).
fn spidermonkey(message: &str, error: &JsObject, context: &mut Context) -> Option<String> {
    if let Some(name) = within(message, "cannot assign to uninitialized global property `", "`") {
        return Some(format!("assignment to undeclared variable {name}"));
    }
    if let Some(name) = within(message, "cannot mutate an immutable binding '", "'") {
        return Some(format!("invalid assignment to const '{name}'"));
    }
    if let Some(key) = message.strip_prefix("cannot set non-writable property: ") {
        if adds(error, context) {
            return Some(
                "can't define array index property past the end of an array with non-writable \
                 length"
                    .into(),
            );
        }
        if is_new(key, error, context) {
            return Some(format!("can't define property {key:?}: Proxy is not extensible"));
        }
        let index = key.bytes().all(|byte| byte.is_ascii_digit());
        return Some(if index {
            format!("{key} is read-only")
        } else {
            format!("{key:?} is read-only")
        });
    }
    let text = match message {
        _ if message.ends_with("called on an empty array and with no initial value") => {
            "reduce of empty array with no initial value"
        }
        "Invalid array length" => "invalid array length",
        "access of uninitialized binding" => {
            "can't access lexical declaration before initialization"
        }
        "Invalid time value" => "invalid date",
        "argument must not be a symbol" => "can't convert symbol to number",
        "The comparison function must be either a function or undefined" => {
            "invalid Array.prototype.sort argument"
        }
        "class constructor cannot be invoked without 'new'" => CLASS,
        "Cannot destructure 'null' value" => "null has no properties",
        "Cannot destructure 'undefined' value" => "undefined has no properties",
        _ if is_uri_error(error, context) => "malformed URI sequence",
        _ => return None,
    };
    Some(text.into())
}

/// The texts of the QuickJS of CouchDB 3.5.0.
fn quickjs(message: &str, error: &JsObject, context: &mut Context) -> Option<String> {
    if let Some(name) = message.strip_suffix(" is not defined") {
        let quoted = name.starts_with('\'');
        return (!quoted).then(|| format!("'{name}' is not defined"));
    }
    if let Some(name) = within(message, "cannot assign to uninitialized global property `", "`") {
        return Some(format!("'{name}' is not defined"));
    }
    if let Some(name) = within(message, "cannot mutate an immutable binding '", "'") {
        return Some(format!("'{name}' is read-only"));
    }
    if let Some(key) = message.strip_prefix("cannot set non-writable property: ") {
        let is_new = adds(error, context) || is_new(key, error, context);
        let text = format!("'{key}' is read-only");
        return Some(if is_new { "object is not extensible".into() } else { text });
    }
    let text = match message {
        _ if message.ends_with("called on an empty array and with no initial value") => {
            "empty array"
        }
        "Invalid array length" => "invalid array length",
        "access of uninitialized binding" => "lexical variable is not initialized",
        "Invalid time value" => "Date value is NaN",
        "argument must not be a symbol" => "cannot convert symbol to number",
        "can't convert symbol to string" => "cannot convert symbol to string",
        "cyclic object value" => "circular reference",
        "right-hand side of 'instanceof' is not callable" => "invalid 'instanceof' right operand",
        "The comparison function must be either a function or undefined" => "not a function",
        _ if message.ends_with("is not callable") => "not a function",
        _ if message.starts_with("right-hand side of 'in' should be an object") => {
            "invalid 'in' operand"
        }
        "class constructor cannot be invoked without 'new'" => CLASS,
        "BigInt value can't be serialized in JSON" => "Do not know how to serialize a BigInt",
        "Cannot delete property" => "could not delete property",
        _ if message.starts_with("cannot redefine property") => "object is not extensible",
        _ if message.starts_with("Cannot destructure") => "cannot convert to object",
        _ if message.starts_with("value with type") && message.ends_with("is not iterable") => {
            "value is not iterable"
        }
        _ if message.starts_with("toFixed() digits") => "invalid number of digits",
        _ if is_uri_error(error, context) => "expecting hex digit",
        _ => return None,
    };
    Some(text.into())
}
