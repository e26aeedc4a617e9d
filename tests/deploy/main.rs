//! The HTTP client and deployment, over loopback: recorded answers, and servers that misbehave.

#[path = "../support/mod.rs"]
mod support;

mod client;
#[path = "../support/wire.rs"]
mod wire;
