//! Which members of a document a map function can read.

use std::collections::BTreeSet;

use super::Profile;

/// The members of a document that must be built for a function to behave as with all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Projection {
    /// Only these.
    Members(BTreeSet<String>),
    /// The whole document: the function may look at any member.
    Whole,
}

impl Projection {
    pub(super) fn nothing() -> Self {
        Self::Members(BTreeSet::new())
    }

    pub(super) fn of(source: &str, profile: Profile) -> Self {
        let _ = (source, profile);
        Self::Whole
    }

    pub(super) fn union(self, other: Self) -> Self {
        match (self, other) {
            (Self::Members(mut some), Self::Members(more)) => {
                some.extend(more);
                Self::Members(some)
            }
            _ => Self::Whole,
        }
    }

    pub(super) fn reads(&self, member: &str) -> bool {
        match self {
            Self::Members(members) => members.contains(member),
            Self::Whole => true,
        }
    }
}
