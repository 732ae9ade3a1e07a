//! Tests for Postgres only: the server, its sessions and their guarantees, and lost connections.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod connecting;
mod contention;
mod durability;
mod faults;
mod fixture;
mod leaving;
mod migrating;
mod silence;
mod stolen;
#[path = "../fixture/mod.rs"]
mod stories;
