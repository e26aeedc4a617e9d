//! What CouchDB checks when a design document is saved.
//!
//! Compiling the functions needs an engine; [`DesignDocument::validate_with`] takes it as a closure
//! and calls it in the server's order, so that the first error is the server's first error.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::document::DesignDocument;
use super::signature::{ViewGroup, view_groups};
use crate::json::{Map, Value};

/// Why a server would refuse to save a design document, in its own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {reason}")]
pub struct SaveError {
    /// The HTTP status.
    pub status: u16,
    /// The `error` member of the answer.
    pub error: String,
    /// The `reason` member of the answer.
    pub reason: String,
    /// Names on the way to the member at fault, outermost first, to look up where it came from.
    pub member: Vec<String>,
}

impl SaveError {
    fn new(status: u16, error: &str, reason: impl Into<String>, member: &[&str]) -> Self {
        Self {
            status,
            error: error.to_owned(),
            reason: reason.into(),
            member: member.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    fn invalid(reason: impl Into<String>, member: &[&str]) -> Self {
        Self::new(400, "invalid_design_doc", reason, member)
    }

    fn wrong_type(member: &[&str], wanted: &str) -> Self {
        Self::invalid(format!("`{}` field must have {wanted} type", member.join(".")), member)
    }

    /// The error for a source that does not compile; `message` is the engine's.
    #[must_use]
    pub fn compilation(function: &SourceFunction<'_>, message: &str) -> Self {
        let kind = function.kind.member();
        Self::new(
            400,
            "compilation_error",
            format!(
                "Compilation of the {kind} function in the '{}' view failed: {message}",
                function.view
            ),
            &["views", function.view, kind],
        )
    }
}

/// What a view function is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunctionKind {
    /// A map function.
    Map,
    /// A reduce function.
    Reduce,
}

impl FunctionKind {
    /// The member of a view that holds such a function.
    #[must_use]
    pub fn member(self) -> &'static str {
        match self {
            Self::Map => "map",
            Self::Reduce => "reduce",
        }
    }
}

/// A view function that the server compiles when the design document is saved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SourceFunction<'a> {
    /// The view CouchDB names in its message; others may share the function.
    pub view: &'a str,
    /// Map or reduce.
    pub kind: FunctionKind,
    /// The source: a string, or an object in a Mango design document.
    pub source: &'a Value,
}

impl DesignDocument {
    /// Checks what CouchDB checks on save without compiling anything. `partitioned` tells of the
    /// database.
    ///
    /// # Errors
    /// With the error the server would answer.
    pub fn validate(&self, partitioned: bool) -> Result<(), SaveError> {
        self.validate_with(partitioned, |_| Ok(()))
    }

