//! The laws of views: what CouchDB relies on but does not check, tried on the fixtures.
//!
//! A map must give the same rows whenever it sees the same document, must not count on changing it,
//! and should not throw: CouchDB then drops the document's rows and only logs it. A reduce must give
//! the same answer however CouchDB splits the rows into reduce and rereduce steps, in either
//! direction, and must shrink its input.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Finding, Level};
use crate::engine::{Engine, ReduceLimit, Vm};
use crate::group::{GroupDefinition, GroupDocument, JavaScriptReducer, MapSource, ViewGroup};
use crate::json::{self, Value};
use crate::view::{Builtin, Reducer, Reduction, Row, ViewFailure};

/// Rows that one reduce function is tried on.
const ROWS: usize = 48;
/// Examples shown with a finding.
const EXAMPLES: usize = 3;
/// UTF-16 units of output below which growth is nobody's concern.
const SMALL_OUTPUT: usize = 256;

/// Checks all laws for a built group over the documents it was built from.
#[must_use]
pub(super) fn check(
    engine: &mut Engine,
    group: &ViewGroup,
    documents: &[GroupDocument],
) -> Vec<Finding> {
    let mut findings = throws(group);
    if engine.profile().for_language(&group.definition().language) == Some(engine.profile()) {
        findings.extend(determinism(engine, group, documents));
        findings.extend(reduces(engine, group));
    }
    findings
}

fn names(definition: &GroupDefinition, map: usize) -> String {
    definition.views_of(map).join("`, `")
}

fn throws(group: &ViewGroup) -> Vec<Finding> {
    let mut by_map: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for thrown in &group.thrown {
        by_map.entry(thrown.map).or_default().push(thrown.message.clone());
    }
    by_map
        .into_iter()
        .map(|(map, messages)| Finding {
            code: "map-throws",
            level: Level::Error,
            view: names(group.definition(), map),
            message: format!(
                "the map throws on {} of the fixtures; CouchDB would silently drop their rows",
                messages.len()
            ),
            details: examples(messages),
        })
        .collect()
}

fn examples(mut details: Vec<String>) -> Vec<String> {
    let more = details.len().saturating_sub(EXAMPLES);
    details.truncate(EXAMPLES);
    if more > 0 {
        details.push(format!("… and {more} more"));
    }
    details
}

/// What one document gave in the order of the functions: rows as texts.
type Rows = Vec<(usize, String, String)>;

/// Maps all documents again: the other way round, as another server process would, and once more
/// with documents that can be changed.
fn determinism(
    engine: &mut Engine,
    group: &ViewGroup,
    documents: &[GroupDocument],
) -> Vec<Finding> {
    let definition = group.definition();
    let sources: Vec<String> = definition
        .maps
        .iter()
        .filter_map(|map| match &map.source {
            MapSource::Function(source) => Some(source.clone()),
            MapSource::Mango(_) => None,
        })
        .collect();
    if sources.is_empty() || sources.len() != definition.maps.len() {
        return Vec::new();
    }
    let texts: Vec<Arc<str>> =
        documents.iter().map(|document| Arc::clone(&document.text)).collect();
    let lib = definition.lib.clone();
    let again = engine.run(move |vm: &mut Vm| {
        let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
        let forwards = map_all(vm, &sources, lib.as_ref(), texts.iter())?;
        let mut backwards = map_all(vm, &sources, lib.as_ref(), texts.iter().rev())?;
        backwards.reverse();
        let functions = vm.compile_maps(&sources, lib.as_ref()).ok()?;
        let changes: Vec<Vec<usize>> =
            texts.iter().map(|text| vm.changes_document(&functions, text)).collect();
        Some((forwards, backwards, changes))
    });
    // What cannot be mapped at all was reported already.
    let Ok(Some((forwards, backwards, changes))) = again else { return Vec::new() };
    let mut differing: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let mut changing: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for (position, document) in documents.iter().enumerate() {
        for map in 0..definition.maps.len() {
            let of =
                |rows: &Rows| rows.iter().filter(|row| row.0 == map).cloned().collect::<Rows>();
            let (one, other) = (of(&forwards[position]), of(&backwards[position]));
            if one != other {
                let detail = format!("`{}`: {} and then {}", document.id, show(&one), show(&other));
                differing.entry(map).or_default().push(detail);
            }
            if changes[position].contains(&map) {
                changing.entry(map).or_default().push(format!("`{}`", document.id));
            }
        }
    }
    let mut findings = Vec::new();
    for (map, details) in differing {
        findings.push(Finding {
            code: "map-not-deterministic",
            level: Level::Error,
            view: names(definition, map),
            message: "the map gives other rows for the same document when it runs again".into(),
            details: examples(details),
        });
    }
    for (map, details) in changing {
        findings.push(Finding {
            code: "map-changes-document",
            level: Level::Warning,
            view: names(definition, map),
            message: "the map assigns to its document, which CouchDB has frozen: nothing happens"
                .into(),
            details: examples(details),
        });
    }
    findings
}

fn map_all<'a>(
    vm: &mut Vm,
    sources: &[&str],
    lib: Option<&Value>,
    texts: impl Iterator<Item = &'a Arc<str>>,
) -> Option<Vec<Rows>> {
    let functions = vm.compile_maps(sources, lib).ok()?;
    texts
        .map(|text| {
            let outcome = vm.map_document(&functions, text).ok()?;
            Some(outcome.rows.into_iter().map(|row| (row.function, row.key, row.value)).collect())
        })
        .collect()
}

