//! One set of design documents for many databases: which ones, and the surveys of all of them.

use futures_util::{StreamExt, stream};

use super::plan::{Options, Plan, Target, fingerprint};
use super::survey::{Survey, survey};
use super::target::Loaded;
use crate::server::{Server, ServerError};

/// A database of the server, and what it is to be like.
#[derive(Debug, Clone, PartialEq)]
pub struct Place<'a> {
    /// Its name.
    pub name: String,
    /// What it is to be like.
    pub target: Target<'a>,
}

/// The databases that some databases of a project stand for: themselves, or, where they have a `match`, all
/// that it finds on the server and that the project does not name otherwise. Of two patterns that find
/// a name, the first has it.
///
/// # Errors
/// When the server does not tell which databases it has; it is asked only for a `match`.
pub async fn places<'a>(
    server: &Server,
    loaded: &'a [Loaded<'_>],
) -> Result<Vec<Place<'a>>, ServerError> {
    let asks =
        |loaded: &Loaded<'_>| loaded.database.config.matches.is_some() && loaded.only.is_none();
    let all = if loaded.iter().any(asks) { server.all_databases().await? } else { Vec::new() };
    Ok(placed(loaded, &all))
}

fn placed<'a>(loaded: &'a [Loaded<'_>], all: &[String]) -> Vec<Place<'a>> {
    let named = |name: &str| {
        loaded
            .iter()
            .any(|other| other.database.config.matches.is_none() && other.database.name == name)
    };
    let mut places: Vec<Place<'a>> = Vec::new();
    let mut taken = std::collections::HashSet::new();
    for one in loaded {
        let found: Vec<String> = match (&one.only, &one.database.config.matches) {
            (Some(only), _) => vec![only.clone()],
            (None, None) => vec![one.database.name.clone()],
            (None, Some(_)) => {
                let finds = |name: &&String| one.database.config.finds(name) && !named(name);
                all.iter().filter(finds).cloned().collect()
            }
        };
        for name in found {
            if taken.insert(name.clone()) {
                places.push(Place { name, target: one.target() });
            }
        }
    }
    places
}

/// The surveys of many databases.
#[derive(Debug, Clone, PartialEq)]
pub struct Surveys {
    /// Those that could be planned, sorted by name.
    pub surveys: Vec<Survey>,
    /// Those that could not, and why, sorted by name.
    pub failed: Vec<(String, ServerError)>,
}

impl Surveys {
    /// The plan of all databases that could be planned.
    #[must_use]
    pub fn plan(&self, loaded: &[Loaded<'_>], options: Options) -> Plan {
        let targets: Vec<Target<'_>> = loaded.iter().map(Loaded::target).collect();
        Plan {
            options,
            fingerprint: fingerprint(&targets),
            databases: self.surveys.iter().map(|survey| survey.plan.clone()).collect(),
        }
    }
}

/// Surveys databases, at most `jobs` of them at a time. What goes wrong in one is nothing to the others.
pub async fn survey_all(
    server: &Server,
    places: Vec<Place<'_>>,
    options: Options,
    jobs: usize,
) -> Surveys {
    let surveys = places.into_iter().map(|place| async move {
        let outcome = survey(&server.database(&place.name), place.target, options).await;
        (place.name, outcome)
    });
    let mut outcomes: Vec<_> = stream::iter(surveys).buffer_unordered(jobs.max(1)).collect().await;
    outcomes.sort_by(|(left, _), (right, _)| left.cmp(right));
    let mut all = Surveys { surveys: Vec::new(), failed: Vec::new() };
    for (name, outcome) in outcomes {
        match outcome {
            Ok(survey) => all.surveys.push(survey),
            Err(error) => all.failed.push((name, error)),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::{Database, DatabaseConfig};

    fn database(name: &str, matches: Option<&str>) -> Database {
        Database {
            name: name.to_owned(),
            key: name.to_owned(),
            folder: name.into(),
            config: DatabaseConfig {
                matches: matches.map(str::to_owned),
                ..DatabaseConfig::default()
            },
            designs: Vec::new(),
            schemas: Vec::new(),
            suites: Vec::new(),
            schema_suites: Vec::new(),
            documents: Vec::new(),
            security: None,
        }
    }

    #[test]
    fn every_database_has_one_place() {
        let databases = [
            database("userdb-admin", None),
            database("users", Some("userdb-*")),
            database("rest", Some("*")),
        ];
        let all: Vec<String> =
            ["_users", "other", "userdb-61", "userdb-admin"].map(str::to_owned).into();
        let mut loaded: Vec<Loaded<'_>> = databases
            .iter()
            .map(|database| Loaded { database, security: None, only: None })
            .collect();
        let names = |loaded: &[Loaded<'_>]| -> Vec<(String, String)> {
            let places = placed(loaded, &all).into_iter();
            places.map(|place| (place.target.database.key.clone(), place.name)).collect()
        };
        let pair = |key: &str, name: &str| (key.to_owned(), name.to_owned());
        assert_eq!(
            names(&loaded),
            [
                pair("userdb-admin", "userdb-admin"),
                pair("users", "userdb-61"),
                pair("rest", "other"),
            ]
        );
        loaded[1].only = Some("userdb-62".to_owned());
        assert_eq!(names(&loaded[1..2]), [pair("users", "userdb-62")]);
    }
}
