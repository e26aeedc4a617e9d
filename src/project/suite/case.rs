//! One case of a suite.

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::expectation::{self, Expectation, quoted};
use super::value::Yaml;
use super::{Docs, Reading, line};
use crate::json::{Map, Value};

/// One case.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Its name, unlike that of any other case of the suite.
    pub name: String,
    /// The line it starts at.
    pub line: usize,
    /// The function it is about, and what that is given.
    pub subject: Subject,
    /// Documents beside those of the suite; one with the same id takes the other's place.
    pub docs: Vec<Docs>,
    /// What it expects.
    pub expect: Expectation,
    /// Why it is left out, if it is.
    pub skip: Option<String>,
}

/// The function a case is about, and what that is given.
#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    /// A view, queried.
    View {
        /// The view.
        view: String,
        /// The parameters, as the body of a `POST` would hold them.
        query: Map<String, Value>,
    },
    /// The validation function.
    Validate(Validation),
    /// A filter, over all documents.
    Filter {
        /// The filter.
        filter: String,
        /// Members of the request.
        request: Map<String, Value>,
    },
    /// An update function.
    Update {
        /// The function.
        update: String,
        /// The id of the document it is called for.
        doc: Option<String>,
        /// Members of the request.
        request: Map<String, Value>,
    },
    /// A show function.
    Show {
        /// The function.
        show: String,
        /// The id of the document it is called for.
        doc: Option<String>,
        /// Members of the request.
        request: Map<String, Value>,
    },
    /// A list function over a view.
    List {
        /// The function.
        list: String,
        /// The view.
        view: String,
        /// The parameters of the view.
        query: Map<String, Value>,
        /// Members of the request.
        request: Map<String, Value>,
    },
    /// The function of a search index, over all documents.
    Search {
        /// The index, of `nouveau` or `indexes`.
        index: String,
    },
}

impl Subject {
    /// The key of a case that names its function: `view`, `validate` and so on.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::View { .. } => "view",
            Self::Validate(_) => "validate",
            Self::Filter { .. } => "filter",
            Self::Update { .. } => "update",
            Self::Show { .. } => "show",
            Self::List { .. } => "list",
            Self::Search { .. } => "search",
        }
    }

    /// The name of its function; there is only one that validates.
    #[must_use]
    pub fn function(&self) -> Option<&str> {
        match self {
            Self::Validate(_) => None,
            Self::View { view: name, .. }
            | Self::Filter { filter: name, .. }
            | Self::Update { update: name, .. }
            | Self::Show { show: name, .. }
            | Self::List { list: name, .. }
            | Self::Search { index: name } => Some(name),
        }
    }
}

/// What a validation function is given.
#[derive(Debug, Clone, PartialEq)]
pub struct Validation {
    /// The document to be written.
    pub new: Value,
    /// The document as it was; `None` for a new one.
    pub old: Option<Value>,
    /// Members of the user context (`name`, `roles`).
    pub user: Option<Value>,
    /// The security object.
    pub security: Option<Value>,
}

/// The keys of a case.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keys {
    name: String,
    view: Option<String>,
    validate: Option<ValidationKeys>,
    filter: Option<String>,
    update: Option<String>,
    show: Option<String>,
    list: Option<String>,
    search: Option<String>,
    query: Option<Yaml>,
    request: Option<Yaml>,
    doc: Option<String>,
    #[serde(default)]
    docs: Vec<Spanned<Yaml>>,
    expect: Option<Spanned<expectation::Keys>>,
    skip: Option<String>,
}

/// The keys of `validate`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ValidationKeys {
    new: Yaml,
    old: Option<Yaml>,
    user: Option<Yaml>,
    security: Option<Yaml>,
}

/// The keys that say which function a case is about; a `list` case has a `view` as well.
const KINDS: [&str; 7] = ["view", "validate", "filter", "update", "show", "list", "search"];

/// What a case of this kind takes beside the key of its kind, and what it can expect.
fn allowed(kind: &str) -> (&'static [&'static str], &'static [&'static str]) {
    const ROWS: &[&str] =
        &["rows", "exact", "count", "total_rows", "offset", "error", "reason", "status"];
    const RESPONSE: &[&str] = &["body", "exact", "headers", "status", "error", "reason"];
    match kind {
        "view" => (&["query"], ROWS),
        "validate" => (&[], &["ok", "forbidden", "unauthorized"]),
        "filter" => (&["query", "request"], &["passes", "count", "error", "reason", "status"]),
        "update" => (
            &["doc", "query", "request"],
            &["doc", "exact", "body", "headers", "status", "error", "reason"],
        ),
        "show" => (&["doc", "query", "request"], RESPONSE),
        "list" => (&["view", "query", "request"], RESPONSE),
        _ => (&[], &["fields", "exact", "count", "error", "reason", "status"]),
    }
}

