//! Files generated from the schemas of a database.

pub mod vdu;
