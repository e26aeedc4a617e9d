//! `<ddoc>.js`: a design document as a JavaScript module.

use std::path::Path;

use super::json_file::take_meta;
use super::{Reader, design_id};
use crate::design::{DesignDocument, Source, Sources};
use crate::json::{Map, Value};
use crate::project::files;
use crate::project::problem::{Fault, Problem};

pub(super) fn read(
    reader: &Reader<'_>,
    path: &Path,
    stem: &str,
) -> Result<DesignDocument, Problem> {
    let mut body = load(reader, path)?;
    let id = design_id(take_meta(&mut body), stem, path)?;
    if body.is_empty() {
        return Err(Problem::new(path, Fault::EmptyDesign));
    }
    let mut sources = Sources::default();
    sources.insert(Vec::new(), Source { path: reader.shown(path), line: 1 });
    Ok(DesignDocument { id, body, sources })
}

/// The members a module exports.
pub(super) fn load(reader: &Reader<'_>, path: &Path) -> Result<Map<String, Value>, Problem> {
    let source = files::read_text(path)?;
    let exports = reader.loader.load(path, &source).map_err(|error| {
        let fault = Fault::Module(error.message);
        match error.line {
            Some(line) => Problem::at_line(path, line, fault),
            None => Problem::new(path, fault),
        }
    })?;
    match exports {
        Value::Object(members) => Ok(members),
        _ => Err(Problem::new(
            path,
            Fault::Module("the module does not export an object".to_owned()),
        )),
    }
}
