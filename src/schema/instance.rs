//! Instances, as JSON Schema calls what is validated.
//!
//! Most documents are valid, and nobody looks at them afterwards. An instance is therefore a view of
//! the document's text, or of a value, that the `jsonschema` crate reads directly: building the maps of
//! a [`Value`] would take longer than the check itself.

use std::borrow::Cow;
use std::collections::HashSet;

use jsonschema::JsonType;
use jsonschema::json::{Array, Json, JsonNumber, Node, NodeIdentity, Object, cmp};

use crate::json::{JsonError, Kind, MAX_DEPTH, Map, Number, Scanner, Value, canonical_number};

/// How instances are represented to the `jsonschema` crate.
pub(super) struct Instances;

/// A value under validation. Of members with equal names only the last is there, as CouchDB keeps it.
#[derive(Debug, Clone)]
pub(super) enum Instance<'a> {
    Null,
    Boolean(bool),
    /// In CouchDB's spelling.
    Number(Cow<'a, str>),
    String(Cow<'a, str>),
    Array(Vec<Instance<'a>>),
    Object(Members<'a>),
}

/// The members of an object.
pub(super) type Members<'a> = Vec<(Cow<'a, str>, Instance<'a>)>;

/// Up to so many members equal names are looked for by comparing all.
const FEW: usize = 32;

impl<'a> Instance<'a> {
    /// Reads JSON text as [`crate::json::parse_str`] does.
    ///
    /// # Errors
    /// When the text is not JSON that CouchDB accepts.
    pub(super) fn parse(text: &'a str) -> Result<Self, JsonError> {
        let mut scanner = Scanner::new(text.strip_prefix('\u{feff}').unwrap_or(text));
        let instance = Self::read(&mut scanner, 0)?;
        scanner.end()?;
        Ok(instance)
    }

    fn read(scanner: &mut Scanner<'a>, depth: usize) -> Result<Self, JsonError> {
        let kind = scanner.kind()?;
        if depth >= MAX_DEPTH && matches!(kind, Kind::Array | Kind::Object) {
            return Err(scanner.too_deep());
        }
        Ok(match kind {
            Kind::Null => scanner.null().map(|()| Self::Null)?,
            Kind::Bool => Self::Boolean(scanner.boolean()?),
            Kind::Number => {
                let text = scanner.number()?;
                let number = canonical_number(text);
                Self::Number(number.ok_or_else(|| scanner.error("the number is out of range"))?)
            }
            Kind::String => Self::String(scanner.string()?.unescape()),
            Kind::Array => {
                let mut items = Vec::new();
                let mut more = scanner.enter()?;
                while more {
                    items.push(Self::read(scanner, depth + 1)?);
                    more = scanner.more(b']')?;
                }
                Self::Array(items)
            }
            Kind::Object => {
                let mut members = Members::new();
                let mut more = scanner.enter()?;
                while more {
                    let name = scanner.name()?.unescape();
                    let member = Self::read(scanner, depth + 1)?;
                    if members.len() < FEW
                        && let Some(earlier) = members.iter().position(|(known, _)| *known == name)
                    {
                        members.remove(earlier);
                    }
                    members.push((name, member));
                    more = scanner.more(b'}')?;
                }
                if members.len() > FEW {
                    keep_last(&mut members);
                }
                Self::Object(members)
            }
        })
    }

    /// A view of a value.
    pub(super) fn of(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(boolean) => Self::Boolean(*boolean),
            Value::Number(number) => Self::Number(Cow::Borrowed(number.as_str())),
            Value::String(text) => Self::String(Cow::Borrowed(text)),
            Value::Array(items) => Self::Array(items.iter().map(Self::of).collect()),
            Value::Object(members) => Self::Object(view(members)),
        }
    }

    /// The member of an object.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => member(members, name),
            _ => None,
        }
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn to_owned_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Boolean(boolean) => Value::Bool(*boolean),
            Self::Number(text) => crate::json::number(text),
            Self::String(text) => Value::String(text.clone().into_owned()),
            Self::Array(items) => Value::Array(items.iter().map(Self::to_owned_value).collect()),
            Self::Object(members) => {
                let member = |(name, member): &(Cow<'_, str>, Instance<'_>)| {
                    (name.clone().into_owned(), member.to_owned_value())
                };
                Value::Object(members.iter().map(member).collect())
            }
        }
    }
}

