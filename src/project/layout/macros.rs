//! Couchapp's macros: `// !code glob` is replaced by the files it names, `// !json path` by
//! variables that hold members of the design document.

use std::path::Path;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::json::{Map, Value};
use crate::project::files;
use crate::project::problem::{Fault, Problem, line_of};

static CODE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?://|#) ?!code ([^\n]*)").ok());
static JSON: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?://|#) ?!json ([^\n]*)").ok());

/// Files that include each other deeper than this include themselves.
const MAX_DEPTH: usize = 32;

/// Members whose functions couchapp looks for macros in, in its order.
const FUNCTION_MEMBERS: [&str; 5] = ["shows", "lists", "updates", "filters", "spatial"];

/// Expands the macros of a whole design document, as couchapp does before it pushes.
/// `file_of` names the file of a member, for messages.
pub(super) fn expand_all(
    root: &Path,
    body: &mut Map<String, Value>,
    file_of: &dyn Fn(&[&str]) -> (std::path::PathBuf, usize),
    problems: &mut Vec<Problem>,
) {
    let mut places: Vec<Vec<String>> = Vec::new();
    let names = |value: Option<&Value>| -> Vec<String> {
        value
            .and_then(Value::as_object)
            .map(|members| members.keys().cloned().collect())
            .unwrap_or_default()
    };
    for member in FUNCTION_MEMBERS {
        places
            .extend(names(body.get(member)).into_iter().map(|name| vec![member.to_owned(), name]));
    }
    places.push(vec!["validate_doc_update".to_owned()]);
    for member in ["views", "fulltext"] {
        for view in names(body.get(member)) {
            let functions = names(body.get(member).and_then(|views| views.get(&view)));
            places.extend(
                functions.into_iter().map(|name| vec![member.to_owned(), view.clone(), name]),
            );
        }
    }
    for place in places {
        let path: Vec<&str> = place.iter().map(String::as_str).collect();
        let Some(source) = lookup(body, &path).and_then(Value::as_str) else { continue };
        if !source.contains("!code") && !source.contains("!json") {
            continue;
        }
        let (file, first_line) = file_of(&path);
        match expand(root, body, source) {
            Ok(expanded) => {
                if let Some(member) = lookup_mut(body, &path) {
                    *member = Value::String(expanded);
                }
            }
            Err((fault, offset)) => {
                let line = first_line + line_of(source, offset) - 1;
                problems.push(Problem::at_line(&file, line, fault));
            }
        }
    }
}

fn lookup<'a>(body: &'a Map<String, Value>, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(body.get(*first)?, |value, name| value.get(name))
}

fn lookup_mut<'a>(body: &'a mut Map<String, Value>, path: &[&str]) -> Option<&'a mut Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(body.get_mut(*first)?, |value, name| value.get_mut(name))
}

/// Expands the macros of one source. An error tells the offset of the macro.
fn expand(root: &Path, body: &Map<String, Value>, source: &str) -> Result<String, (Fault, usize)> {
    let source = include_code(root, source, 0)?;
    include_json(body, &source)
}

fn include_code(root: &Path, source: &str, depth: usize) -> Result<String, (Fault, usize)> {
    replace(CODE.as_ref(), source, |found, argument| {
        if depth >= MAX_DEPTH {
            return Err(Fault::MacroLoop(found.to_owned()));
        }
        let nothing = || Fault::MacroFindsNothing(found.trim_end().to_owned());
        // The folder's own name may hold characters that mean something in a pattern.
        let folder = glob::Pattern::escape(&root.to_string_lossy());
        let pattern = if Path::new(argument).is_absolute() {
            argument.to_owned()
        } else {
            format!("{folder}/{argument}")
        };
        let options = glob::MatchOptions {
            require_literal_leading_dot: true,
            ..glob::MatchOptions::default()
        };
        let files = glob::glob_with(&pattern, options).map_err(|_| nothing())?;
        let mut code = String::new();
        let mut any = false;
        for file in files.filter_map(Result::ok).filter(|file| file.is_file()) {
            let text = files::read_text(&file).map_err(|problem| problem.fault)?;
            code += &include_code(root, &text, depth + 1).map_err(|(fault, _)| fault)?;
            any = true;
            if code.len() as u64 > files::MAX_SIZE {
                return Err(Fault::TooLarge(code.len() as u64));
            }
        }
        if any { Ok(code) } else { Err(nothing()) }
    })
}

/// Couchapp gathers all members that a source asks for, and writes all of them at each macro.
fn include_json(body: &Map<String, Value>, source: &str) -> Result<String, (Fault, usize)> {
    let mut included = Map::new();
    let Some(pattern) = JSON.as_ref() else { return Ok(source.to_owned()) };
    for captures in pattern.captures_iter(source) {
        let (found, argument) = parts(&captures);
        let path: Vec<&str> = argument.split('.').collect();
        let Some(value) = lookup(body, &path) else {
            let offset = captures.get(0).map_or(0, |whole| whole.start());
            return Err((Fault::MacroFindsNothing(found.trim_end().to_owned()), offset));
        };
        insert(&mut included, &path, value.clone());
    }
    let variables: Vec<String> = included
        .iter()
        .map(|(name, value)| {
            let mut text = format!("var {name} = ");
            write_python_json(value, &mut text);
            text + ";"
        })
        .collect();
    let variables = variables.join("\n");
    replace(Some(pattern), source, |_, _| Ok(variables.clone()))
}

fn insert(members: &mut Map<String, Value>, path: &[&str], value: Value) {
    match path {
        [] => {}
        [name] => {
            members.insert((*name).to_owned(), value);
        }
        [name, rest @ ..] => {
            let inner = members.entry(*name).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

/// The text of a macro, and its argument.
fn parts<'a>(captures: &Captures<'a>) -> (&'a str, &'a str) {
    let text = |group| captures.get(group).map_or("", |found| found.as_str());
    (text(0), text(1).trim())
}

fn replace(
    pattern: Option<&Regex>,
    source: &str,
    mut by: impl FnMut(&str, &str) -> Result<String, Fault>,
) -> Result<String, (Fault, usize)> {
    let mut out = String::with_capacity(source.len());
    let mut rest = 0;
    for captures in pattern.into_iter().flat_map(|pattern| pattern.captures_iter(source)) {
        let Some(whole) = captures.get(0) else { continue };
        let (found, argument) = parts(&captures);
        out += &source[rest..whole.start()];
        out += &by(found, argument).map_err(|fault| (fault, whole.start()))?;
        rest = whole.end();
    }
    out += &source[rest..];
    Ok(out)
}

/// JSON as Python writes it: a space behind commas and colons, and only ASCII. Members keep their
/// order, where couchapp had none.
fn write_python_json(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                write_python_json(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (index, (name, member)) in members.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                write_python_string(name, out);
                out.push_str(": ");
                write_python_json(member, out);
            }
            out.push('}');
        }
        Value::String(text) => write_python_string(text, out),
        other => crate::json::write(other, out),
    }
}

fn write_python_string(text: &str, out: &mut String) {
    use std::fmt::Write as _;
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing to a string cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}
