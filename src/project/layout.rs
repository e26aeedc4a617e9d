//! Design documents from folders, JavaScript modules and JSON files.
//!
//! Three kinds of folder are told apart by what they hold:
//!
//! * **couchapp**: a `.couchapprc` or `couchapp.json`. Text is not trimmed, macros are expanded, as
//!   the couchapp tools do.
//! * **couchdb-compile** (also couchdb-bootstrap, cht-core, couchdb-python): a `views` folder or an
//!   `_id` file. Text is trimmed, as couchdb-compile does.
//! * **couchctl's own**: `<view>/map.js` right in the folder. Text is trimmed; `lib` becomes
//!   `views.lib`, which map functions can reach.
//!
//! Members are ordered by name. Of files that hold one function, what is stored is the function's own
//! source ([`function_source`]).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{ModuleLoader, ProjectError, entries, file_name, function_source};
use crate::design::{DesignDocument, Source, Sources};
use crate::json::{self, Map, Value};

/// Files larger than this are refused.
const LARGEST: u64 = 64 << 20;
/// Folders nested deeper are taken for a loop of links.
const DEEPEST: usize = 32;
/// Members of a design document that are folders of their own in couchctl's layout.
const MEMBERS: [&str; 9] =
    ["filters", "indexes", "lists", "nouveau", "options", "shows", "updates", "views", "fulltext"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    Couchapp,
    Compile,
    Own,
}

