//! A folder that holds a design document, one file per member.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::ignore::Ignore;
use super::place::holds_function;
use super::source::function_of_module;
use super::{Found, Layout, Orphan, Reader, attachments, design_id, macros, module};
use crate::design::{DesignDocument, Source, Sources};
use crate::json::{Map, Value, parse_str};
use crate::project::files::{self, Entry, Trail};
use crate::project::problem::{Fault, Problem, line_of};

/// Files that mark a couchapp.
const COUCHAPP_MARKS: [&str; 3] = [".couchapprc", ".couchappignore", "couchapp.json"];

/// What couchapp notes about itself in the member `couchapp` of what it pushes.
pub(crate) const COUCHAPP_BOOKKEEPING: [&str; 4] = ["signatures", "manifest", "objects", "length"];

/// Members of a design document that are folders but no views.
const NO_VIEWS: [&str; 13] = [
    "_attachments",
    "_docs",
    "filters",
    "fulltext",
    "indexes",
    "lib",
    "lists",
    "nouveau",
    "shows",
    "spatial",
    "st_indexes",
    "updates",
    "vendor",
];

/// Whether a database's folder is itself a design document.
pub(in crate::project) fn is_design_document(folder: &Path) -> bool {
    let names_a_design = || {
        files::read_text(&folder.join("_id"))
            .is_ok_and(|id| first_line(&id).starts_with("_design/"))
    };
    is_couchapp(folder) || names_a_design()
}

fn is_couchapp(folder: &Path) -> bool {
    COUCHAPP_MARKS.iter().any(|mark| folder.join(mark).is_file())
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default().trim()
}

/// Whether a folder at the root is that of a view in couchctl's own layout.
fn is_view(entry: &Entry) -> bool {
    const FILES: [&str; 5] = ["map.js", "map", "map.json", "reduce.js", "reduce"];
    entry.folder
        && !NO_VIEWS.contains(&entry.name.as_str())
        && FILES.iter().any(|file| entry.path.join(file).is_file())
}

/// Tells the layout of a design document's folder; see the table of the module above.
fn layout_of(folder: &Path, entries: &[Entry]) -> Layout {
    let has_views = entries.iter().any(|entry| entry.folder && entry.name == "views");
    if is_couchapp(folder) {
        Layout::Couchapp
    } else if !has_views && entries.iter().any(is_view) {
        Layout::Folder
    } else {
        Layout::Compile
    }
}

/// Reads the design document of a folder.
pub(super) fn read(reader: &Reader<'_>, folder: &Path, found: &mut Found) {
    let before = found.problems.len();
    let entries = files::list(folder, &mut found.problems);
    let layout = reader.layout.unwrap_or_else(|| layout_of(folder, &entries));
    let ignore = match Ignore::read(folder, layout) {
        Ok(ignore) => ignore,
        Err(problem) => {
            found.problems.push(problem);
            return;
        }
    };
    let mut tree = Tree {
        reader,
        root: folder,
        layout,
        trim: reader.trim.unwrap_or(layout.trims()),
        ignore,
        trail: Trail::default(),
        sources: Sources::default(),
        found,
    };
    tree.sources.insert(Vec::new(), Source { path: reader.shown(folder), line: 1 });
    let mut body = Map::new();
    if let Err(problem) = tree.trail.enter(folder) {
        tree.found.problems.push(problem);
        return;
    }
    tree.root_members(entries, &mut body);
    let name =
        folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let own = body.shift_remove("_id");
    body.shift_remove("_rev");
    if body.is_empty() && tree.found.problems.len() == before {
        tree.problem(folder, Fault::EmptyDesign);
    }
    if layout == Layout::Couchapp {
        tree.finish_couchapp(&mut body);
    }
    tree.views_without_map(&body);
    let sources = std::mem::take(&mut tree.sources);
    match design_id(own, &name, folder) {
        Ok(id) if found.problems.len() == before => {
            found.designs.push(DesignDocument { id, body, sources });
        }
        Ok(_) => {}
        Err(problem) => found.problems.push(problem),
    }
}

struct Tree<'a> {
    reader: &'a Reader<'a>,
    /// The design document's folder.
    root: &'a Path,
    layout: Layout,
    trim: bool,
    ignore: Ignore,
    trail: Trail,
    sources: Sources,
    found: &'a mut Found,
}

