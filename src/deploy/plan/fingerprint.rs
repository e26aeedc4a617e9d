//! A fingerprint of a project's content.

use super::Target;
use super::search::digest;
use crate::design::term::Term;

/// A fingerprint of everything a push takes from the project: equal exactly when the content is.
#[must_use]
pub fn fingerprint(targets: &[Target<'_>]) -> String {
    let flag = |set: bool| Term::Atom(if set { "true" } else { "false" });
    let text = |text: Option<&str>| text.map_or(Term::Atom("nil"), Term::text);
    let databases = targets.iter().map(|target| {
        let database = target.database;
        let designs = database
            .designs
            .iter()
            .map(|design| Term::Tuple(vec![Term::text(&design.id), Term::members(&design.body)]));
        Term::Tuple(vec![
            Term::text(&database.key),
            Term::text(&database.name),
            text(database.config.matches.as_deref()),
            flag(database.config.create),
            flag(database.config.partitioned),
            target.security.map_or(Term::Atom("nil"), Term::from),
            Term::List(designs.collect()),
        ])
    });
    digest(&Term::List(databases.collect()))
}