/// A view of the members of a value.
pub(super) fn view(members: &Map<String, Value>) -> Members<'_> {
    let member = |(name, value)| (Cow::Borrowed(String::as_str(name)), Instance::of(value));
    members.iter().map(member).collect()
}

/// The member of this name.
pub(super) fn member<'a, 'm>(members: &'m Members<'a>, name: &str) -> Option<&'m Instance<'a>> {
    members.iter().find(|(known, _)| known == name).map(|(_, member)| member)
}

/// Removes the earlier ones of members with equal names.
fn keep_last(members: &mut Members<'_>) {
    let mut seen = HashSet::new();
    let is_last: Vec<bool> =
        members.iter().rev().map(|(name, _)| seen.insert(name.clone())).collect();
    let mut is_last = is_last.into_iter().rev();
    members.retain(|_| is_last.next().unwrap_or(true));
}

impl Json for Instances {
    type Node<'a> = &'a Instance<'a>;
    type PreparedKey = String;
    type StringBuffer = ();

    /// A search looks at half of the names, and quickly.
    const KEYS_PER_LOOKUP: usize = 4;

    fn prepare_key(key: &str) -> String {
        key.to_owned()
    }

    fn with_string_node<T>(
        (): &mut (),
        string: &str,
        f: impl for<'n> FnOnce(&'n Instance<'n>) -> T,
    ) -> T {
        f(&Instance::String(Cow::Borrowed(string)))
    }
}

impl<'a> Node<'a, Instances> for &'a Instance<'a> {
    type Object = &'a [(Cow<'a, str>, Instance<'a>)];
    type Array = &'a [Instance<'a>];
    type Number = Spelled<'a>;

    fn as_object(&self) -> Option<Self::Object> {
        match self {
            Instance::Object(members) => Some(members),
            _ => None,
        }
    }

    fn as_array(&self) -> Option<Self::Array> {
        match self {
            Instance::Array(items) => Some(items),
            _ => None,
        }
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        Instance::as_str(self).map(Cow::Borrowed)
    }

    fn as_number(&self) -> Option<Spelled<'a>> {
        match self {
            Instance::Number(text) => Some(Spelled(text)),
            _ => None,
        }
    }

    fn as_boolean(&self) -> Option<bool> {
        match self {
            Instance::Boolean(boolean) => Some(*boolean),
            _ => None,
        }
    }

    fn is_null(&self) -> bool {
        matches!(self, Instance::Null)
    }

    fn json_type(&self) -> JsonType {
        match self {
            Instance::Null => JsonType::Null,
            Instance::Boolean(_) => JsonType::Boolean,
            Instance::Number(_) => JsonType::Number,
            Instance::String(_) => JsonType::String,
            Instance::Array(_) => JsonType::Array,
            Instance::Object(_) => JsonType::Object,
        }
    }

    fn equals_value(&self, expected: &Value) -> bool {
        match (self, expected) {
            (Instance::String(text), Value::String(expected)) => text == expected,
            (Instance::Number(_), Value::Number(_))
            | (Instance::Array(_), Value::Array(_))
            | (Instance::Object(_), Value::Object(_)) => {
                cmp::equal(&self.to_owned_value(), expected)
            }
            (Instance::Boolean(boolean), Value::Bool(expected)) => boolean == expected,
            (Instance::Null, Value::Null) => true,
            _ => false,
        }
    }

    fn to_value(&self) -> Cow<'a, Value> {
        Cow::Owned(self.to_owned_value())
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(NodeIdentity::new(std::ptr::from_ref::<Instance<'_>>(self) as usize))
    }
}

