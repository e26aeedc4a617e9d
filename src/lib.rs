//! couchctl

pub mod engine;
pub mod json;
