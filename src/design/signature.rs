//! The signature of an index: CouchDB names the index of a design document by a hash over what its
//! rows depend on. An equal signature means that the index is kept, a different one that it is
//! built anew.

use std::cmp::Ordering;

use md5::{Digest, Md5};

use super::term::{Term, compare, encode_term};
use crate::json::{Map, Value};

/// The language of a design document that names none.
pub(super) const DEFAULT_LANGUAGE: &str = "javascript";

/// Views that share a map and options: CouchDB keeps one B-tree for all of them.
#[derive(Debug, Clone, PartialEq)]
pub struct ViewGroup<'a> {
    /// The map: a source, or an object in a Mango design document.
    pub map: &'a Value,
    /// The members of the views' `options`, if there are any.
    pub options: Option<&'a Map<String, Value>>,
    /// Names of the views without a reduce, the last one first.
    pub names: Vec<&'a str>,
    /// Names and reduce sources of the other views, the last one first.
    pub reduces: Vec<(&'a str, &'a Value)>,
}

impl ViewGroup<'_> {
    /// The view that CouchDB names in messages about this group.
    #[must_use]
    pub fn name(&self) -> &str {
        self.names
            .first()
            .or_else(|| self.reduces.first().map(|(name, _)| name))
            .copied()
            .unwrap_or_default()
    }

    fn key(&self) -> [Term; 4] {
        [
            Term::from(self.map),
            members(self.options),
            Term::List(self.names.iter().map(|name| Term::text(name)).collect()),
            Term::List(
                self.reduces
                    .iter()
                    .map(|(name, source)| Term::Tuple(vec![Term::text(name), Term::from(*source)]))
                    .collect(),
            ),
        ]
    }
}

/// The views of a design document, grouped and in the order in which CouchDB numbers and compiles
/// them: by map, then by options, in Erlang's order of terms.
#[must_use]
pub fn view_groups(body: &Map<String, Value>) -> Vec<ViewGroup<'_>> {
    sorted_groups(body).into_iter().map(|(_, group)| group).collect()
}

fn sorted_groups(body: &Map<String, Value>) -> Vec<([Term; 4], ViewGroup<'_>)> {
    let mut groups: Vec<ViewGroup<'_>> = Vec::new();
    let views = body.get("views").and_then(Value::as_object);
    for (name, view) in views.into_iter().flatten() {
        let Some(map) = view.get("map") else { continue };
        let options =
            view.get("options").and_then(Value::as_object).filter(|options| !options.is_empty());
        let place = groups
            .iter()
            .position(|group| group.map == map && same_options(group.options, options))
            .unwrap_or_else(|| {
                groups.push(ViewGroup { map, options, names: Vec::new(), reduces: Vec::new() });
                groups.len() - 1
            });
        match view.get("reduce") {
            Some(reduce) => groups[place].reduces.insert(0, (name, reduce)),
            None => groups[place].names.insert(0, name),
        }
    }
    let mut keyed: Vec<_> = groups.into_iter().map(|group| (group.key(), group)).collect();
    // Options that differ only in `1` and `1.0` compare equal: the names decide then.
    keyed.sort_by(|(left, _), (right, _)| {
        left.iter()
            .zip(right)
            .map(|(left, right)| compare(left, right))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    });
    keyed
}

/// Whether two sets of options are the same term: the order of members counts at every level.
fn same_options(left: Option<&Map<String, Value>>, right: Option<&Map<String, Value>>) -> bool {
    match (left, right) {
        (None, None) => true,
        (Some(left), Some(right)) => Term::members(left) == Term::members(right),
        _ => false,
    }
}

fn members(options: Option<&Map<String, Value>>) -> Term {
    options.map_or_else(|| Term::List(Vec::new()), Term::members)
}

/// The signature of the index of a design document with this body, as the hexadecimal text that
/// `_info` shows.
///
/// Members that no index can have (an `options` that is not an object, say: the server refuses to
/// save them) count as absent.
#[must_use]
pub fn signature(body: &Map<String, Value>) -> String {
    let groups = sorted_groups(body)
        .into_iter()
        .zip(0..)
        .map(|(([map, options, names, reduces], _), number)| {
            Term::Tuple(vec![
                Term::Atom("mrview"),
                Term::integer(number),
                Term::integer(0),
                Term::integer(0),
                names,
                reduces,
                map,
                Term::Atom("nil"),
                options,
            ])
        })
        .collect();
    let language = body.get("language").and_then(Value::as_str).unwrap_or(DEFAULT_LANGUAGE);
    let lib = body.get("views").and_then(|views| views.get("lib")).and_then(Value::as_object);
    let definition = Term::Tuple(vec![
        Term::List(groups),
        Term::text(language),
        members(body.get("options").and_then(Value::as_object)),
        lib.map_or_else(|| Term::List(Vec::new()), sorted_lib),
    ]);
    hex(&Md5::digest(encode_term(&definition)))
}

/// Modules in bytewise order of their names at every level; nested objects lose their 1-tuple.
fn sorted_lib(modules: &Map<String, Value>) -> Term {
    let mut sorted: Vec<_> = modules.iter().collect();
    sorted.sort_by_key(|(name, _)| name.as_bytes());
    Term::List(
        sorted
            .into_iter()
            .map(|(name, module)| {
                let module = match module {
                    Value::Object(nested) => sorted_lib(nested),
                    other => Term::from(other),
                };
                Term::Tuple(vec![Term::text(name), module])
            })
            .collect(),
    )
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}
