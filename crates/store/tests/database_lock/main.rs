//! The database lock: on files, and on real Postgres servers that are killed, paused and cut off.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers included"
)]

mod files;
mod locked_blacklist;
mod patience;
mod postgres;
mod wiring;
