//! How results are shown: to people, and to programs.

pub mod github;
pub mod human;
pub mod json;
pub mod junit;
pub mod plan;
pub mod terminal;
pub mod validation;
