//! Hostile load, and the answers to honest requests meanwhile. The network is this machine's own; every flood is bounded in
//! count and time.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod class;
mod connections;
mod crowd;
mod guessing;
mod hashing;
mod measure;
mod sessions;