impl Reading<'_> {
    /// A case, unless something is wrong with it.
    pub(super) fn case(&mut self, case: Spanned<Keys>) -> Option<Case> {
        let at = case.referenced;
        let mut keys = case.value;
        let docs = self.docs(std::mem::take(&mut keys.docs));
        let kind = match keys.kind() {
            Ok(kind) => kind,
            Err(message) => {
                self.problem(at, message);
                return None;
            }
        };
        let (takes, expects) = allowed(kind);
        if let Some(key) =
            keys.inputs().into_iter().find(|key| *key != kind && !takes.contains(key))
        {
            self.problem(at, format!("a `{kind}` case takes no `{key}`"));
            return None;
        }
        let Some(expect) = keys.expect.take() else {
            let message = format!("the case `{}` expects nothing; add `expect`", keys.name);
            self.problem(at, message);
            return None;
        };
        let expect = expect
            .value
            .check(kind, expects)
            .map_err(|message| self.problem(expect.referenced, message));
        let (name, skip) = (std::mem::take(&mut keys.name), keys.skip.take());
        let subject = keys.subject(kind).map_err(|message| self.problem(at, message));
        Some(Case {
            name,
            line: line(at),
            subject: subject.ok()?,
            docs,
            expect: expect.ok()?,
            skip,
        })
    }
}

impl Keys {
    /// The keys written down that feed a function.
    fn inputs(&self) -> Vec<&'static str> {
        [
            ("view", self.view.is_some()),
            ("validate", self.validate.is_some()),
            ("filter", self.filter.is_some()),
            ("update", self.update.is_some()),
            ("show", self.show.is_some()),
            ("list", self.list.is_some()),
            ("search", self.search.is_some()),
            ("query", self.query.is_some()),
            ("request", self.request.is_some()),
            ("doc", self.doc.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, given)| given.then_some(name))
        .collect()
    }

    fn kind(&self) -> Result<&'static str, String> {
        let mut kinds = self.inputs();
        kinds.retain(|key| KINDS.contains(key));
        if self.list.is_some() {
            kinds.retain(|key| *key != "view");
        }
        match kinds.as_slice() {
            [kind] => Ok(kind),
            [] => Err(format!(
                "the case `{}` names no function: it needs one of {}",
                self.name,
                quoted(&KINDS)
            )),
            _ => {
                Err(format!("the case `{}` names several functions: {}", self.name, quoted(&kinds)))
            }
        }
    }

    fn subject(self, kind: &str) -> Result<Subject, String> {
        let query = object("query", self.query)?;
        let mut request = object("request", self.request)?;
        // Only views have parameters of their own; for other functions they are part of the request.
        if !matches!(kind, "view" | "list") && !query.is_empty() {
            if request.contains_key("query") {
                return Err(
                    "`query` and `request.query` are the same; write one of them".to_owned()
                );
            }
            request.insert("query".to_owned(), Value::Object(query.clone()));
        }
        let missing = || format!("a `{kind}` case needs the name of a function");
        Ok(match kind {
            "view" => Subject::View { view: self.view.ok_or_else(missing)?, query },
            "validate" => Subject::Validate(self.validate.ok_or_else(missing)?.checked()?),
            "filter" => Subject::Filter { filter: self.filter.ok_or_else(missing)?, request },
            "update" => {
                Subject::Update { update: self.update.ok_or_else(missing)?, doc: self.doc, request }
            }
            "show" => {
                Subject::Show { show: self.show.ok_or_else(missing)?, doc: self.doc, request }
            }
            "list" => {
                let view = self.view.ok_or("a `list` case needs a `view`")?;
                Subject::List { list: self.list.ok_or_else(missing)?, view, query, request }
            }
            _ => Subject::Search { index: self.search.ok_or_else(missing)? },
        })
    }
}

impl ValidationKeys {
    fn checked(self) -> Result<Validation, String> {
        let of = |key: &str, value: Option<Yaml>| match value {
            Some(Yaml(value)) if !value.is_object() => Err(format!("`{key}` is an object")),
            value => Ok(value.map(|Yaml(value)| value)),
        };
        Ok(Validation {
            new: of("new", Some(self.new))?.unwrap_or_default(),
            old: of("old", self.old)?,
            user: of("user", self.user)?,
            security: of("security", self.security)?,
        })
    }
}

fn object(key: &str, value: Option<Yaml>) -> Result<Map<String, Value>, String> {
    match value {
        None => Ok(Map::new()),
        Some(Yaml(Value::Object(members))) => Ok(members),
        Some(_) => Err(format!("`{key}` is an object")),
    }
}
