//! couchctl

pub mod cli;
pub mod design;
pub mod document;
pub mod engine;
pub mod exit;
pub mod group;
pub mod json;
pub mod mango;
pub mod project;
pub mod report;
pub mod suite;
pub mod view;
