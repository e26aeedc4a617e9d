//! From files to validators.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jsonschema::{Draft, ReferencingError, Registry, ValidationError, Validator, uri};

use super::files::{Missing, Resources, Retriever, SchemaFile, address};
use super::instance::Instances;
use super::members;
use super::route::Routes;
use super::words;
use crate::json::Value;
use crate::project::{Database, Fault, Problem, Project};

/// How the names of schema files end.
const ENDING: &str = ".schema.json";

/// One schema: what the documents of a type must be.
pub struct Schema {
    /// The type: the file's name without its ending.
    pub name: String,
    /// Its file, relative to the project.
    pub path: PathBuf,
    /// The file's text.
    pub text: String,
    /// The schema.
    pub value: Value,
    /// CouchDB's own members that it speaks of, and gets to see.
    pub members: BTreeSet<&'static str>,
    pub(crate) address: String,
    pub(super) validator: Validator<Instances>,
}

impl fmt::Debug for Schema {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Schema").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The schemas of a database, and how its documents are routed to them.
pub struct Schemas {
    /// The database's name on the server.
    pub database: String,
    /// The name of the folder of its schemas.
    pub key: String,
    /// The schemas of its types, sorted by name.
    pub types: Vec<Schema>,
    /// How documents are routed to them.
    pub routes: Routes,
    /// Whether values must have the `format` of their schemas.
    pub formats: bool,
    pub(crate) registry: Registry<'static>,
}

impl fmt::Debug for Schemas {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Schemas").field("types", &self.types).finish_non_exhaustive()
    }
}

impl Schemas {
    /// Reads and compiles the schemas of a database. Files directly in its folder are the schemas of
    /// types; those in folders below are parts that others refer to.
    ///
    /// # Errors
    /// With everything that is wrong with them, each with its file and line.
    pub fn load(project: &Project, database: &Database) -> Result<Self, Vec<Problem>> {
        let folder = Path::new("schemas").join(&database.key);
        let mut problems = Vec::new();
        let mut files = Vec::new();
        for path in &database.schemas {
            match SchemaFile::read(&project.root, project.shown(path)) {
                Ok(file) => files.push(file),
                Err(problem) => problems.push(problem),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let config = &database.config.validation;
        let resources = Arc::new(Resources::new(&project.root, &config.references));
        let draft = common_draft(&files);
        let registry = registry(&files, draft, &resources)?;
        for (address, missing) in resources.missing() {
            problems.extend(unreachable(&files, &address, missing, &database.key));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let compiler = Compiler { registry: &registry, draft, formats: !config.ignore_formats };
        let mut types = Vec::new();
        for file in files {
            match compiler.compile(&file) {
                Ok((validator, members)) if file.path.parent() == Some(&folder) => {
                    let name = file.path.file_name().unwrap_or_default().to_string_lossy();
                    types.push(Schema {
                        name: name.strip_suffix(ENDING).unwrap_or(&name).to_owned(),
                        address: address(&file.path),
                        path: file.path,
                        text: file.text,
                        value: file.value,
                        members,
                        validator,
                    });
                }
                Ok(_) => {}
                Err(found) => problems.extend(found),
            }
        }
        types.sort_by(|left, right| left.name.cmp(&right.name));
        let names: Vec<&str> = types.iter().map(|schema| schema.name.as_str()).collect();
        let routes = Routes::new(&database.config, &names)
            .map_err(|fault| vec![Problem::new(Path::new(crate::project::CONFIG_FILE), fault)])?;
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            database: database.name.clone(),
            key: database.key.clone(),
            types,
            routes,
            formats: !config.ignore_formats,
            registry,
        })
    }

    /// The schema of this type.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Schema> {
        self.types.iter().find(|schema| schema.name == name)
    }
}

/// The draft of files that name none: that of all the others where they agree, else the newest.
fn common_draft(files: &[SchemaFile]) -> Draft {
    let mut named = files.iter().filter(|file| file.value.get("$schema").is_some());
    let detect = |file: &SchemaFile| Draft::default().detect(&file.value);
    match named.next().map(detect) {
        Some(first) if first != Draft::Unknown && named.all(|file| detect(file) == first) => first,
        _ => Draft::default(),
    }
}

/// All files and what they refer to.
fn registry(
    files: &[SchemaFile],
    draft: Draft,
    resources: &Arc<Resources>,
) -> Result<Registry<'static>, Vec<Problem>> {
    let build = || {
        let mut builder = Registry::new().draft(draft).retriever(Retriever(Arc::clone(resources)));
        for file in files {
            let resource = draft.detect(&file.value).create_resource(file.value.clone());
            builder = builder.add(address(&file.path), resource)?;
        }
        builder.prepare()
    };
    build().map_err(|error| {
        // The error does not say which file it is about; that one has the trouble alone, too.
        let alone = |file: &&SchemaFile| {
            Registry::new()
                .retriever(Retriever(Arc::clone(resources)))
                .add(address(&file.path), file.value.clone())
                .and_then(jsonschema::RegistryBuilder::prepare)
                .is_err()
        };
        let message = error.to_string();
        match files.iter().find(alone) {
            Some(file) => vec![file.problem("/$schema", message, None)],
            None => vec![Problem::new(Path::new("schemas"), Fault::Schema { message, hint: None })],
        }
    })
}

