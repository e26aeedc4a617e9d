//! Files generated from the schemas of a database.

mod target;
pub mod vdu;

pub use target::{State, Target, stale, validation};
