//! What a schema expects, in words. The checks here and the functions generated from schemas speak alike.

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError};

use super::check::Violation;
use super::place::escape;
use crate::json::{self, Value};

/// How many characters of a value are shown.
pub const SHOWN: usize = 60;

/// How many values of an `enum` are shown.
const OPTIONS: usize = 12;

/// A value for a message: its JSON text, shortened.
#[must_use]
pub fn shown(value: &Value) -> String {
    shorten(&json::to_string(value))
}

/// A text for a message, in quotes and shortened.
#[must_use]
pub fn shown_text(text: &str) -> String {
    let mut quoted = String::new();
    json::write_string(text, &mut quoted);
    shorten(&quoted)
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What a keyword with this value expects, to be read after “expected”; `None` for keywords whose
/// expectation is that of the schemas in them.
#[must_use]
pub fn expectation(keyword: &str, value: &Value) -> Option<String> {
    Some(match keyword {
        "type" => match value {
            Value::Array(kinds) => {
                let kinds: Vec<&str> = kinds.iter().filter_map(Value::as_str).map(a_type).collect();
                either(&kinds)
            }
            kind => a_type(kind.as_str()?).to_owned(),
        },
        "enum" => match value.as_array()?.as_slice() {
            [only] => shown(only),
            options => {
                let more = if options.len() > OPTIONS { ", …" } else { "" };
                let options: Vec<String> = options.iter().take(OPTIONS).map(shown).collect();
                format!("one of {}{more}", options.join(", "))
            }
        },
        "const" => shown(value),
        "minimum" => format!("at least {}", shown(value)),
        "maximum" => format!("at most {}", shown(value)),
        "exclusiveMinimum" => format!("more than {}", shown(value)),
        "exclusiveMaximum" => format!("less than {}", shown(value)),
        "multipleOf" | "divisibleBy" => format!("a multiple of {}", shown(value)),
        "minLength" => format!("at least {}", count(value, "character")),
        "maxLength" => format!("at most {}", count(value, "character")),
        "minItems" => format!("at least {}", count(value, "item")),
        "maxItems" => format!("at most {}", count(value, "item")),
        "minProperties" => format!("at least {}", count(value, "member")),
        "maxProperties" => format!("at most {}", count(value, "member")),
        "uniqueItems" => "items that all differ".to_owned(),
        "pattern" => format!("text that matches `{}`", value.as_str()?),
        "format" => format!("text in the format `{}`", value.as_str()?),
        "required" => format!("the member `{}`", value.as_str()?),
        "additionalProperties" => format!("no member `{}`", value.as_str()?),
        "false" => "nothing here".to_owned(),
        "contains" => "an item that fits `contains`".to_owned(),
        "not" => "anything but what `not` describes".to_owned(),
        "anyOf" => "a value that fits one of the alternatives".to_owned(),
        "oneOf" => "a value that fits exactly one of the alternatives".to_owned(),
        _ => return None,
    })
}

fn count(value: &Value, what: &str) -> String {
    let number = shown(value);
    format!("{number} {what}{}", if number == "1" { "" } else { "s" })
}

fn a_type(name: &str) -> &'static str {
    match name {
        "array" => "an array",
        "boolean" => "true or false",
        "integer" => "an integer",
        "null" => "null",
        "number" => "a number",
        "object" => "an object",
        _ => "a string",
    }
}

fn either(kinds: &[&str]) -> String {
    match kinds.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => kinds.concat(),
    }
}

