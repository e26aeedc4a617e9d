//! Schemas as they are and as they were at some commit: what `check` and `diff` tell of the changes.

use indicatif::ProgressBar;

use super::server::Connected;
use crate::deploy::Place;
use crate::json::Value;
use crate::project::{Database, Earlier, Problem, Project};
use crate::schema::{Impact, Schemas};
use crate::server::{Meaning, Position, RemoteDatabase, ServerError};

/// How many documents are asked for at a time.
const PAGE: usize = 500;

/// A database whose schemas changed.
pub(super) struct Changed {
    pub(super) key: String,
    old: Schemas,
    new: Schemas,
    pub(super) impact: Impact,
    /// How many databases of the server have been looked at.
    pub(super) databases: usize,
}

/// The databases whose schemas changed since a state of the repository, and what is wrong with the
/// schemas as they are now.
///
/// # Errors
/// When there is no such state, or its schemas are none.
pub(super) fn since(
    project: &Project,
    reference: &str,
) -> Result<(Vec<Changed>, Vec<Problem>), String> {
    let earlier = Earlier::of(&project.root, reference).map_err(|error| error.to_string())?;
    let all = |problems: Vec<Problem>| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        format!("at `{reference}`: {}", problems.join("; "))
    };
    let before = earlier.project(project).map_err(all)?;
    let (mut changed, mut broken) = (Vec::new(), Vec::new());
    for (old, new) in before.databases.iter().zip(&project.databases) {
        if is_same((&before, old), (project, new)) {
            continue;
        }
        match Schemas::load(project, new) {
            Ok(now) => {
                let then = Schemas::load(&before, old).map_err(all)?;
                let impact = Impact::new(&then, &now).map_err(|error| error.to_string())?;
                let key = new.key.clone();
                changed.push(Changed { key, old: then, new: now, impact, databases: 0 });
            }
            Err(problems) => broken.extend(problems),
        }
    }
    Ok((changed, broken))
}

/// Whether all files and settings are the same.
fn is_same((before, old): (&Project, &Database), (after, new): (&Project, &Database)) -> bool {
    let settings = |database: &Database| {
        (database.config.discriminator.clone(), database.config.validation.clone())
    };
    let files = |project: &Project, database: &Database| -> Vec<_> {
        let file = |path: &std::path::PathBuf| {
            (project.shown(path).to_owned(), std::fs::read(project.root.join(path)).ok())
        };
        database.schemas.iter().map(file).collect()
    };
    settings(old) == settings(new) && files(before, old) == files(after, new)
}

impl Changed {
    /// Counts the documents of the server that become invalid: all of them, or so many of each database,
    /// chosen at random. `None` when interrupted.
    pub(super) fn count(
        &mut self,
        connected: &Connected,
        places: &[Place<'_>],
        sample: Option<usize>,
    ) -> Option<Result<(), ServerError>> {
        let bar = ProgressBar::new_spinner();
        let mine = |place: &&Place<'_>| place.target.database.key == self.key;
        let names: Vec<&str> =
            places.iter().filter(mine).map(|place| place.name.as_str()).collect();
        let counted = connected.run(async {
            for name in names {
                let database = connected.server.database(name);
                let read = match sample {
                    Some(count) => self.sample(&database, count, &bar).await,
                    None => self.all(&database, &bar).await,
                };
                match read {
                    Ok(()) => self.databases += 1,
                    Err(error) if error.means(Meaning::NoDatabase) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        });
        bar.finish_and_clear();
        counted
    }

    async fn all(
        &mut self,
        database: &RemoteDatabase,
        bar: &ProgressBar,
    ) -> Result<(), ServerError> {
        let mut position = Position::Id(None);
        loop {
            let page = database.page(&position, PAGE).await?;
            self.add(&page.documents, bar);
            if page.is_last {
                return Ok(());
            }
            position = page.next;
        }
    }

    async fn sample(
        &mut self,
        database: &RemoteDatabase,
        count: usize,
        bar: &ProgressBar,
    ) -> Result<(), ServerError> {
        for ids in database.sample(count).await?.chunks(PAGE) {
            self.add(&database.documents_of(ids).await?, bar);
        }
        Ok(())
    }

    fn add(&mut self, documents: &[Value], bar: &ProgressBar) {
        for document in documents.iter().filter_map(Value::as_object) {
            self.impact.count(&self.old, &self.new, document);
        }
        let counted = &self.impact.counted;
        bar.set_message(format!(
            "{} documents, {} become invalid",
            counted.documents, counted.invalid
        ));
        bar.tick();
    }
}
