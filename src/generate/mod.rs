//! Files generated from the schemas of a database.

mod target;
pub mod types;
pub mod vdu;

pub use target::{State, Target, declarative, stale, types_of, types_of_couchdb, validation};

/// Why nothing can be generated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GenerateError {
    /// The schemas are too much for one function.
    #[error("the function would have {0} bytes; at most {max} are sensible in a design document", max = vdu::MAXIMUM)]
    TooLarge(usize),
    /// A selector cannot say all that the schemas say.
    #[error("a selector cannot say what the schemas say")]
    Inexpressible(Vec<vdu::Unchecked>),
    /// A reference leads nowhere.
    #[error("{0}")]
    Reference(#[from] crate::schema::ReferenceError),
}