fn show(rows: &Rows) -> String {
    let rows: Vec<String> = rows.iter().map(|(_, key, value)| format!("{key} → {value}")).collect();
    if rows.is_empty() { "no rows".into() } else { rows.join(", ") }
}

fn reduces(engine: &mut Engine, group: &ViewGroup) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (position, view) in group.definition().views.iter().enumerate() {
        let Some(source) = &view.reduce else { continue };
        if !matches!(Builtin::recognise(source), Ok(None)) {
            continue;
        }
        if group.reduce_calls[position].iter().any(|call| call.threw) {
            findings.push(Finding {
                code: "reduce-throws",
                level: Level::Error,
                view: view.name.clone(),
                message: "the reduce throws on the fixtures; CouchDB would store null for them"
                    .into(),
                details: Vec::new(),
            });
            continue;
        }
        let rows: Vec<&Row> =
            group.index_of(view.map).shards().iter().flatten().take(ROWS).collect();
        if let Ok(found) = reduce_laws(engine, source, &view.name, &rows) {
            findings.extend(found);
        }
    }
    findings
}

fn reduce_laws(
    engine: &mut Engine,
    source: &str,
    view: &str,
    rows: &[&Row],
) -> Result<Vec<Finding>, ViewFailure> {
    if rows.len() < 2 {
        return Ok(Vec::new());
    }
    let limit = ReduceLimit { enabled: false, ..ReduceLimit::default() };
    let mut reducer = JavaScriptReducer::new(engine, source, limit);
    let whole = reducer.reduce(rows)?;
    let (output, input) = reducer.calls.last().map_or((0, 0), |call| (call.output, call.input));
    let once = reducer.rereduce(&[&whole])?;
    let half = rows.len() / 2;
    let mut splits = vec![("one reduce and one rereduce".to_owned(), once.clone())];
    for (title, parts) in [
        ("two halves".to_owned(), vec![&rows[..half], &rows[half..]]),
        ("the first row and the rest".to_owned(), vec![&rows[..1], &rows[1..]]),
        ("every row alone".to_owned(), rows.chunks(1).collect()),
    ] {
        let parts =
            parts.into_iter().map(|part| reducer.reduce(part)).collect::<Result<Vec<_>, _>>()?;
        splits.push((title, reducer.rereduce(&parts.iter().collect::<Vec<_>>())?));
    }
    let first = reducer.reduce(&rows[..half])?;
    let first = reducer.rereduce(&[&first])?;
    let rest = reducer.reduce(&rows[half..])?;
    splits.push(("a rereduce of a rereduce".into(), reducer.rereduce(&[&first, &rest])?));
    let mut findings = Vec::new();
    let differing: Vec<String> = splits
        .iter()
        .filter(|(_, value)| !same(&whole, value))
        .map(|(title, value)| format!("{title}: {}", text(value)))
        .collect();
    if differing.is_empty() {
        let reversed: Vec<&Row> = rows.iter().rev().copied().collect();
        let backwards = reducer.reduce(&reversed)?;
        if !same(&whole, &backwards) {
            findings.push(Finding {
                code: "reduce-depends-on-order",
                level: Level::Warning,
                view: view.to_owned(),
                message: "the reduce gives another answer when the rows come in reverse, as they \
                          may on a server"
                    .into(),
                details: vec![
                    format!("ascending: {}", text(&whole)),
                    format!("descending: {}", text(&backwards)),
                ],
            });
        }
    } else {
        let mut details = vec![format!("all {} rows in one reduce: {}", rows.len(), text(&whole))];
        details.extend(differing.into_iter().take(EXAMPLES));
        findings.push(Finding {
            code: "reduce-depends-on-split",
            level: Level::Error,
            view: view.to_owned(),
            message: "the reduce gives another answer when CouchDB reduces the rows in parts"
                .into(),
            details,
        });
    }
    reducer.reduce(&rows[..half])?;
    let half_output = reducer.calls.last().map_or(0, |call| call.output);
    // Output that nearly doubles with the input will pass any limit sooner or later.
    if output > SMALL_OUTPUT && output * 2 > half_output * 3 && output * 2 > input {
        findings.push(Finding {
            code: "reduce-does-not-shrink",
            level: Level::Error,
            view: view.to_owned(),
            message: format!(
                "the reduce grows with its rows ({half_output} characters for {half} rows, {output} \
                 for {}): CouchDB will answer reduce_overflow_error",
                rows.len()
            ),
            details: Vec::new(),
        });
    }
    Ok(findings)
}

fn text(reduction: &Reduction) -> String {
    match reduction {
        Reduction::Json(text) | Reduction::Overflow(text) => text.to_string(),
        Reduction::Partial(_) => String::new(),
    }
}

fn same(one: &Reduction, other: &Reduction) -> bool {
    let value = |reduction: &Reduction| json::parse_str(&text(reduction)).unwrap_or_default();
    nearly_equal(&value(one), &value(other))
}

/// Equal but for the last digits of floats, which depend on the order of additions.
fn nearly_equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            if one == other {
                return true;
            }
            let (one, other) =
                (json::number_to_double(one.as_str()), json::number_to_double(other.as_str()));
            (one - other).abs() <= 1e-9 * one.abs().max(other.abs())
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| nearly_equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            // The order of members often follows the order of rows; it does not matter to users.
            one.len() == other.len()
                && one.iter().all(|(name, member)| {
                    other.get(name).is_some_and(|found| nearly_equal(member, found))
                })
        }
        _ => one == other,
    }
}