impl<'a> Object<'a, Instances> for &'a [(Cow<'a, str>, Instance<'a>)] {
    type Node = &'a Instance<'a>;
    type MemberName = &'a str;
    type MembersIter = MembersIter<'a>;

    fn len(&self) -> usize {
        <[_]>::len(self)
    }

    fn get(&self, key: &String) -> Option<&'a Instance<'a>> {
        self.iter().find(|(name, _)| name == key).map(|(_, member)| member)
    }

    fn members(&self) -> MembersIter<'a> {
        MembersIter(self.iter())
    }
}

/// The members of an object, one after another.
pub(super) struct MembersIter<'a>(std::slice::Iter<'a, (Cow<'a, str>, Instance<'a>)>);

impl<'a> Iterator for MembersIter<'a> {
    type Item = (&'a str, &'a Instance<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(name, member)| (name.as_ref(), member))
    }
}

impl<'a> Array<'a, Instances> for &'a [Instance<'a>] {
    type Node = &'a Instance<'a>;
    type ElementsIter = std::slice::Iter<'a, Instance<'a>>;

    fn len(&self) -> usize {
        <[_]>::len(self)
    }

    fn elements(&self) -> Self::ElementsIter {
        self.iter()
    }
}

/// A number by its text.
pub(super) struct Spelled<'a>(&'a str);

impl JsonNumber for Spelled<'_> {
    fn as_u64(&self) -> Option<u64> {
        self.0.parse().ok()
    }

    fn as_i64(&self) -> Option<i64> {
        self.0.parse().ok()
    }

    fn as_f64(&self) -> Option<f64> {
        self.0.parse().ok().filter(|double: &f64| double.is_finite())
    }

    fn as_str(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.0)
    }

    fn to_number(&self) -> Cow<'_, Number> {
        Cow::Owned(Number::from_string_unchecked(self.0.to_owned()))
    }

    fn is_integer(&self) -> bool {
        // What is written with a fraction or an exponent is the text of a double.
        crate::json::is_integer(self.0) || self.as_f64().is_some_and(|double| double.fract() == 0.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::json::parse_str;

    #[test]
    fn the_validator_finds_what_it_relies_on() {
        let text = jsonschema::json::conformance::document().to_string();
        let instance = Instance::parse(&text).expect("JSON");
        jsonschema::json::conformance::assert_conformance::<Instances>(&&instance);
    }

    /// JSON text, with names that repeat and white space where it may be.
    fn text() -> impl Strategy<Value = String> {
        let name = || "\"([ab]|\\\\u0061|[cd]{0,2})\"";
        let number = "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,4})?([eE][-+]?[0-9]{1,3})?";
        let leaf = prop_oneof![
            Just("null".to_owned()),
            Just(" true".to_owned()),
            Just("false".to_owned()),
            number.prop_map(|number| number.clone()),
            name().prop_map(|text| text.clone()),
        ];
        leaf.prop_recursive(4, 200, 60, move |inner| {
            let many = |each| prop::collection::vec(each, 0..50);
            prop_oneof![
                many(inner.clone().boxed()).prop_map(|items| format!("[{}]", items.join(", "))),
                many((name(), inner).prop_map(|(name, item)| format!("{name} :{item}")).boxed())
                    .prop_map(|members| format!("{{ {}\n}}", members.join(","))),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn an_instance_of_a_text_is_that_of_its_value(text in text(), cut in 0..400_usize) {
            let value = parse_str(&text);
            let instance = Instance::parse(&text);
            match (&value, &instance) {
                (Ok(value), Ok(instance)) => {
                    let shown = crate::json::to_string(value);
                    prop_assert_eq!(&shown, &crate::json::to_string(&instance.to_owned_value()));
                    let of_value = Instance::of(value).to_owned_value();
                    prop_assert_eq!(&shown, &crate::json::to_string(&of_value));
                }
                (value, instance) => prop_assert_eq!(value.is_ok(), instance.is_ok()),
            }
            let cut = text.get(..cut).unwrap_or(&text);
            prop_assert_eq!(parse_str(cut).is_ok(), Instance::parse(cut).is_ok());
        }
    }
}
