//! What has to be seen on each kind of database, and is not a case of the conformance suite: it asks for more than a port.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod claiming;
mod place;
mod pruning;
mod restored;
mod rotating;
#[path = "../fixture/mod.rs"]
mod stories;
