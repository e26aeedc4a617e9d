//! Deployment: what a push would do to a server, decided from data alone ([`plan`]), and doing it.
//!
//! A push stages, warms, swaps and cleans up. Its state is on the server: killed anywhere, live queries
//! go on being answered, and the next push goes on from there.

mod error;
mod event;
mod fan_out;
pub mod plan;
mod pull;
mod rows;
mod survey;
mod target;

pub use error::DeployError;
pub use event::{Building, Event, Observer};
pub use fan_out::{Place, Surveys, places, survey_all};
pub use pull::{Pulled, pull};
pub use rows::{DocumentChange, Emitted, ViewRows, row_changes};
pub use survey::{Survey, read, read_with_attachments, survey};
pub use target::{Loaded, TargetError, load};