/// Reads design documents, collecting what is wrong.
pub(super) struct Reader<'a> {
    root: &'a Path,
    loader: &'a mut dyn ModuleLoader,
    pub(super) problems: Vec<ProjectError>,
    pub(super) orphans: Vec<PathBuf>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(root: &'a Path, loader: &'a mut dyn ModuleLoader) -> Self {
        Self { root, loader, problems: Vec::new(), orphans: Vec::new() }
    }

    /// The design documents of a database's folder, given below the root.
    pub(super) fn designs(&mut self, folder: &Path) -> Vec<DesignDocument> {
        let mut designs: Vec<DesignDocument> = Vec::new();
        for entry in entries(&self.root.join(folder)) {
            let Some(name) = file_name(&entry) else {
                self.problems.push(ProjectError::new(&entry, "its name is not valid UTF-8"));
                continue;
            };
            if name.starts_with('.') {
                continue;
            }
            let path = folder.join(&name);
            // couchdb-bootstrap keeps design documents one folder deeper, others in _docs and files.
            if entry.is_dir() && name == "_design" {
                designs.extend(self.designs(&path));
                continue;
            }
            let design = if entry.is_dir() && !name.starts_with('_') {
                self.folder(&path, &name)
            } else if let Some(stem) =
                name.strip_suffix(".json").filter(|stem| !stem.starts_with('_'))
            {
                self.json_file(&path, stem)
            } else if let Some(stem) = name.strip_suffix(".js") {
                self.module(&path, stem)
            } else {
                self.orphans.push(path);
                continue;
            };
            let Some(design) = design else { continue };
            if designs.iter().any(|known| known.id == design.id) {
                let message = format!("a second design document `{}`", design.id);
                self.problems.push(ProjectError::new(&path, message));
                continue;
            }
            designs.push(design);
        }
        designs.sort_by(|one, other| one.id.cmp(&other.id));
        designs
    }

    fn text(&mut self, path: &Path) -> Option<String> {
        let full = self.root.join(path);
        let problem = match std::fs::metadata(&full) {
            Ok(metadata) if metadata.len() > LARGEST => {
                ProjectError::new(path, "is larger than 64 MiB")
            }
            Ok(_) => match std::fs::read(&full).map(String::from_utf8) {
                Ok(Ok(text)) => return Some(text),
                Ok(Err(_)) => ProjectError::new(path, "is not valid UTF-8"),
                Err(error) => ProjectError::unreadable(path, &error),
            },
            Err(error) => ProjectError::unreadable(path, &error),
        };
        self.problems.push(problem);
        None
    }

    fn json(&mut self, path: &Path) -> Option<Value> {
        let text = self.text(path)?;
        match json::parse_str(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.problems.push(ProjectError::new(path, error.message).at(error.line));
                None
            }
        }
    }

    fn design(&mut self, path: &Path, name: &str, value: Value) -> Option<DesignDocument> {
        let Value::Object(mut body) = value else {
            self.problems.push(ProjectError::new(path, "a design document must be an object"));
            return None;
        };
        let id = match body.shift_remove("_id") {
            Some(Value::String(id)) if id.starts_with("_design/") => id,
            Some(Value::String(id)) if !id.is_empty() => format!("_design/{id}"),
            _ => format!("_design/{name}"),
        };
        body.shift_remove("_rev");
        let mut sources = Sources::default();
        sources.insert(Vec::new(), Source { path: path.to_owned(), line: 1 });
        Some(DesignDocument { id, body, sources })
    }

    fn json_file(&mut self, path: &Path, name: &str) -> Option<DesignDocument> {
        let mut value = self.json(path)?;
        join_lines(&mut value, 0);
        self.design(path, name, value)
    }

    fn module(&mut self, path: &Path, name: &str) -> Option<DesignDocument> {
        let text = self.text(path)?;
        match self.loader.load(&text) {
            Ok(value) => self.design(path, name, value),
            Err((message, line)) => {
                let problem = ProjectError::new(path, message);
                self.problems.push(match line {
                    Some(line) => problem.at(line),
                    None => problem,
                });
                None
            }
        }
    }

    fn folder(&mut self, path: &Path, name: &str) -> Option<DesignDocument> {
        let full = self.root.join(path);
        let layout = if full.join(".couchapprc").exists() || full.join("couchapp.json").exists() {
            Layout::Couchapp
        } else if full.join("views").is_dir() || full.join("_id").exists() {
            Layout::Compile
        } else {
            Layout::Own
        };
        let before = self.problems.len();
        let mut sources = Sources::default();
        sources.insert(Vec::new(), Source { path: path.to_owned(), line: 1 });
        let mut body = self.members(path, layout, &mut Vec::new(), &mut sources);
        if layout == Layout::Own {
            gather_views(&mut body);
        }
        if layout == Layout::Couchapp {
            self.expand_macros(path, &mut body);
        }
        let attachments = self.attachments(&path.join("_attachments"));
        if !attachments.is_empty() {
            body.insert("_attachments".into(), Value::Object(attachments));
        }
        if self.problems.len() > before {
            return None;
        }
        if body.is_empty() {
            self.problems.push(ProjectError::new(path, "a design document without members"));
            return None;
        }
        self.check_views(path, &body);
        let id = match body.shift_remove("_id") {
            Some(Value::String(id)) => {
                let id = id.lines().next().unwrap_or_default().trim().to_owned();
                if id.starts_with("_design/") { id } else { format!("_design/{id}") }
            }
            _ => format!("_design/{name}"),
        };
        Some(DesignDocument { id, body, sources })
    }

    fn check_views(&mut self, path: &Path, body: &Map<String, Value>) {
        let views = body.get("views").and_then(Value::as_object);
        for (name, view) in views.into_iter().flatten() {
            if name != "lib" && view.get("reduce").is_some() && view.get("map").is_none() {
                let message = format!("view `{name}` has a reduce but no map");
                self.problems.push(ProjectError::new(path, message).hint("add a file `map.js`"));
            }
        }
    }

    fn members(
        &mut self,
        folder: &Path,
        layout: Layout,
        names: &mut Vec<String>,
        sources: &mut Sources,
    ) -> Map<String, Value> {
        let mut members: BTreeMap<String, (Value, PathBuf)> = BTreeMap::new();
        if names.len() > DEEPEST {
            self.problems
                .push(ProjectError::new(folder, "folders nested too deeply; a loop of links?"));
            return Map::new();
        }
        for entry in entries(&self.root.join(folder)) {
            let Some(file) = file_name(&entry) else {
                self.problems.push(ProjectError::new(&entry, "its name is not valid UTF-8"));
                continue;
            };
            let path = folder.join(&file);
            let at_root = names.is_empty();
            if file.starts_with('.') || (at_root && file.starts_with('_') && file != "_id") {
                if at_root
                    && file.starts_with('_')
                    && !["_attachments", "_docs"].contains(&file.as_str())
                {
                    self.orphans.push(path);
                }
                continue;
            }
            let member = if entry.is_dir() {
                names.push(file.clone());
                let inner = self.members(&path, layout, names, sources);
                names.pop();
                Some((file.clone(), Value::Object(inner)))
            } else {
                self.file(&path, &file, layout, names)
            };
            let Some((name, value)) = member else { continue };
            if let Some((_, other)) = members.get(&name) {
                let message =
                    format!("is a second source of member `{name}`, beside {}", other.display());
                self.problems.push(ProjectError::new(&path, message).hint("keep one of them"));
                continue;
            }
            let mut whole = names.clone();
            whole.push(name.clone());
            sources.insert(whole, Source { path: path.clone(), line: 1 });
            members.insert(name, (value, path));
        }
        members.into_iter().map(|(name, (value, _))| (name, value)).collect()
    }

    fn file(
        &mut self,
        path: &Path,
        file: &str,
        layout: Layout,
        names: &[String],
    ) -> Option<(String, Value)> {
        let (stem, extension) = match file.rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() => (stem, extension),
            _ => (file, ""),
        };
        if extension == "json" {
            return Some((stem.to_owned(), self.json(path)?));
        }
        let text = self.text(path)?;
        let in_lib = names.iter().any(|name| name == "lib" || name == "vendor");
        let value = match function_source(&text) {
            Some(function) if extension == "js" && !in_lib => function,
            // A built-in reduce with a line feed behind it is another word to CouchDB.
            _ if layout != Layout::Couchapp || text.trim().starts_with('_') => text.trim(),
            _ => &text,
        };
        Some((stem.to_owned(), value.into()))
    }

    /// couchapp's `// !code path` and `// !json path` in the functions of a design document.
    fn expand_macros(&mut self, folder: &Path, members: &mut Map<String, Value>) {
        let whole = members.clone();
        for value in members.values_mut() {
            self.expand(folder, value, &whole, 0);
        }
    }

    fn expand(
        &mut self,
        folder: &Path,
        value: &mut Value,
        whole: &Map<String, Value>,
        depth: usize,
    ) {
        match value {
            Value::Object(members) if depth < DEEPEST => {
                for member in members.values_mut() {
                    self.expand(folder, member, whole, depth + 1);
                }
            }
            Value::String(text) if text.contains("!code") || text.contains("!json") => {
                let mut expanded = String::new();
                for line in text.split_inclusive('\n') {
                    let macro_call = line.trim().strip_prefix("//").map(str::trim_start);
                    if let Some(path) = macro_call.and_then(|call| call.strip_prefix("!code ")) {
                        self.code(folder, path.trim(), &mut expanded);
                    } else if let Some(path) =
                        macro_call.and_then(|call| call.strip_prefix("!json "))
                    {
                        self.json_macro(folder, path.trim(), whole, &mut expanded);
                    } else {
                        expanded.push_str(line);
                    }
                }
                *text = expanded;
            }
            _ => {}
        }
    }

    fn code(&mut self, folder: &Path, pattern: &str, expanded: &mut String) {
        let full = self.root.join(folder).join(pattern);
        let found: Vec<PathBuf> = glob::glob(&full.to_string_lossy())
            .map(|paths| paths.filter_map(Result::ok).collect())
            .unwrap_or_default();
        if found.is_empty() {
            let message = format!("the macro `!code {pattern}` finds nothing");
            self.problems.push(ProjectError::new(folder, message));
        }
        for path in found {
            let path = path.strip_prefix(self.root).map_or(path.clone(), Path::to_owned);
            if let Some(text) = self.text(&path) {
                expanded.push_str(&text);
                expanded.push('\n');
            }
        }
    }

    fn json_macro(
        &mut self,
        folder: &Path,
        path: &str,
        whole: &Map<String, Value>,
        expanded: &mut String,
    ) {
        let mut names = path.split('.');
        let first = names.next().unwrap_or_default();
        let found =
            whole.get(first).and_then(|value| names.try_fold(value, |value, name| value.get(name)));
        match found {
            Some(value) => {
                let name = path.split('.').next_back().unwrap_or(path);
                expanded.push_str(&format!("var {name} = {};\n", json::to_string(value)));
            }
            None => {
                let message = format!("the macro `!json {path}` finds nothing");
                self.problems.push(ProjectError::new(folder, message));
            }
        }
    }

    fn attachments(&mut self, folder: &Path) -> Map<String, Value> {
        let mut attachments = Map::new();
        let mut folders = vec![(folder.to_owned(), String::new())];
        while let Some((folder, prefix)) = folders.pop() {
            for entry in entries(&self.root.join(&folder)) {
                let Some(name) = file_name(&entry).filter(|name| !name.starts_with('.')) else {
                    continue;
                };
                let path = folder.join(&name);
                if entry.is_dir() {
                    folders.push((path, format!("{prefix}{name}/")));
                    continue;
                }
                match std::fs::read(&entry) {
                    Ok(data) => {
                        let mut attachment = Map::new();
                        attachment.insert("content_type".into(), content_type(&name).into());
                        attachment.insert("data".into(), STANDARD.encode(data).into());
                        attachments.insert(format!("{prefix}{name}"), Value::Object(attachment));
                    }
                    Err(error) => self.problems.push(ProjectError::unreadable(&path, &error)),
                }
            }
        }
        attachments.sort_keys();
        attachments
    }
}

