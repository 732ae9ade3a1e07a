//! Tests for SQLite only: the file, its locks, and damage.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod connecting;
mod contention;
mod corruption;
mod fixture;
mod key_ring;
mod migrating;
mod reopening;
mod stolen;
#[path = "../fixture/mod.rs"]
mod stories;
