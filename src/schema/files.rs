//! The files of schemas, and what references between them lead to.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Mutex;

use jsonschema::{Retrieve, Uri};
use url::Url;

use super::place::line_of;
use crate::json::{self, Value};
use crate::project::{Fault, Problem};

/// A file that holds a schema.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SchemaFile {
    /// Its path, relative to the project.
    pub(super) path: PathBuf,
    pub(super) text: String,
    pub(super) value: Value,
}

impl SchemaFile {
    /// Reads the file `path` of the project at `root`.
    pub(super) fn read(root: &Path, path: &Path) -> Result<Self, Problem> {
        let unreadable = |message: String| Problem::new(path, Fault::Unreadable(message));
        let bytes =
            std::fs::read(root.join(path)).map_err(|error| unreadable(error.to_string()))?;
        let value = json::parse(&bytes).map_err(|error| {
            Problem::at_line(path, error.line, Fault::Json(error.message.clone()))
        })?;
        let text = String::from_utf8(bytes).map_err(|_| Problem::new(path, Fault::NotUtf8))?;
        Ok(Self { path: path.to_owned(), text, value })
    }

    /// A problem at the place in the file that a JSON Pointer leads to.
    pub(super) fn problem(&self, pointer: &str, message: String, hint: Option<String>) -> Problem {
        let line = line_of(&self.text, pointer);
        Problem::at_line(&self.path, line, Fault::Schema { message, hint })
    }

    /// The JSON Pointers of the references that end like this.
    pub(super) fn references_ending(&self, ending: &str) -> Vec<String> {
        let mut found = Vec::new();
        references(&self.value, &mut String::new(), None, &mut |pointer, reference, _| {
            if reference.ends_with(ending) {
                found.push(pointer.to_owned());
            }
        });
        found
    }

    /// The JSON Pointers of the references that, relative to `base`, are `uri`.
    pub(super) fn references_to(&self, base: &str, uri: &str) -> Vec<String> {
        let mut found = Vec::new();
        let base = Url::parse(base).ok();
        let wanted = without_fragment(uri);
        references(
            &self.value,
            &mut String::new(),
            base.as_ref(),
            &mut |pointer, reference, base| {
                let resolved = match base {
                    Some(base) => base.join(reference).map(String::from).unwrap_or_default(),
                    None => reference.to_owned(),
                };
                if without_fragment(&resolved) == wanted || resolved == uri || reference == uri {
                    found.push(pointer.to_owned());
                }
            },
        );
        found
    }
}

fn without_fragment(uri: &str) -> &str {
    uri.split('#').next().unwrap_or(uri)
}

/// Calls `each` with the place, the text and the base of every reference in a schema.
fn references(
    value: &Value,
    pointer: &mut String,
    base: Option<&Url>,
    each: &mut dyn FnMut(&str, &str, Option<&Url>),
) {
    let length = pointer.len();
    match value {
        Value::Object(members) => {
            let id = ["$id", "id"].iter().find_map(|name| members.get(*name)?.as_str());
            let own = id.and_then(|id| match base {
                Some(base) => base.join(id).ok(),
                None => Url::parse(id).ok(),
            });
            let base = own.as_ref().or(base);
            for (name, member) in members {
                pointer.push('/');
                pointer.push_str(&super::place::escape(name));
                match member {
                    Value::String(reference) if name.starts_with('$') && name != "$id" => {
                        each(pointer, reference, base);
                    }
                    _ => references(member, pointer, base, each),
                }
                pointer.truncate(length);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointer.push('/');
                pointer.push_str(&index.to_string());
                references(item, pointer, base, each);
                pointer.truncate(length);
            }
        }
        _ => {}
    }
}

/// The address of a file of the project, for references between files: its path below the root.
pub(super) fn address(path: &Path) -> String {
    let mut url = Url::parse("file:///").expect("a constant address");
    {
        let mut segments = url.path_segments_mut().expect("file addresses have paths");
        segments.clear();
        for component in path.components() {
            if let Component::Normal(name) = component {
                segments.push(&name.to_string_lossy());
            }
        }
    }
    url.into()
}

/// Gives what references lead to beyond the files of a database: other files of the project, and what
/// the configuration maps to files. What it cannot give it notes, and gives a schema for anything.
pub(super) struct Resources {
    root: PathBuf,
    mapped: BTreeMap<String, PathBuf>,
    missing: Mutex<BTreeMap<String, Missing>>,
}

/// Why there is nothing at an address.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Missing {
    /// It is not of this project, and nothing may be fetched.
    Remote,
    /// There is no such file.
    NoFile(PathBuf),
    /// The file holds something else.
    Broken(Problem),
}

impl Resources {
    pub(super) fn new(root: &Path, mapped: &BTreeMap<String, PathBuf>) -> Self {
        Self { root: root.to_owned(), mapped: mapped.clone(), missing: Mutex::default() }
    }

    /// What was asked for in vain, by address.
    pub(super) fn missing(&self) -> BTreeMap<String, Missing> {
        self.missing.lock().map(|missing| missing.clone()).unwrap_or_default()
    }

    fn find(&self, uri: &str) -> Result<Value, Missing> {
        let read = |path: &Path| {
            SchemaFile::read(&self.root, path).map(|file| file.value).map_err(Missing::Broken)
        };
        if let Some(path) = self.mapped.get(uri) {
            return read(path);
        }
        let Some(path) =
            Url::parse(uri).ok().filter(|url| url.scheme() == "file").and_then(|url| {
                // The address is one below the root of the project, not of the machine.
                let decoded = url.to_file_path().ok()?;
                decoded.strip_prefix("/").ok().map(Path::to_owned)
            })
        else {
            return Err(Missing::Remote);
        };
        // References may leave the ending of the file's name out.
        let name = path.to_string_lossy().into_owned();
        let candidates =
            [path.clone(), format!("{name}.schema.json").into(), format!("{name}.json").into()];
        match candidates.iter().find(|path| self.root.join(path).is_file()) {
            Some(path) => read(path),
            None => Err(Missing::NoFile(path)),
        }
    }
}

/// A handle on resources that the registry can keep.
#[derive(Clone)]
pub(super) struct Retriever(pub(super) std::sync::Arc<Resources>);

impl Retrieve for Retriever {
    fn retrieve(
        &self,
        uri: &Uri<String>,
    ) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.0.find(uri.as_str()).unwrap_or_else(|why| {
            if let Ok(mut missing) = self.0.missing.lock() {
                missing.insert(uri.as_str().to_owned(), why);
            }
            Value::Bool(true)
        }))
    }
}
