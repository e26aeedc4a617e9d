//! Deployment: what a push would do to a server, decided from data alone ([`plan`]), and what has to be
//! asked for that ([`survey`]).

pub mod plan;
mod survey;
mod target;

pub use survey::{Failed, Survey, plan_database, survey};
pub use target::{Loaded, TargetError, load};
