//! What becomes of indexes. An index belongs to a signature and a database: design documents with equal
//! signatures share it, and it lives as long as one of them does (`couch_index_server.erl`,
//! `couch_mrview_cleanup.erl`).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::design::{DesignPlan, Status};
use super::reserved::Owner;
use super::search::{SearchKind, search_indexes};
use super::server::ServerDatabase;
use crate::design::{signature, view_groups};
use crate::json::{Map, Value};
use crate::server::IndexInfo;

/// What becomes of an index.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IndexEffect {
    /// There is none, before and after.
    #[default]
    None,
    /// It stays as it is.
    Kept,
    /// It is built anew, in place of another one.
    Rebuilt,
    /// It is built for the first time.
    New,
    /// Another design document has it already, or will have it: nothing is built for this one.
    Shared,
    /// It goes away.
    Dropped,
}

impl IndexEffect {
    /// Whether something has to be built.
    #[must_use]
    pub fn builds(self) -> bool {
        matches!(self, Self::Rebuilt | Self::New)
    }
}

/// What becomes of the index of a design document's views.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IndexPlan {
    /// In a word.
    pub effect: IndexEffect,
    /// The signature on the server; `None` where there are no views.
    pub before: Option<String>,
    /// The signature after a push.
    pub after: Option<String>,
    /// The other design documents that have the signature `after`: on the server already, or, where they
    /// come first, in this plan.
    pub shared_with: Vec<String>,
    /// Whether no design document needs the index `before` any more.
    pub drops: bool,
    /// What the server tells of the index `before`, where it was asked.
    pub info: Option<IndexInfo>,
}

/// What becomes of a search index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchPlan {
    /// Who keeps it.
    pub kind: SearchKind,
    /// Its name.
    pub name: String,
    /// In a word.
    pub effect: IndexEffect,
    /// What tells it from others, after a push or, where it is dropped, before.
    pub identity: String,
}

/// Decides what becomes of all indexes of a database.
pub(super) fn decide(plans: &mut [DesignPlan], server: &ServerDatabase) {
    views(plans, server);
    search(plans, server);
}

fn view_signature(body: &Map<String, Value>) -> Option<String> {
    (!view_groups(body).is_empty()).then(|| signature(body))
}

fn views(plans: &mut [DesignPlan], server: &ServerDatabase) {
    let mut alive: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut current: BTreeMap<&str, String> = BTreeMap::new();
    for design in server.designs.iter().filter(|design| design.owner() != Owner::Staging) {
        if let Some(signature) = view_signature(&design.body) {
            alive.entry(signature.clone()).or_default().push(design.id.clone());
            current.insert(&design.id, signature);
        }
    }
    let mut after: BTreeSet<String> = BTreeSet::new();
    let previous = server.designs.iter().filter(|design| design.owner() == Owner::Previous);
    after.extend(previous.filter_map(|design| current.get(design.id.as_str()).cloned()));
    for plan in plans.iter_mut() {
        let before = current.get(plan.id.as_str()).cloned();
        let signature = match (&plan.body, plan.status) {
            (Some(body), _) => view_signature(body),
            (None, Status::Prune) => None,
            (None, _) => before.clone(),
        };
        let others = signature.as_ref().and_then(|signature| alive.get(signature));
        let mut shared: Vec<String> = others.cloned().unwrap_or_default();
        shared.retain(|id| *id != plan.id);
        let effect = match (&before, &signature) {
            (None, None) => IndexEffect::None,
            (Some(before), Some(after)) if before == after => IndexEffect::Kept,
            (_, Some(_)) if !shared.is_empty() => IndexEffect::Shared,
            (None, Some(_)) => IndexEffect::New,
            (Some(_), Some(_)) => IndexEffect::Rebuilt,
            (Some(_), None) => IndexEffect::Dropped,
        };
        if let Some(signature) = &signature {
            after.insert(signature.clone());
            let ids = alive.entry(signature.clone()).or_default();
            if !ids.contains(&plan.id) {
                ids.push(plan.id.clone());
            }
        }
        plan.index = IndexPlan {
            effect,
            before,
            after: signature,
            shared_with: shared,
            drops: false,
            info: server.design(&plan.id).and_then(|design| design.index.clone()),
        };
    }
    for plan in plans.iter_mut() {
        let index = &mut plan.index;
        index.drops = index.before.as_ref().is_some_and(|before| !after.contains(before));
        if index.effect == IndexEffect::Dropped && !index.drops {
            index.effect = IndexEffect::Kept;
        }
    }
}

fn search(plans: &mut [DesignPlan], server: &ServerDatabase) {
    type Key = (SearchKind, String);
    let of = |body: &Map<String, Value>| -> Vec<(Key, String)> {
        let indexes = search_indexes(body);
        let entry =
            |index: super::SearchIndex<'_>| ((index.kind, index.name.to_owned()), index.identity);
        indexes.into_iter().map(entry).collect()
    };
    let kept = server.designs.iter().filter(|design| design.owner() != Owner::Staging);
    let mut alive: BTreeSet<(SearchKind, String)> = kept
        .flat_map(|design| of(&design.body))
        .map(|((kind, _), identity)| (kind, identity))
        .collect();
    for plan in plans.iter_mut() {
        let before: BTreeMap<Key, String> = server
            .design(&plan.id)
            .map(|design| of(&design.body))
            .unwrap_or_default()
            .into_iter()
            .collect();
        let after = match (&plan.body, plan.status) {
            (Some(body), _) => of(body),
            (None, Status::Prune) => Vec::new(),
            (None, _) => before.clone().into_iter().collect(),
        };
        for (key, identity) in &after {
            let place = (key.0, identity.clone());
            let effect = match before.get(key) {
                Some(old) if old == identity => IndexEffect::Kept,
                _ if alive.contains(&place) => IndexEffect::Shared,
                Some(_) => IndexEffect::Rebuilt,
                None => IndexEffect::New,
            };
            alive.insert(place);
            let (kind, name) = key.clone();
            plan.search.push(SearchPlan { kind, name, effect, identity: identity.clone() });
        }
        for (key, identity) in before {
            if !after.iter().any(|(other, _)| *other == key) {
                let (kind, name) = key;
                plan.search.push(SearchPlan { kind, name, effect: IndexEffect::Dropped, identity });
            }
        }
    }
}
