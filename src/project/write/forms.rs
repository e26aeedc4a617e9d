//! The forms a design document can have on disk.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::files::{Content, Files};
use super::names::{are_distinct, is_safe};
use crate::design::DesignDocument;
use crate::json::{Map, Value};
use crate::project::layout::{COUCHAPP_BOOKKEEPING, holds_function};

/// A form, in words of the layouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A folder with a folder for each view.
    Own,
    /// A folder with a file for each member.
    Compile,
    /// The same, as couchapp has it.
    Couchapp,
    /// One JSON file.
    Json,
    /// One JavaScript file.
    Module,
    /// A folder with a JSON file for each member, functions included: for what only older servers accepted.
    Texts,
}

impl Form {
    /// The forms to try, the most convenient first.
    pub(super) fn for_design(design: &DesignDocument) -> &'static [Self] {
        if design.body.contains_key("couchapp") {
            &[Self::Couchapp, Self::Json, Self::Module, Self::Texts]
        } else {
            &[Self::Own, Self::Compile, Self::Json, Self::Module, Self::Texts]
        }
    }

    /// The files of a design document, or `None` when this form plainly cannot hold it.
    pub(super) fn files(self, design: &DesignDocument, name: &str, trims: bool) -> Option<Files> {
        match self {
            Self::Own | Self::Compile | Self::Couchapp | Self::Texts => {
                self.folder(design, name, trims)
            }
            Self::Json => {
                let mut value = design.to_value();
                if let Value::Object(members) = &mut value {
                    if name == design.name() && !design.body.is_empty() {
                        members.shift_remove("_id");
                    }
                    into_lines(members, &mut Vec::new());
                }
                let text = pretty(&value)?;
                Some(file(format!("{name}.json"), text))
            }
            Self::Module => {
                // As a plain name it would set the prototype.
                let value =
                    pretty(&design.to_value())?.replace(r#""__proto__":"#, r#"["__proto__"]:"#);
                Some(file(format!("{name}.js"), format!("module.exports = {value}")))
            }
        }
    }

    fn folder(self, design: &DesignDocument, name: &str, trims: bool) -> Option<Files> {
        let trims = trims && self != Self::Couchapp;
        let mut tree = Tree { trims, texts: self == Self::Texts, files: Vec::new() };
        if name != design.name() {
            tree.files.push((PathBuf::from("_id"), format!("{}\n", design.id).into_bytes()));
        }
        let mut root = Vec::new();
        for (name, member) in &design.body {
            match (name.as_str(), member) {
                ("_attachments", Value::Object(attachments)) => tree.attachments(attachments)?,
                ("views", Value::Object(views)) if self == Self::Own => {
                    root.extend(views.iter().map(|(name, view)| (vec!["views", name], view)));
                }
                ("couchapp", Value::Object(members)) => {
                    let mut members = members.clone();
                    for name in COUCHAPP_BOOKKEEPING {
                        members.shift_remove(name);
                    }
                    let text = pretty(&Value::Object(members))?;
                    tree.files.push((PathBuf::from("couchapp.json"), text.into_bytes()));
                }
                _ => root.push((vec![name.as_str()], member)),
            }
        }
        if !are_distinct(root.iter().map(|(path, _)| path[path.len() - 1])) {
            return None;
        }
        for (path, member) in root {
            let place = Path::new(path[path.len() - 1]);
            tree.member(&path, place, member)?;
        }
        let files = tree.files;
        can_stand_together(&files)
            .then(|| Files { name: name.to_owned(), content: Content::Folder(files) })
    }
}

/// Whether no file has the path of another, or of a folder that another is in, also where the case of letters does
/// not count.
fn can_stand_together(files: &[(PathBuf, Vec<u8>)]) -> bool {
    let lower = |path: &Path| path.to_string_lossy().to_lowercase();
    let places: HashSet<String> = files.iter().map(|(path, _)| lower(path)).collect();
    let mut folders = files.iter().flat_map(|(path, _)| path.ancestors().skip(1).map(lower));
    places.len() == files.len() && !folders.any(|folder| places.contains(&folder))
}

fn file(name: String, text: String) -> Files {
    Files { name, content: Content::File(text.into_bytes()) }
}

pub(super) fn pretty(value: &Value) -> Option<String> {
    serde_json::to_string_pretty(value).ok().map(|text| text + "\n")
}

/// Functions of several lines as arrays of lines, which can be read and compared.
fn into_lines(members: &mut Map<String, Value>, path: &mut Vec<String>) {
    for (name, member) in members {
        path.push(name.clone());
        match member {
            Value::String(text)
                if text.contains('\n') && holds_function(path) && path[0] != "rewrites" =>
            {
                *member = text.split('\n').map(Value::from).collect();
            }
            Value::Object(inner) if path.len() < 4 => into_lines(inner, path),
            _ => {}
        }
        path.pop();
    }
}

struct Tree {
    /// Whether white space around a text is lost.
    trims: bool,
    /// Whether every member is a JSON file.
    texts: bool,
    files: Vec<(PathBuf, Vec<u8>)>,
}

impl Tree {
    /// Adds the files of a member; its `place` has no extension yet.
    fn member(&mut self, path: &[&str], place: &Path, member: &Value) -> Option<()> {
        let name = *path.last()?;
        if !is_safe(name) {
            return None;
        }
        match member {
            Value::Object(members) if !self.texts && is_folder(path) && !members.is_empty() => {
                if !are_distinct(members.keys().map(String::as_str)) {
                    return None;
                }
                for (name, member) in members {
                    let mut path = path.to_vec();
                    path.push(name);
                    self.member(&path, &place.join(name), member)?;
                }
            }
            Value::String(text)
                if !self.texts && (!self.trims || text.trim() == text && !text.is_empty()) =>
            {
                let builtin = text.starts_with('_') && path.last() == Some(&"reduce");
                let extension = if is_code(path) && !builtin {
                    ".js"
                } else if name.contains('.') {
                    ".txt"
                } else {
                    ""
                };
                let end = if self.trims { "\n" } else { "" };
                self.file(place, extension, format!("{text}{end}"));
            }
            // A function as a JSON text is hard to read; a JSON file of the whole has it in lines.
            Value::String(_) if holds_function(path) && !self.texts => return None,
            other => self.file(place, ".json", pretty(other)?),
        }
        Some(())
    }

    fn file(&mut self, place: &Path, extension: &str, text: String) {
        let mut path = place.as_os_str().to_owned();
        path.push(extension);
        self.files.push((PathBuf::from(path), text.into_bytes()));
    }

    fn attachments(&mut self, attachments: &Map<String, Value>) -> Option<()> {
        for (name, attachment) in attachments {
            if !name.split('/').all(is_safe) {
                return None;
            }
            let data = STANDARD.decode(attachment.get("data")?.as_str()?).ok()?;
            self.files.push((Path::new("_attachments").join(name), data));
        }
        Some(())
    }
}

/// Whether a member is a folder of functions, modules or definitions rather than a JSON file.
fn is_folder(path: &[&str]) -> bool {
    matches!(
        path,
        ["views" | "lib" | "filters" | "updates" | "shows" | "lists" | "indexes" | "nouveau"]
            | ["views" | "indexes" | "nouveau", _]
            | ["views", "lib", ..]
            | ["lib", ..]
    )
}

fn is_code(path: &[&str]) -> bool {
    holds_function(path) || matches!(path, ["lib", _, ..] | ["views", "lib", _, ..])
}
