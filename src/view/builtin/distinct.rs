//! `_approx_count_distinct`: `HyperLogLog++` at precision 11 over the keys (`couch_hyper`).

use sha1::{Digest, Sha1};

use super::super::row::{self, Row};
use super::bias::{ERRORS, ESTIMATES};
use super::size;
use crate::design::term;

/// Number of bits that choose a register.
const PRECISION: u32 = 11;
const COUNT: usize = 1 << PRECISION;
/// Up to here, counting the empty registers is more precise than the estimate.
const LINEAR_LIMIT: f64 = 1800.0;
/// So many of the nearest measured estimates correct an estimate.
const NEIGHBOURS: usize = 6;

/// The registers: the longest run of zero bits, plus one, of the hashes that chose each.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Registers(Box<[u8]>);

impl Registers {
    /// The registers after the keys of the given rows. The bytes hashed are those of the key as an
    /// Erlang term, so that 1 and 1.0 count as two keys.
    pub(super) fn of(rows: &[&Row]) -> Self {
        let mut registers = Self::empty();
        let mut last: Option<&str> = None;
        for row in rows {
            if last != Some(&row.key) {
                registers.insert(&term::encode(&row::parse(&row.key)));
            }
            last = Some(&row.key);
        }
        registers
    }

    fn empty() -> Self {
        Self(vec![0; COUNT].into_boxed_slice())
    }

    fn insert(&mut self, bytes: &[u8]) {
        let digest = Sha1::digest(bytes);
        let hash = digest.iter().take(8).fold(0_u64, |hash, byte| hash << 8 | u64::from(*byte));
        let zeros = (hash << PRECISION).leading_zeros().min(64 - PRECISION);
        let register = usize::try_from(hash >> (64 - PRECISION)).unwrap_or(0);
        let rank = u8::try_from(zeros + 1).unwrap_or(u8::MAX);
        self.0[register] = self.0[register].max(rank);
    }

    /// The registers of all keys of several sets.
    pub(super) fn union<'a>(sets: impl Iterator<Item = &'a Self>) -> Self {
        sets.fold(Self::empty(), |mut union, set| {
            for (register, other) in union.0.iter_mut().zip(&set.0) {
                *register = (*register).max(*other);
            }
            union
        })
    }

    /// The estimated number of different keys.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, and far below 2^53"
    )]
    pub(super) fn estimate(&self) -> u64 {
        self.cardinality().max(0.0).round() as u64
    }

    fn cardinality(&self) -> f64 {
        let count = f64::from(1_u32 << PRECISION);
        let alpha = 0.7213 / (1.0 + 1.079 / count);
        let inverse: f64 = self.0.iter().map(|register| 0.5_f64.powi(i32::from(*register))).sum();
        let raw = alpha * count * count / inverse;
        let corrected = if raw <= 5.0 * count { raw - mean_error(raw) } else { raw };
        let empty: u32 = self.0.iter().map(|register| u32::from(*register == 0)).sum();
        let linear = if empty == 0 { corrected } else { count * (count / f64::from(empty)).ln() };
        if linear <= LINEAR_LIMIT { linear } else { corrected }
    }

    /// Size as the binary CouchDB keeps once there are more than a few keys: six bits a register.
    #[expect(clippy::unused_self, reason = "all have the same size")]
    pub(super) fn size(&self) -> usize {
        size::binary(COUNT * 6 / 8) + 64
    }
}

fn mean_error(raw: f64) -> f64 {
    let mut nearest: Vec<(f64, f64)> = ESTIMATES
        .iter()
        .zip(&ERRORS)
        .map(|(estimate, error)| ((raw - estimate).powi(2), *error))
        .collect();
    nearest.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    nearest.truncate(NEIGHBOURS);
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    let count = nearest.len() as f64;
    nearest.iter().map(|(_, error)| error).sum::<f64>() / count
}
