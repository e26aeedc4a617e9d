//! What becomes of a design document.

use serde::{Deserialize, Serialize};

use super::compare::{self, Change, MemberChange, is_covered, is_search, merged};
use super::index::{IndexPlan, SearchPlan};
use super::reserved::Owner;
use super::server::{PushRecord, ServerDatabase, ServerDesign};
use super::{Options, attachments};
use crate::design::{DesignDocument, Revision, revision, signature};
use crate::json::{Map, Value};

/// What becomes of a design document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The server does not have it.
    New,
    /// The server has another version of it.
    Changed,
    /// It differs only in the formatting of functions and is left alone.
    Formatting,
    /// The server has it.
    Unchanged,
    /// The project does not have it; it is left alone.
    Foreign,
    /// The project does not have it, and it is deleted.
    Prune,
}

impl Status {
    /// Whether a push writes or deletes the design document.
    #[must_use]
    pub fn is_action(self) -> bool {
        matches!(self, Self::New | Self::Changed | Self::Prune)
    }
}

/// The revisions of a design document that a plan was made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The winning one, which a push replaces.
    pub rev: Revision,
    /// The conflicting ones. They have to be deleted before the winner is, or one of them takes its
    /// place.
    pub conflicts: Vec<Revision>,
}

/// Whether a design document is as the last push left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Provenance {
    /// No push noted anything about it.
    Unrecorded,
    /// It is as a push left it.
    AsPushed,
    /// Somebody changed it after the push that left this revision.
    ChangedSince(String),
    /// Somebody deleted it after the push that left this revision.
    DeletedSince(String),
}

/// The plan of one design document.
#[derive(Debug, Clone, PartialEq)]
pub struct DesignPlan {
    /// Its id, `_design/` included.
    pub id: String,
    /// What becomes of it.
    pub status: Status,
    /// The server's revisions; `None` when it has none.
    pub seen: Option<Seen>,
    /// Whether it is as the last push left it.
    pub provenance: Provenance,
    /// What differs.
    pub members: Vec<MemberChange>,
    /// What becomes of the index of its views.
    pub index: IndexPlan,
    /// What becomes of its search indexes.
    pub search: Vec<SearchPlan>,
    /// The members to put, attachments that the server has as stubs; only where something is put.
    pub body: Option<Map<String, Value>>,
    /// Whether attachments may be equal after all, which only their content can tell.
    pub attachments_open: bool,
}

impl DesignPlan {
    /// The revision that the put will get; `None` where nothing is put, or where compressed attachments leave it
    /// open.
    #[must_use]
    pub fn predicted_revision(&self) -> Option<Revision> {
        revision::predict_save(self.seen.as_ref().map(|seen| &seen.rev), self.body.as_ref()?)
    }
}

/// Plans all design documents, without their indexes.
pub(super) fn plan_all(
    targets: &[DesignDocument],
    server: &ServerDatabase,
    options: Options,
) -> Vec<DesignPlan> {
    let record = server.record.as_ref();
    let mut plans: Vec<DesignPlan> = targets
        .iter()
        .map(|target| match server.design(&target.id) {
            Some(current) => changed(target, current, record, options),
            None => new(target, record),
        })
        .collect();
    let others = server.designs.iter().filter(|design| {
        design.owner() == Owner::Project && !targets.iter().any(|target| target.id == design.id)
    });
    plans.extend(others.map(|design| other(design, record, options)));
    plans.sort_by(|left, right| left.id.cmp(&right.id));
    plans
}

fn new(target: &DesignDocument, record: Option<&PushRecord>) -> DesignPlan {
    let pushed = record.and_then(|record| record.designs.get(&target.id));
    DesignPlan {
        id: target.id.clone(),
        status: Status::New,
        seen: None,
        provenance: pushed
            .map_or(Provenance::Unrecorded, |rev| Provenance::DeletedSince(rev.clone())),
        members: compare::changes(&Map::new(), &target.body),
        index: IndexPlan::default(),
        search: Vec::new(),
        body: Some(target.body.clone()),
        attachments_open: false,
    }
}

fn changed(
    target: &DesignDocument,
    current: &ServerDesign,
    record: Option<&PushRecord>,
    options: Options,
) -> DesignPlan {
    let members = compare::changes(&current.body, &target.body);
    let has = |wanted: fn(Change) -> bool| members.iter().any(|member| wanted(member.change));
    let status = if has(Change::is_real) || options.exact && !members.is_empty() {
        Status::Changed
    } else if has(|change| change == Change::Formatting) {
        Status::Formatting
    } else {
        Status::Unchanged
    };
    let body = (status == Status::Changed).then(|| {
        let mut body = if options.exact {
            target.body.clone()
        } else {
            without_needless_rebuilds(current, target, &members)
        };
        attachments::stub_unchanged(&current.body, &mut body);
        body
    });
    DesignPlan {
        id: target.id.clone(),
        status,
        seen: Some(seen(current)),
        provenance: provenance(current, record),
        members,
        index: IndexPlan::default(),
        search: Vec::new(),
        body,
        attachments_open: attachments::are_open(&current.body, &target.body),
    }
}

fn other(design: &ServerDesign, record: Option<&PushRecord>, options: Options) -> DesignPlan {
    DesignPlan {
        id: design.id.clone(),
        status: if options.prune { Status::Prune } else { Status::Foreign },
        seen: Some(seen(design)),
        provenance: provenance(design, record),
        members: Vec::new(),
        index: IndexPlan::default(),
        search: Vec::new(),
        body: None,
        attachments_open: false,
    }
}

/// The project's members, but with the server's formatting of functions where that keeps an index: a comment is
/// not worth a rebuild when something else is pushed either.
fn without_needless_rebuilds(
    current: &ServerDesign,
    target: &DesignDocument,
    members: &[MemberChange],
) -> Map<String, Value> {
    let kept =
        merged(&current.body, &target.body, members, |path| is_covered(path) || is_search(path));
    if signature(&kept) == current.signature() {
        kept
    } else {
        merged(&current.body, &target.body, members, is_search)
    }
}

fn seen(design: &ServerDesign) -> Seen {
    Seen { rev: design.rev.clone(), conflicts: design.conflicts.clone() }
}

fn provenance(design: &ServerDesign, record: Option<&PushRecord>) -> Provenance {
    match record.and_then(|record| record.designs.get(&design.id)) {
        None => Provenance::Unrecorded,
        Some(pushed) if *pushed == design.rev.to_string() => Provenance::AsPushed,
        Some(pushed) => Provenance::ChangedSince(pushed.clone()),
    }
}
