//! The outcome of checking documents against schemas.

pub mod github;
pub mod human;
pub mod json;
pub mod junit;
pub mod sarif;
