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
<<<<<<< HEAD
mod event_receivers;
=======
mod keys;
>>>>>>> 2a66eeb (Rotate keys at an instant that the database records, without a restart)
mod place;
mod pruning;
mod restored;
mod rotating;
#[path = "../fixture/mod.rs"]
mod stories;