    /// Checks what CouchDB checks on save; `compile` is called for each function of a view, in the
    /// server's order, and never for built-in reduces and empty sources.
    ///
    /// # Errors
    /// With the error the server would answer: the first one of its own checks or of `compile`.
    pub fn validate_with<F>(&self, partitioned: bool, compile: F) -> Result<(), SaveError>
    where
        F: FnMut(&SourceFunction<'_>) -> Result<(), SaveError>,
    {
        special_members(&self.id, &self.body)?;
        field_types(&self.body)?;
        let groups = view_groups(&self.body);
        view_options(&self.body)?;
        let wants_partitions =
            self.body.get("options").and_then(|options| options.get("partitioned"));
        if !partitioned && wants_partitions == Some(&Value::Bool(true)) {
            return Err(SaveError::invalid(
                "partitioned option cannot be true in a non-partitioned database.",
                &["options", "partitioned"],
            ));
        }
        // A language without a query server saves unchecked.
        if has_query_server(self.language()) { functions(&groups, compile) } else { Ok(()) }
    }
}

/// Whether CouchDB, as shipped, can run functions of this language.
#[must_use]
pub fn has_query_server(language: &str) -> bool {
    let upper = language.to_uppercase();
    ["JAVASCRIPT", "JAVASCRIPT_QUICKJS", "JAVASCRIPT_SPIDERMONKEY", "COFFEESCRIPT", "QUERY"]
        .contains(&upper.as_str())
}

/// Members that start with an underscore belong to CouchDB.
fn special_members(id: &str, body: &Map<String, Value>) -> Result<(), SaveError> {
    const KNOWN: [&str; 9] = [
        "_id",
        "_rev",
        "_deleted",
        "_revisions",
        "_revs_info",
        "_conflicts",
        "_deleted_conflicts",
        "_local_seq",
        "_attachments",
    ];
    for (name, member) in body {
        let attachments = name == "_attachments";
        if name.starts_with('_') && !KNOWN.contains(&name.as_str())
            || attachments && !member.is_object()
        {
            let reason = format!("Bad special document member: {name}");
            return Err(SaveError::new(400, "doc_validation", reason, &[name]));
        }
        for (file, attachment) in member.as_object().filter(|_| attachments).into_iter().flatten() {
            let at = ["_attachments", file.as_str()];
            if let Some(data) = attachment.get("data").and_then(Value::as_str)
                && STANDARD.decode(data).is_err()
            {
                let reason = format!("Invalid attachment data for {file}");
                return Err(SaveError::new(400, "bad_request", reason, &at));
            }
            if attachment.get("stub") == Some(&Value::Bool(true)) {
                let reason = format!("Invalid attachment stub in {id} for {file}");
                return Err(SaveError::new(412, "missing_stub", reason, &at));
            }
        }
    }
    Ok(())
}

/// A type the server wants a member to have: its name in messages, and the test.
type Wanted = (&'static str, fn(&Value) -> bool);

const OBJECT: Wanted = ("object", Value::is_object);
const STRING: Wanted = ("string", Value::is_string);
const BOOLEAN: Wanted = ("boolean", Value::is_boolean);
const FUNCTION: Wanted = ("string or object", |value| value.is_string() || value.is_object());
const REWRITES: Wanted = ("array or string", |value| value.is_array() || value.is_string());

/// The types of the fields, in the order in which the server looks at them.
fn field_types(body: &Map<String, Value>) -> Result<(), SaveError> {
    let field = |path: &[&str], wanted: Wanted| {
        let value = match path {
            [] => None,
            [first, rest @ ..] => rest
                .iter()
                .try_fold(body.get(*first), |value, name| Some(value?.get(name)))
                .flatten(),
        };
        match value {
            Some(value) if !wanted.1(value) => Err(SaveError::wrong_type(path, wanted.0)),
            _ => Ok(()),
        }
    };
    let members = |name: &str| body.get(name).and_then(Value::as_object).into_iter().flatten();
    let functions = |name: &str| {
        field(&[name], OBJECT)?;
        members(name).try_for_each(|(function, _)| field(&[name, function], FUNCTION))
    };
    functions("filters")?;
    field(&["language"], STRING)?;
    functions("lists")?;
    field(&["options"], OBJECT)?;
    for option in ["include_design", "local_seq", "partitioned"] {
        field(&["options", option], BOOLEAN)?;
    }
    field(&["rewrites"], REWRITES)?;
    functions("shows")?;
    functions("updates")?;
    field(&["validate_doc_update"], STRING)?;
    field(&["views"], OBJECT)?;
    field(&["views", "lib"], OBJECT)?;
    let query = body.get("language").and_then(Value::as_str) == Some("query");
    for (function, wanted) in [("map", if query { OBJECT } else { STRING }), ("reduce", STRING)] {
        for (view, _) in members("views") {
            field(&["views", view], OBJECT)?;
            field(&["views", view, function], wanted)?;
        }
    }
    for (view, definition) in members("views") {
        if view != "lib" && definition.get("map").is_none() {
            let reason = format!("View `{view}` must contain map function");
            return Err(SaveError::invalid(reason, &["views", view]));
        }
    }
    Ok(())
}

/// `options` of a view that is not an object makes the server stumble.
fn view_options(body: &Map<String, Value>) -> Result<(), SaveError> {
    for (view, definition) in body.get("views").and_then(Value::as_object).into_iter().flatten() {
        if definition.get("map").is_some()
            && definition.get("options").is_some_and(|options| !options.is_object())
        {
            return Err(SaveError::new(
                500,
                "unknown_error",
                "function_clause",
                &["views", view, "options"],
            ));
        }
    }
    Ok(())
}

/// Walks the functions as the server compiles them: each map, then its reduces.
fn functions<F>(groups: &[ViewGroup<'_>], mut compile: F) -> Result<(), SaveError>
where
    F: FnMut(&SourceFunction<'_>) -> Result<(), SaveError>,
{
    for group in groups {
        source(
            &SourceFunction { view: group.name(), kind: FunctionKind::Map, source: group.map },
            &mut compile,
        )?;
        for (view, reduce) in &group.reduces {
            match reduce.as_str() {
                Some(name) if name.starts_with('_') => {
                    builtin_reduce(name)
                        .map_err(|reason| SaveError::invalid(reason, &["views", view, "reduce"]))?;
                }
                // The message names the group's first view, whichever view the reduce belongs to.
                _ => source(
                    &SourceFunction {
                        view: group.name(),
                        kind: FunctionKind::Reduce,
                        source: reduce,
                    },
                    &mut compile,
                )?,
            }
        }
    }
    Ok(())
}

fn source<F>(function: &SourceFunction<'_>, compile: &mut F) -> Result<(), SaveError>
where
    F: FnMut(&SourceFunction<'_>) -> Result<(), SaveError>,
{
    if function.source.as_str() == Some("") {
        let member = ["views", function.view, function.kind.member()];
        return Err(SaveError::new(404, "not_found", "missing function", &member));
    }
    compile(function)
}

/// CouchDB tells built-in reduces by the start of their names.
fn builtin_reduce(name: &str) -> Result<(), String> {
    const STARTS: [&str; 6] =
        ["_sum", "_count", "_stats", "_approx_count_distinct", "_first", "_last"];
    if STARTS.iter().any(|start| name.starts_with(start)) {
        return Ok(());
    }
    let Some(rank) = name.strip_prefix("_top_").or_else(|| name.strip_prefix("_bottom_")) else {
        return Err(format!("`{name}` is not a supported reduce function."));
    };
    let digits = rank.strip_prefix(['+', '-']).unwrap_or(rank);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("invalid rank reducer".to_owned());
    }
    match rank.parse::<i64>() {
        Ok(1..=100) => Ok(()),
        _ => Err("rank value must be between 1 and 100".to_owned()),
    }
}