/// The problems of references that lead nowhere, at every place that has one.
fn unreachable(
    files: &[SchemaFile],
    wanted: &str,
    missing: Missing,
    database: &str,
) -> Vec<Problem> {
    let (message, hint) = match missing {
        Missing::Broken(problem) => return vec![problem],
        Missing::NoFile(path) => {
            (format!("the reference leads to `{}`, which does not exist", path.display()), None)
        }
        Missing::Remote => (
            format!("nothing in the project is `{wanted}`, and nothing is fetched"),
            Some(format!(
                "map it to a file: `references = {{ \"{wanted}\" = \"schemas/…\" }}` in \
                 `[databases.{database}.validation]`"
            )),
        ),
    };
    let mut problems = Vec::new();
    for file in files {
        for pointer in file.references_to(&address(&file.path), wanted) {
            problems.push(file.problem(&pointer, message.clone(), hint.clone()));
        }
    }
    if problems.is_empty() {
        let fault = Fault::Schema { message, hint };
        problems.push(Problem::new(Path::new("schemas"), fault));
    }
    problems
}

struct Compiler<'a> {
    registry: &'a Registry<'static>,
    draft: Draft,
    formats: bool,
}

impl Compiler<'_> {
    fn compile(
        &self,
        file: &SchemaFile,
    ) -> Result<(Validator<Instances>, BTreeSet<&'static str>), Vec<Problem>> {
        self.check(file)?;
        let address = address(&file.path);
        let parsed = uri::from_str(&address).map_err(|error| {
            vec![Problem::new(&file.path, Fault::Schema { message: error.to_string(), hint: None })]
        })?;
        let mentioned = members::mentioned(self.registry, &parsed);
        let opened = members::opened(&file.value, &mentioned);
        let mut options = jsonschema::options_for::<Instances>()
            .with_registry(self.registry)
            .should_validate_formats(self.formats);
        if !has_absolute_id(&file.value) {
            options = options.with_base_uri(address.clone());
        }
        if file.value.get("$schema").is_none() {
            options = options.with_draft(self.draft);
        }
        match options.build(opened.as_ref().unwrap_or(&file.value)) {
            Ok(validator) => Ok((validator, mentioned)),
            Err(error) => Err(vec![refused(file, &address, &error)]),
        }
    }

    /// Checks a schema against its metaschema.
    fn check(&self, file: &SchemaFile) -> Result<(), Vec<Problem>> {
        let mut problems: Vec<Problem> = match self.draft.detect(&file.value) {
            Draft::Unknown => {
                let options = jsonschema::meta::options().with_registry(self.registry);
                let refused = options.validate(&file.value).err();
                let problem = |error: ValidationError<'_>| {
                    let message = format!("is no schema of its dialect: {error}");
                    file.problem(error.instance_path().as_str(), message, None)
                };
                refused.map(problem).into_iter().collect()
            }
            draft => metaschema(draft)
                .iter_errors(&file.value)
                .flat_map(|error| words::violations(&error))
                .map(|found| {
                    let message = format!("is no JSON Schema: {}", found.shown());
                    file.problem(&found.pointer, message, None)
                })
                .collect(),
        };
        // The vocabularies of a draft repeat each other.
        let mut told = Vec::new();
        problems.retain(|problem| {
            let is_new = !told.contains(problem);
            if is_new {
                told.push(problem.clone());
            }
            is_new
        });
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

/// The problem behind a refusal of the compiler, at its place in the file.
fn refused(file: &SchemaFile, address: &str, error: &ValidationError<'_>) -> Problem {
    use jsonschema::error::ValidationErrorKind;
    let ValidationErrorKind::Referencing(reason) = error.kind() else {
        let place = [error.instance_path(), error.schema_path()];
        let pointer = place
            .into_iter()
            .map(jsonschema::paths::Location::as_str)
            .find(|path| !path.is_empty());
        let pointer = pointer.unwrap_or_default();
        let message = format!("is no JSON Schema: `{pointer}`: {error}");
        return file.problem(pointer, message, None);
    };
    let (message, fragment) = match reason {
        ReferencingError::PointerToNowhere { pointer } => {
            (format!("the reference to `{pointer}` leads nowhere"), pointer.clone())
        }
        ReferencingError::NoSuchAnchor { anchor } => {
            (format!("there is no anchor `{anchor}`"), anchor.clone())
        }
        other => (other.to_string(), String::new()),
    };
    let wanted = format!("#{fragment}");
    let mut places = file.references_to(address, &wanted);
    if places.is_empty() {
        places = file.references_ending(&wanted);
    }
    file.problem(places.first().map_or("", String::as_str), message, None)
}

/// Whether a schema names itself with a whole address, against which its references are resolved.
fn has_absolute_id(schema: &Value) -> bool {
    let id = schema.get("$id").or_else(|| schema.get("id")).and_then(Value::as_str);
    id.is_some_and(|id| url::Url::parse(id).is_ok())
}

/// What checks schemas of a draft.
fn metaschema(draft: Draft) -> jsonschema::meta::MetaValidator<'static> {
    match draft {
        Draft::Draft4 => jsonschema::draft4::meta::validator(),
        Draft::Draft6 => jsonschema::draft6::meta::validator(),
        Draft::Draft7 => jsonschema::draft7::meta::validator(),
        Draft::Draft201909 => jsonschema::draft201909::meta::validator(),
        _ => jsonschema::draft202012::meta::validator(),
    }
}
