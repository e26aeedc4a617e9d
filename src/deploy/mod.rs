//! Deployment: what a push would do to a server, decided from data alone.

pub mod plan;
