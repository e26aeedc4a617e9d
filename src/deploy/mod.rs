//! Deployment: what a push would do to a server, decided from data alone ([`plan`]), what has to be
//! asked for that ([`survey()`]), and doing it.
//!
//! A push stages, warms, swaps and cleans up. Its state is on the server: killed anywhere, live queries
//! go on being answered, and the next push goes on from there.

mod cleanup;
mod error;
mod event;
mod failed;
mod fan_out;
mod keep;
pub mod plan;
mod progress;
mod pull;
mod push;
mod record;
mod rollback;
mod rows;
mod site;
mod stage;
mod survey;
mod swap;
mod target;
mod warm;

pub use cleanup::{CleanupOptions, cleanup};
pub use error::DeployError;
pub use event::{Building, Event, Observer};
pub use failed::FailedPushes;
pub use fan_out::{Place, Surveys, places, survey_all};
pub use keep::previous_id;
pub use pull::{Pulled, pull, pull_security};
pub use push::{PushOptions, Strategy, push};
pub use rollback::rollback;
pub use rows::{DocumentChange, Emitted, ViewRows, row_changes};
pub use survey::{Survey, read, read_with_attachments, survey};
pub use target::{Loaded, TargetError, load};
pub use warm::{WarmTarget, warm};
