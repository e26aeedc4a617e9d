//! `_first`, `_last`, `_top_N` and `_bottom_N`: they keep some of the values. All four compare with
//! the default collation, also in a view with raw collation.

use std::sync::Arc;

use super::super::collation::{self, Collation};
use super::super::reduce::Reduction;
use super::super::row::{self, Row};
use super::size;
use crate::json::{self, Value};

/// A row as `_first` and `_last` keep it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    sort_key: Box<[u8]>,
    key_size: usize,
    id: Arc<str>,
    pub(super) value: Box<str>,
}

impl Entry {
    pub(super) fn of(row: &Row, collation: Collation) -> Self {
        let sort_key = match collation {
            Collation::Icu => row.sort_key.clone(),
            Collation::Raw => collation::sort_key(&row::parse(&row.key), Collation::Icu).into(),
        };
        Self {
            sort_key,
            key_size: size::of_json(&row.key),
            id: Arc::clone(&row.id),
            value: row.value.clone(),
        }
    }

    pub(super) fn size(&self) -> usize {
        size::TUPLE + self.key_size + size::binary(self.id.len()) + size::of_json(&self.value)
    }
}

/// The entry with the smallest key and document id, or with the largest. Among equal ones it is the
/// first of the smallest and the last of the largest.
pub(super) fn entry(entries: impl Iterator<Item = Entry>, smallest: bool) -> Option<Entry> {
    entries.reduce(|kept, next| {
        let less = (&next.sort_key, &next.id) < (&kept.sort_key, &kept.id);
        if less == smallest { next } else { kept }
    })
}

/// The largest (or smallest) different values, in that order, as an array.
pub(super) fn ranked(values: impl Iterator<Item = Value>, rank: usize, largest: bool) -> Reduction {
    let mut kept: Vec<(Vec<u8>, Value)> = Vec::with_capacity(rank + 1);
    for value in values {
        let sort_key: Vec<u8> = collation::sort_key(&value, Collation::Icu);
        let found = kept.binary_search_by(|(other, _)| {
            let order = other.cmp(&sort_key);
            if largest { order.reverse() } else { order }
        });
        if let Err(place) = found
            && place < rank
        {
            kept.insert(place, (sort_key, value));
            kept.truncate(rank);
        }
    }
    let values = kept.into_iter().map(|(_, value)| value).collect();
    Reduction::json(json::to_string(&Value::Array(values)))
}