impl Tree<'_> {
    fn problem(&mut self, path: &Path, fault: Fault) {
        self.found.problems.push(Problem::new(path, fault));
    }

    fn orphan(&mut self, path: &Path, reason: &'static str) {
        self.found.orphans.push(Orphan { path: path.to_owned(), reason });
    }

    /// The entries of a folder that make members: sorted by member, hidden and ignored ones left
    /// out.
    fn sorted(&self, entries: Vec<Entry>) -> Vec<(String, Entry)> {
        let mut members: Vec<_> = entries
            .into_iter()
            .filter(|entry| {
                !entry.name.starts_with('.') && !self.ignore.covers(self.root, &entry.path)
            })
            .map(|entry| (member_name(&entry), entry))
            .collect();
        members.sort_by(|(left, _), (right, _)| left.as_bytes().cmp(right.as_bytes()));
        members
    }

    fn root_members(&mut self, mut entries: Vec<Entry>, body: &mut Map<String, Value>) {
        // A couchapp that is the whole project: couchctl's own files are none of its members.
        if self.root.components().eq(self.reader.root.components()) {
            entries.retain(|entry| {
                !["couchctl.toml", "schemas", "tests"].contains(&entry.name.as_str())
            });
        }
        let mut attached = Map::new();
        let mut views = Vec::new();
        let mut files = BTreeMap::new();
        for (name, entry) in self.sorted(entries) {
            match name.as_str() {
                "_attachments" if entry.folder => self.attachments(&entry.path, "", &mut attached),
                "_docs" if entry.folder => self.found.documents.push(entry.path),
                "_id" if !entry.folder => self.id(&entry, body),
                // Couchapp's own names.
                _ if self.layout == Layout::Couchapp && name.starts_with('_') => {
                    self.orphan(&entry.path, "couchapp keeps names with `_` for itself");
                }
                _ if self.is_own_view(&entry) => views.push((name, entry)),
                _ => self.member(name, &entry, &mut Vec::new(), body, &mut files),
            }
        }
        if !views.is_empty() {
            let mut path = vec!["views".to_owned()];
            let mut members = Map::new();
            let mut files = BTreeMap::new();
            for (name, entry) in views {
                self.member(name, &entry, &mut path, &mut members, &mut files);
            }
            body.insert("views".to_owned(), Value::Object(members));
        }
        if self.layout == Layout::Couchapp {
            self.vendors(&mut attached);
        }
        if !attached.is_empty() {
            body.insert("_attachments".to_owned(), Value::Object(attached));
        }
    }

    /// Whether an entry of the root belongs into `views`: in couchctl's own layout the folders of
    /// views, and `lib`, since that is where map functions can `require` it from.
    fn is_own_view(&self, entry: &Entry) -> bool {
        self.layout == Layout::Folder && (is_view(entry) || entry.folder && entry.name == "lib")
    }

    fn id(&mut self, entry: &Entry, body: &mut Map<String, Value>) {
        match files::read_text(&entry.path) {
            // An empty file says nothing, as for couchapp.
            Ok(id) if first_line(&id).is_empty() => {}
            Ok(id) => {
                body.insert("_id".to_owned(), Value::String(first_line(&id).to_owned()));
            }
            Err(problem) => self.found.problems.push(problem),
        }
    }

    /// Adds the member that an entry holds. `files` remembers which entry each member came from.
    fn member(
        &mut self,
        name: String,
        entry: &Entry,
        path: &mut Vec<String>,
        members: &mut Map<String, Value>,
        files: &mut BTreeMap<String, PathBuf>,
    ) {
        if entry.folder && self.layout == Layout::Couchapp && name == "_attachments" {
            return;
        }
        path.push(name);
        let member = path.join(".");
        let name = path.last().cloned().unwrap_or_default();
        if let Some(other) = files.get(&name) {
            let other = self.reader.shown(other).display().to_string();
            self.problem(&entry.path, Fault::TwoFiles { member, other });
        } else {
            files.insert(name.clone(), entry.path.clone());
            let value =
                if entry.folder { self.folder(&entry.path, path) } else { self.file(entry, path) };
            match value {
                Ok(Some(value)) => {
                    members.insert(name, value);
                }
                Ok(None) => {}
                Err(problem) => self.found.problems.push(problem),
            }
        }
        path.pop();
    }

    /// The members of a folder; `None` for a folder without any, which couchdb-compile does not see.
    fn folder(&mut self, folder: &Path, path: &mut Vec<String>) -> Result<Option<Value>, Problem> {
        self.trail.enter(folder)?;
        let entries = files::list(folder, &mut self.found.problems);
        let mut members = Map::new();
        let mut files = BTreeMap::new();
        for (name, entry) in self.sorted(entries) {
            self.member(name, &entry, path, &mut members, &mut files);
        }
        self.trail.leave();
        let seen = !members.is_empty() || self.layout == Layout::Couchapp;
        Ok(seen.then_some(Value::Object(members)))
    }

    fn file(&mut self, entry: &Entry, path: &[String]) -> Result<Option<Value>, Problem> {
        let mut line = 1;
        let value = if extension(&entry.name) == Some("json") {
            let text = files::read_text(&entry.path)?;
            parse_str(&text).map_err(|error| Problem::json(&entry.path, &error))?
        } else if is_designer_module(entry, path) {
            Value::Object(module::load(self.reader, &entry.path)?)
        } else {
            let text = files::read_text(&entry.path)?;
            let (text, first) = self.text(entry, &text, path)?;
            line = first;
            Value::String(text)
        };
        let source = Source { path: self.reader.shown(&entry.path), line };
        self.sources.insert(path.to_vec(), source);
        if self.layout == Layout::Couchapp && path == ["couchapp"] {
            return Ok(Some(without_bookkeeping(value)));
        }
        Ok(Some(value))
    }

    /// What is pushed of a file's text, and the line it starts at.
    fn text(&self, entry: &Entry, text: &str, path: &[String]) -> Result<(String, usize), Problem> {
        if holds_function(path) && is_javascript(&entry.name) {
            let function = function_of_module(text).map_err(|error| {
                let fault = Fault::NotOneFunction(error.message.to_owned());
                Problem::at_line(&entry.path, line_of(text, error.offset), fault)
            })?;
            if let Some(function) = function {
                return Ok((function.text, line_of(text, function.offset)));
            }
        }
        if !self.trim {
            return Ok((text.to_owned(), 1));
        }
        // What JavaScript's `trim` drops, the byte order mark included.
        let is_space = |character: char| {
            character.is_whitespace() && character != '\u{85}' || character == '\u{feff}'
        };
        let trimmed = text.trim_matches(is_space);
        let start = text.len() - text.trim_start_matches(is_space).len();
        Ok((trimmed.to_owned(), line_of(text, start)))
    }

    fn attachments(&mut self, folder: &Path, prefix: &str, attached: &mut Map<String, Value>) {
        let ignored = |path: &Path| self.ignore.covers(self.root, path);
        attachments::read(folder, prefix, &ignored, attached, &mut self.found.problems);
    }

    /// Couchapp attaches what its vendors bring along.
    fn vendors(&mut self, attached: &mut Map<String, Value>) {
        let folder = self.root.join("vendor");
        if !folder.is_dir() {
            return;
        }
        for vendor in files::list(&folder, &mut self.found.problems) {
            let folder = vendor.path.join("_attachments");
            if folder.is_dir() {
                self.attachments(&folder, &format!("vendor/{}/", vendor.name), attached);
            }
        }
    }

    fn finish_couchapp(&mut self, body: &mut Map<String, Value>) {
        // Couchapp leaves out what can be no view.
        if let Some(Value::Object(views)) = body.get_mut("views") {
            views.retain(|_, view| view.as_object().is_some_and(|view| !view.is_empty()));
        }
        if !body.is_empty() && !body.contains_key("couchapp") {
            body.insert("couchapp".to_owned(), Value::Object(Map::new()));
        }
        let file_of = |member: &[&str]| {
            let source = self.sources.get(member);
            source.map_or_else(
                || (self.root.to_owned(), 1),
                |source| (self.reader.root.join(&source.path), source.line),
            )
        };
        macros::expand_all(self.root, body, &file_of, &mut self.found.problems);
        if let Some(attached) = body.shift_remove("_attachments") {
            body.insert("_attachments".to_owned(), attached);
        }
    }

    fn views_without_map(&mut self, body: &Map<String, Value>) {
        let views = body.get("views").and_then(Value::as_object);
        for (name, view) in views.into_iter().flatten() {
            let is_view = name != "lib" && view.is_object();
            if is_view && view.get("map").is_none() {
                let member = ["views".to_owned(), name.clone(), "reduce".to_owned()];
                let source = self
                    .sources
                    .get(&member)
                    .map_or(self.root.to_owned(), |source| self.reader.root.join(&source.path));
                self.problem(&source, Fault::NoMap(name.clone()));
            }
        }
    }
}

/// The name of the member that an entry holds: a file's last extension is no part of it.
fn member_name(entry: &Entry) -> String {
    match entry.name.rsplit_once('.') {
        Some((stem, _)) if !entry.folder => stem.to_owned(),
        _ => entry.name.clone(),
    }
}

fn extension(name: &str) -> Option<&str> {
    name.rsplit_once('.').map(|(_, extension)| extension)
}

fn is_javascript(name: &str) -> bool {
    matches!(extension(name), Some("js" | "mjs" | "cjs"))
}

/// `views/<view>.js` is a module that exports `map` and `reduce`: as text it could be no view.
fn is_designer_module(entry: &Entry, path: &[String]) -> bool {
    path.len() == 2 && path[0] == "views" && path[1] != "lib" && is_javascript(&entry.name)
}

/// `couchapp.json` without what couchapp writes into the pushed document itself.
fn without_bookkeeping(value: Value) -> Value {
    match value {
        Value::Object(mut members) => {
            for name in COUCHAPP_BOOKKEEPING {
                members.shift_remove(name);
            }
            Value::Object(members)
        }
        other => Value::Object([("meta".to_owned(), other)].into_iter().collect()),
    }
}