/// What an error of the validator says: a violation for each member that is missing or should not be
/// there, and otherwise one.
pub(super) fn violations(error: &ValidationError<'_>) -> Vec<Violation> {
    use ValidationErrorKind as Kind;
    let pointer = error.instance_path().as_str().to_owned();
    let violation = |pointer: String, keyword: &str, expected: String, found: Option<String>| {
        let schema_pointer = error.schema_path().as_str().to_owned();
        Violation { pointer, keyword: keyword.to_owned(), expected, found, schema_pointer }
    };
    let value = error.instance().as_ref();
    let simple = |keyword: &str, limit: &Value| {
        let expected = expectation(keyword, limit).unwrap_or_else(|| error.to_string());
        vec![violation(pointer.clone(), keyword, expected, Some(shown(value)))]
    };
    let limited = |keyword: &str, limit: u64| {
        let found = match value {
            Value::String(text) => count(&text.chars().count().into(), "character"),
            Value::Array(items) => count(&items.len().into(), "item"),
            Value::Object(members) => count(&members.len().into(), "member"),
            other => shown(other),
        };
        let expected = expectation(keyword, &limit.into()).unwrap_or_default();
        vec![violation(pointer.clone(), keyword, expected, Some(found))]
    };
    let unknown = |keyword: &str, names: &[String]| {
        let violation = |name: &String| {
            let expected = expectation("additionalProperties", &name.as_str().into());
            let pointer = format!("{pointer}/{}", escape(name));
            violation(pointer, keyword, expected.unwrap_or_default(), None)
        };
        names.iter().map(violation).collect()
    };
    match error.kind() {
        Kind::Type { kind } => simple("type", &types(kind)),
        Kind::Enum { options } => simple("enum", options),
        Kind::Constant { expected_value } => simple("const", expected_value),
        Kind::Minimum { limit } => simple("minimum", limit),
        Kind::Maximum { limit } => simple("maximum", limit),
        Kind::ExclusiveMinimum { limit } => simple("exclusiveMinimum", limit),
        Kind::ExclusiveMaximum { limit } => simple("exclusiveMaximum", limit),
        Kind::MultipleOf { multiple_of } => simple("multipleOf", multiple_of),
        Kind::Pattern { pattern } => simple("pattern", &pattern.as_str().into()),
        Kind::Format { format } => simple("format", &format.as_str().into()),
        Kind::MinLength { limit } => limited("minLength", *limit),
        Kind::MaxLength { limit } => limited("maxLength", *limit),
        Kind::MinItems { limit } => limited("minItems", *limit),
        Kind::MaxItems { limit } => limited("maxItems", *limit),
        Kind::AdditionalItems { limit } => limited("maxItems", *limit as u64),
        Kind::MinProperties { limit } => limited("minProperties", *limit),
        Kind::MaxProperties { limit } => limited("maxProperties", *limit),
        Kind::UniqueItems => simple("uniqueItems", &Value::Bool(true)),
        Kind::Contains => simple("contains", &Value::Null),
        Kind::Not { .. } => simple("not", &Value::Null),
        Kind::FalseSchema => simple("false", &Value::Bool(false)),
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            let pointer = format!("{pointer}/{}", escape(name));
            let expected = expectation("required", property).unwrap_or_default();
            vec![violation(pointer, "required", expected, Some("none".to_owned()))]
        }
        Kind::AdditionalProperties { unexpected } => unknown("additionalProperties", unexpected),
        Kind::UnevaluatedProperties { unexpected } => unknown("unevaluatedProperties", unexpected),
        Kind::PropertyNames { error: inner } => {
            let inner = violations(inner).into_iter().next();
            let expected = inner.as_ref().map_or_else(String::new, |inner| inner.expected.clone());
            let found = inner.and_then(|inner| inner.found);
            let expected = format!("names of members to be {expected}");
            vec![violation(pointer, "propertyNames", expected, found)]
        }
        Kind::AnyOf { context } => {
            alternatives(&violation(pointer, "anyOf", String::new(), Some(shown(value))), context)
        }
        Kind::OneOfNotValid { context } => {
            alternatives(&violation(pointer, "oneOf", String::new(), Some(shown(value))), context)
        }
        Kind::OneOfMultipleValid { .. } => simple("oneOf", &Value::Null),
        other => {
            let expected = format!("what `{}` asks for: {error}", other.keyword());
            vec![violation(pointer, other.keyword(), expected, None)]
        }
    }
}

fn types(kind: &TypeKind) -> Value {
    let name = |kind: JsonType| Value::String(kind.to_string());
    match kind {
        TypeKind::Single(kind) => name(*kind),
        TypeKind::Multiple(kinds) => kinds.iter().map(name).collect::<Vec<_>>().into(),
    }
}

/// None of the alternatives fits. What is wrong with the one that was probably meant says more than that.
fn alternatives(
    violation: &Violation,
    context: &[Vec<ValidationError<'static>>],
) -> Vec<Violation> {
    let base = violation.pointer.len();
    let depth = |branch: &[ValidationError<'static>]| {
        branch.iter().map(|error| error.instance_path().as_str().len().saturating_sub(base)).max()
    };
    // An alternative whose constants do not fit, or not even the type, is one that was not meant.
    let misfits = |branch: &[ValidationError<'static>]| {
        let is_misfit = |error: &&ValidationError<'static>| match error.kind() {
            ValidationErrorKind::Constant { .. } | ValidationErrorKind::Enum { .. } => true,
            ValidationErrorKind::Type { .. } => error.instance_path().as_str().len() == base,
            _ => false,
        };
        branch.iter().filter(is_misfit).count()
    };
    let closest = context
        .iter()
        .min_by_key(|branch| (misfits(branch), std::cmp::Reverse(depth(branch)), branch.len()));
    let all_types = context.iter().map(|branch| match branch.as_slice() {
        [error] if error.instance_path().as_str().len() == base => match error.kind() {
            ValidationErrorKind::Type { kind: TypeKind::Single(kind) } => {
                Some(Value::String(kind.to_string()))
            }
            _ => None,
        },
        _ => None,
    });
    // A choice between types is one `type` with several.
    if let Some(kinds) = all_types.collect::<Option<Vec<_>>>().filter(|kinds| !kinds.is_empty()) {
        let expected = expectation("type", &Value::Array(kinds)).unwrap_or_default();
        return vec![Violation { expected, ..violation.clone() }];
    }
    let first = closest.and_then(|branch| violations(branch.first()?).into_iter().next());
    let found = violation.found.as_ref().map(|found| match first {
        Some(first) => format!("{found}; the closest alternative says: {}", first.shown()),
        None => found.clone(),
    });
    let expected = expectation("anyOf", &Value::Null).unwrap_or_default();
    vec![Violation { expected, found, ..violation.clone() }]
}
