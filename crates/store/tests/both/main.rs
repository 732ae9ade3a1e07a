//! Tests for each kind of database that need more than a port, and so are no cases of the conformance suite.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod adopting;
mod claiming;
mod event_receivers;
mod keys;
mod place;
mod pruning;
mod refilling;
mod restored;
mod rotating;
#[path = "../fixture/mod.rs"]
mod stories;
