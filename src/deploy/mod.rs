//! Deployment: what a push would do to a server, decided from data alone ([`plan`]), and doing it.
//!
//! A push stages, warms, swaps and cleans up ([`push`]). Its state is on the server: killed anywhere, live queries
//! go on being answered, and the next push goes on from there.

mod error;
mod event;
pub mod plan;
mod progress;
mod survey;
mod warm;

pub use error::DeployError;
pub use event::{Building, Event, Observer};
pub use survey::{Survey, read, survey};
pub use warm::{WarmTarget, warm};
