//! What is particular to SQLite: the file, its locks, and what happens when it is damaged.
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
