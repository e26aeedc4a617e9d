//! Queries of reduced rows: each shard reduces its groups, then the groups of all shards meet at
//! the coordinating node (`fabric_view_reduce`).

mod fold;

use std::collections::VecDeque;

use self::fold::{Fold, Group, Order};
use super::answer::{Context, ReduceAnswer, ReduceRow, ReduceValue};
use super::builtin::Partial;
use super::collation::Collation;
use super::error::{QueryError, ViewFailure};
use super::index::{Index, Reductions};
use super::query::Query;
use super::reduce::{self, Reducer, Reduction};
use super::row::Row;
use super::tree::Tree;
use crate::json;

impl Index {
    /// Answers a query that reduces. `reductions` must belong to the current rows and to `reducer`.
    ///
    /// # Errors
    /// When the range ends before it starts, or with the failure of the reduce function.
    pub fn reduce<'a>(
        &self,
        query: &Query,
        reductions: &Reductions,
        reducer: &mut dyn Reducer,
        context: &Context<'a>,
    ) -> Result<ReduceAnswer<'a>, QueryError> {
        query.check_range(self.collation())?;
        let asked: Vec<(&[Row], &Tree)> = self
            .shards()
            .iter()
            .zip(&reductions.shards)
            .enumerate()
            .filter(|(shard, _)| query.partition.is_none() || *shard == context.partition_shard)
            .map(|(_, (rows, tree))| (rows.as_slice(), tree))
            .collect();
        let wanted = usize::try_from(query.skip.saturating_add(query.limit)).unwrap_or(usize::MAX);
        let skip = usize::try_from(query.skip).unwrap_or(usize::MAX);
        let mut merge = Merge { rows: Vec::new(), seen: 0, skip, wanted };
        for (at, bounds) in query.bounds(self.collation()).iter().enumerate() {
            let limit = merge.wanted - merge.seen;
            let mut shards = Vec::with_capacity(asked.len());
            for (rows, tree) in &asked {
                let fold = Fold::new(self, rows, query, bounds, &mut *reducer);
                shards.push(fold.run(tree, limit)?);
            }
            match query.keys.as_ref().and_then(|keys| keys.get(at)) {
                // The rows of a key show the key as it was asked for.
                Some(key) => {
                    let key = json::to_string(key);
                    if self.collation() == Collation::Raw {
                        for groups in &mut shards {
                            groups.retain(|group| group.key == key);
                        }
                    }
                    let parts: Vec<Reduction> =
                        shards.into_iter().flatten().map(|group| group.reduction).collect();
                    if !parts.is_empty() {
                        merge.finish(key, &parts, reducer)?;
                    }
                }
                None => merge.all(shards, query, self.collation(), reducer)?,
            }
        }
        Ok(ReduceAnswer {
            update_seq: query.update_seq.then_some(context.update_seq),
            rows: merge.rows,
        })
    }
}

/// The groups of all shards, put together at the coordinating node.
struct Merge {
    rows: Vec<ReduceRow>,
    seen: usize,
    skip: usize,
    wanted: usize,
}

impl Merge {
    /// Merges the groups of all shards in order of their keys.
    fn all(
        &mut self,
        mut shards: Vec<VecDeque<Group>>,
        query: &Query,
        collation: Collation,
        reducer: &mut dyn Reducer,
    ) -> Result<(), ViewFailure> {
        while self.seen < self.wanted {
            // (sort key, text where that matters) of the next group, and its key as first met.
            let mut next: Option<(Order, String)> = None;
            for groups in &mut shards {
                let Some(group) = groups.front_mut() else {
                    continue;
                };
                let order = group.order(collation);
                let sooner = next.as_ref().is_none_or(|(best, _)| {
                    if query.descending { order > *best } else { order < *best }
                });
                if sooner {
                    next = Some((order, group.key.clone()));
                }
            }
            let Some((order, key)) = next else {
                return Ok(());
            };
            let mut parts = Vec::new();
            for groups in &mut shards {
                if groups.front_mut().is_some_and(|group| group.order(collation) == order) {
                    parts.extend(groups.pop_front().map(|group| group.reduction));
                }
            }
            self.finish(key, &parts, reducer)?;
        }
        Ok(())
    }

    /// The last step for one row: a rereduce of what the shards sent, however few they are.
    fn finish(
        &mut self,
        key: String,
        parts: &[Reduction],
        reducer: &mut dyn Reducer,
    ) -> Result<(), ViewFailure> {
        if self.seen == self.wanted {
            return Ok(());
        }
        self.seen += 1;
        if self.seen <= self.skip {
            return Ok(());
        }
        let parts: Vec<&Reduction> = parts.iter().collect();
        let value = match reduce::rereduce(reducer, &parts)? {
            Reduction::Json(text) => ReduceValue::Json(text),
            Reduction::Partial(partial) => ReduceValue::Json(Partial::finish(&partial).into()),
            Reduction::Overflow(reason) => ReduceValue::Overflow(reason),
        };
        self.rows.push(ReduceRow { key, value });
        Ok(())
    }
}
