//! `couchctl.toml`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::ProjectError;

/// What `couchctl.toml` says.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Databases by folder.
    #[serde(default)]
    pub databases: BTreeMap<String, DatabaseConfig>,
    /// Servers by name.
    #[serde(default)]
    pub environments: BTreeMap<String, EnvironmentConfig>,
}

/// A database.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// Its name on the server, where it is not the folder's.
    pub name: Option<String>,
    /// The member, or JSON Pointer, that names a document's schema.
    pub discriminator: Option<String>,
    /// Whether a push creates it.
    #[serde(default)]
    pub create: bool,
    /// The file of its security object, below the root.
    pub security: Option<String>,
    /// Whether it is partitioned.
    #[serde(default)]
    pub partitioned: bool,
}

/// A server.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentConfig {
    /// Its URL, without user and password.
    pub url: String,
    /// Whether a push asks first.
    #[serde(default)]
    pub protected: bool,
}

impl Config {
    /// Reads the configuration of the project in `root`; a project needs none.
    ///
    /// # Errors
    /// When the file cannot be read, has unknown or wrong members, or holds a password.
    pub(super) fn read(root: &Path) -> Result<Self, ProjectError> {
        let name = Path::new("couchctl.toml");
        let text = match std::fs::read_to_string(root.join(name)) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(ProjectError::unreadable(name, &error)),
        };
        let config: Self = toml::from_str(&text).map_err(|error| {
            let problem = ProjectError::new(name, error.message().to_owned());
            match error.span() {
                Some(span) => problem.at(text[..span.start].matches('\n').count() + 1),
                None => problem,
            }
        })?;
        for (environment, server) in &config.environments {
            let url = url::Url::parse(&server.url).map_err(|error| {
                ProjectError::new(name, format!("the URL of environment `{environment}`: {error}"))
            })?;
            if url.password().is_some() {
                return Err(ProjectError::new(
                    name,
                    format!("the URL of environment `{environment}` holds a password"),
                )
                .hint("set COUCHDB_USER and COUCHDB_PASSWORD instead"));
            }
        }
        Ok(config)
    }
}
