//! Load that is meant to hurt, and what honest requests get meanwhile. The network is this machine's own; every flood is
//! bounded in count and time.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod connections;
mod crowd;
mod guessing;
mod hashing;
mod measure;
mod sessions;
