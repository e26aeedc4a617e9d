//! A plan for people: on a terminal, and in a comment on a pull request. For programs it is a
//! [`PlanFile`](crate::deploy::plan::PlanFile).

pub mod human;
pub mod markdown;
pub mod rows;
pub mod schemas;
#[cfg(test)]
mod tests;
mod words;

use crate::deploy::plan::{DatabasePlan, DesignPlan, Plan, SecurityChange, Status};

/// Databases that are treated alike: one of them shown stands for all.
struct Alike<'a> {
    first: &'a DatabasePlan,
    others: Vec<&'a DatabasePlan>,
}

/// The databases of a plan, those of one `match` with equal plans together.
fn grouped(plan: &Plan) -> Vec<Alike<'_>> {
    let mut groups: Vec<Alike<'_>> = Vec::new();
    for database in &plan.databases {
        match groups.iter_mut().find(|group| alike(group.first, database)) {
            Some(group) => group.others.push(database),
            None => groups.push(Alike { first: database, others: Vec::new() }),
        }
    }
    groups
}

fn alike(left: &DatabasePlan, right: &DatabasePlan) -> bool {
    let same_design = |left: &DesignPlan, right: &DesignPlan| {
        left.id == right.id
            && left.status == right.status
            && left.members == right.members
            && left.index.effect == right.index.effect
            && left.index.after == right.index.after
            && left.index.drops == right.index.drops
            && left.search == right.search
            && left.provenance == right.provenance
            && left.seen.as_ref().is_none_or(|seen| seen.conflicts.is_empty())
            && right.seen.as_ref().is_none_or(|seen| seen.conflicts.is_empty())
    };
    left.key == right.key
        && left.create == right.create
        && left.security == right.security
        && left.problems.is_empty()
        && right.problems.is_empty()
        && left.leftovers.len() == right.leftovers.len()
        && left.designs.len() == right.designs.len()
        && left.designs.iter().zip(&right.designs).all(|(left, right)| same_design(left, right))
}

/// Whether there is anything to say about a database.
fn is_quiet(database: &DatabasePlan) -> bool {
    database.is_empty()
        && matches!(database.security, SecurityChange::Unmanaged | SecurityChange::Unchanged)
        && database.designs.iter().all(|design| {
            design.status == Status::Unchanged
                && design.seen.as_ref().is_none_or(|seen| seen.conflicts.is_empty())
        })
}
