//! `couchctl.toml`: everything in it is optional, and unknown keys are errors.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use glob::Pattern;
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::discover::CONFIG_FILE;
use super::environment::SANDBOX;
use super::files;
use super::layout::Layout;
use super::problem::{Fault, Problem, line_of};

/// The configuration of a project.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Databases by the names of their folders.
    #[serde(default)]
    pub databases: BTreeMap<String, DatabaseConfig>,
    /// Servers by the names that `--env` takes.
    #[serde(default)]
    pub environments: BTreeMap<String, EnvironmentConfig>,
}

/// What the configuration says of a database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// Its name on the server, if other than the folder's.
    pub name: Option<String>,
    /// What names a document's type, and so its schema; the member `type` unless said otherwise.
    pub discriminator: Option<Discriminator>,
    /// How documents are checked against the schemas.
    #[serde(default)]
    pub validation: ValidationConfig,
    /// A pattern of names, in place of one name: its design documents go into every database that the
    /// server has under a matching name. `*` stands for any characters, `?` for one.
    #[serde(rename = "match")]
    pub matches: Option<String>,
    /// Whether push creates the database when it is missing.
    #[serde(default)]
    pub create: bool,
    /// Whether the database is a partitioned one.
    #[serde(default)]
    pub partitioned: bool,
    /// A JSON file with its `_security` object, relative to the project.
    pub security: Option<PathBuf>,
    /// The folder of its design documents, relative to the project, if other than `views/<key>`.
    pub folder: Option<PathBuf>,
    /// How its folders of design documents are laid out, if that should not be guessed.
    pub layout: Option<Layout>,
    /// Whether white space around the text of a file is dropped, if other than the layout's habit.
    pub trim: Option<bool>,
}

/// What names a document's type.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "a discriminator is a member's name, a JSON Pointer, or `{ id_prefix = \":\" }`"
)]
pub enum Discriminator {
    /// A member at the top of the document or, with a slash in front, a JSON Pointer.
    Member(String),
    /// The beginning of the document's id.
    #[serde(rename_all = "snake_case")]
    Id(IdDiscriminator),
}

/// A type told by a document's id.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IdDiscriminator {
    /// What ends the type at the front of an id: `:` in `task:17`.
    pub id_prefix: String,
}

/// How the documents of a database are checked against its schemas.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ValidationConfig {
    /// The schema of documents that name no type, or one without a schema.
    pub default: Option<String>,
    /// Documents that no schema is for.
    #[serde(default)]
    pub ignore: IgnoreConfig,
    /// Whether `format` is only a comment; unless it is, values must have the format.
    #[serde(default)]
    pub ignore_formats: bool,
    /// The files, relative to the project, that stand for schemas elsewhere, by their addresses.
    #[serde(default)]
    pub references: BTreeMap<String, PathBuf>,
}

/// Documents that no schema is for. In patterns, `*` stands for any characters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IgnoreConfig {
    /// Patterns of their ids.
    #[serde(default)]
    pub ids: Vec<String>,
    /// Patterns of their types.
    #[serde(default)]
    pub types: Vec<String>,
}

/// What the configuration says of a server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentConfig {
    /// Its address, without user and password.
    pub url: String,
    /// Whether changing it asks first, or needs `--yes`.
    #[serde(default)]
    pub protected: bool,
    /// The user to sign in as.
    pub user: Option<String>,
    /// How user and password are sent.
    pub authentication: Option<Authentication>,
    /// A file of PEM certificates to trust besides those of the system.
    pub ca_file: Option<PathBuf>,
}

/// How user and password are sent to a server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Authentication {
    /// With every request.
    #[default]
    Basic,
    /// Once, for a cookie that stands for them.
    Cookie,
}

impl DatabaseConfig {
    /// Whether its design documents go into the server's database of this name because of `match`. Names that start with
    /// an underscore belong to CouchDB: only a pattern that starts with one finds them.
    #[must_use]
    pub fn finds(&self, name: &str) -> bool {
        self.matches.as_deref().is_some_and(|text| {
            name.starts_with('_') <= text.starts_with('_')
                && Pattern::new(text).is_ok_and(|pattern| pattern.matches(name))
        })
    }
}

impl Config {
    /// Reads the configuration of the project at `root`; a missing file is an empty configuration.
    ///
    /// # Errors
    /// With all that is wrong with it.
    pub fn load(root: &Path) -> Result<Self, Vec<Problem>> {
        let path = root.join(CONFIG_FILE);
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = files::read_text(&path).map_err(|problem| vec![problem])?;
        Self::parse(&text, Path::new(CONFIG_FILE))
    }

    /// Reads a configuration from the text of the file `path`.
    ///
    /// # Errors
    /// With all that is wrong with it.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Vec<Problem>> {
        let config: Self =
            toml::from_str(text).map_err(|error| vec![refused(text, path, &error)])?;
        let mut problems = Vec::new();
        for database in config.databases.values() {
            let Some(pattern) = &database.matches else { continue };
            let line = text.find(pattern).map_or(1, |at| line_of(text, at));
            let mut refuse = |message: String| {
                problems.push(Problem::at_line(path, line, Fault::Config(message)));
            };
            if let Err(error) = Pattern::new(pattern) {
                refuse(format!("`match` is no pattern: {}", error.msg));
            }
            if database.name.is_some() {
                refuse("`match` stands in place of `name`; remove one of them".to_owned());
            }
            if database.create {
                refuse("databases that `match` finds exist; remove `create`".to_owned());
            }
        }
        for (name, environment) in &config.environments {
            let line = text.find(&environment.url).map_or(1, |at| line_of(text, at));
            if name == SANDBOX {
                let message = format!("the environment `{SANDBOX}` is built in");
                problems.push(Problem::at_line(path, line, Fault::Config(message)));
            }
            if let Err(fault) = checked_url(&environment.url) {
                problems.push(Problem::at_line(path, line, fault));
            }
        }
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }
}