/// In couchctl's own layout views stand beside the other members.
fn gather_views(body: &mut Map<String, Value>) {
    let mut views = Map::new();
    let names: Vec<String> = body.keys().cloned().collect();
    for name in names {
        let is_view = body[&name].get("map").is_some() || body[&name].get("reduce").is_some();
        let is_lib = name == "lib" && body[&name].is_object();
        let gathered = is_lib || (is_view && !MEMBERS.contains(&name.as_str()));
        if gathered && let Some(view) = body.shift_remove(&name) {
            views.insert(name, view);
        }
    }
    if !views.is_empty() {
        body.insert("views".into(), Value::Object(views));
        body.sort_keys();
    }
}

/// Functions written as arrays of lines, as kazoo does.
fn join_lines(value: &mut Value, depth: usize) {
    let Value::Object(members) = value else { return };
    for (name, member) in members.iter_mut() {
        let is_function = depth >= 1 || name == "validate_doc_update";
        if let Value::Array(lines) = member
            && is_function
            && !lines.is_empty()
            && lines.iter().all(Value::is_string)
        {
            let lines: Vec<&str> = lines.iter().filter_map(Value::as_str).collect();
            *member = lines.join("\n").into();
        } else if name != "options" && name != "_attachments" {
            join_lines(member, depth + 1);
        }
    }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" | "htm" => "text/html",
        "css" => "text/css",
        "js" | "mjs" => "application/javascript",
        "json" => "application/json",
        "txt" | "md" => "text/plain",
        "xml" => "application/xml",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "ico" => "image/x-icon",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "pdf" => "application/pdf",
        _ => "application/octet-stream",
    }
}