/// The problem behind a refusal of the TOML reader. Its own report quotes the line, which may hold
/// a password; its message does not.
fn refused(text: &str, path: &Path, error: &toml::de::Error) -> Problem {
    let message = error.message().lines().next().unwrap_or_default();
    let offset = error.span().map_or(0, |span| span.start);
    let before = text.get(..offset).unwrap_or_default();
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    let fault = if message.contains("unknown field `password`") {
        Fault::Password
    } else {
        Fault::Config(message.to_owned())
    };
    Problem::at(path, line_of(text, offset), column, fault)
}

/// An address without user, password, query and fragment, and without a slash at its end.
pub(super) fn checked_url(text: &str) -> Result<Url, Fault> {
    let url = parsed_url(text)?;
    if url.password().is_some() {
        return Err(Fault::Password);
    }
    if !url.username().is_empty() {
        let message = "a user does not belong into `url`; set `user`, or COUCHDB_USER".to_owned();
        return Err(Fault::Config(message));
    }
    Ok(url)
}

/// An address of a CouchDB server, with user and password if there are any. The messages never
/// quote the address, since a malformed one may hold a password anywhere.
pub(super) fn parsed_url(text: &str) -> Result<Url, Fault> {
    let refuse = |message: &str| Fault::Config(message.to_owned());
    let mut url = Url::parse(text)
        .map_err(|error| Fault::Config(format!("the URL is not valid: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refuse("the URL must start with `http://` or `https://`"));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(refuse("the URL names no host"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refuse("the URL of a server has neither `?` nor `#`"));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(text: &str) -> String {
        let problems = Config::parse(text, Path::new("couchctl.toml")).expect_err(text);
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_whole_configuration() {
        let text = r#"
            [databases.medic-db]
            name = "medic"
            discriminator = "/type"
            create = true
            security = "security/medic.json"
            folder = "ddocs/medic-db"
            layout = "compile"
            trim = false
            partitioned = true
            [databases.medic-db.validation]
            default = "other"
            ignore = { ids = ["tmp:*"], types = ["log"] }
            ignore_formats = true
            references = { "https://example.org/geo.json" = "schemas/vendor/geo.json" }
            [databases.users]
            discriminator = { id_prefix = ":" }
            [environments.production]
            url = "https://couch.example.org/db/"
            protected = true
            user = "deploy"
        "#;
        let config = Config::parse(text, Path::new("couchctl.toml")).expect("a configuration");
        let database = &config.databases["medic-db"];
        assert_eq!(database.name.as_deref(), Some("medic"));
        assert_eq!(database.layout, Some(Layout::Compile));
        assert_eq!(database.trim, Some(false));
        assert_eq!(database.discriminator, Some(Discriminator::Member("/type".to_owned())));
        assert_eq!(database.validation.ignore.ids, ["tmp:*"]);
        let id = IdDiscriminator { id_prefix: ":".to_owned() };
        assert_eq!(config.databases["users"].discriminator, Some(Discriminator::Id(id)));
        assert!(config.environments["production"].protected);
    }

    #[test]
    fn patterns_find_databases() {
        let text = "[databases.users]\nmatch = \"userdb-*\"\n[databases.all]\nmatch = \"*\"";
        let config = Config::parse(text, Path::new("couchctl.toml")).expect("a configuration");
        let users = &config.databases["users"];
        assert!(users.finds("userdb-6a"));
        assert!(!users.finds("other") && !config.databases["all"].finds("_users"));
        assert!(config.databases["all"].finds("a/b"));
        assert_eq!(
            fails("[databases.a]\nmatch = \"a***\"\nname = \"b\"\ncreate = true"),
            "couchctl.toml:2: `match` is no pattern: wildcards are either regular `*` or recursive `**`\n\
             couchctl.toml:2: `match` stands in place of `name`; remove one of them\n\
             couchctl.toml:2: databases that `match` finds exist; remove `create`"
        );
    }

    #[test]
    fn mistakes_name_the_line() {
        assert!(
            fails("[databases.a]\nnmae = 1").starts_with("couchctl.toml:2:1: unknown field `nmae`")
        );
        assert!(fails("x").starts_with("couchctl.toml:1:"));
        assert!(fails("[environments.a]\nurl = 5").starts_with("couchctl.toml:2:"));
        assert_eq!(
            fails("[environments.a]\nprotected = true\nurl = \"ftp://x\""),
            "couchctl.toml:3: the URL must start with `http://` or `https://`"
        );
        assert!(fails("[environments.sandbox]\nurl = \"http://x\"").contains("built in"));
    }

    #[test]
    fn passwords_are_refused_and_not_shown() {
        for text in [
            "[environments.a]\nurl = \"http://ann:s3cret@localhost\"",
            "[environments.a]\nurl = \"http://x\"\npassword = \"s3cret\"",
            "[environments.a]\npassword = s3cret",
        ] {
            let message = fails(text);
            assert!(!message.contains("s3cret"), "{message}");
        }
        assert_eq!(
            fails("[environments.a]\nurl = \"http://ann:s3cret@localhost\""),
            "couchctl.toml:2: a password must not stand here"
        );
        assert_eq!(
            fails("[environments.a]\nurl = \"http://x\"\npassword = \"s3cret\""),
            "couchctl.toml:3:1: a password must not stand here"
        );
    }
}
