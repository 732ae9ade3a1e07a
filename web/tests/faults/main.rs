//! The real program on real stores, under all faults that one machine can produce.
//!
//! Each fault happens to real processes: a Redis is killed and returns empty, a Postgres dies in the middle of commits, a node
//! is stopped between the two steps of a logout, a clock is an hour off. The promise is the same for all: a revoked token is
//! not accepted, and if the check is not possible the answer is 503, soon. `just chaos` makes the table of `docs/faults.md`
//! from these tests' reports; see [`report`].
//!
//! The nodes of a test share a directory of keys, a public URL (the issuer of their tokens) and their stores; see [`cluster`].
//! Tests wait for [`turns`], since each starts several servers. Asserted time bounds have a large margin, for a machine that
//! also compiles; the figures are measurements.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers included"
)]

mod cluster;
mod hammer;
#[path = "../story/head_start.rs"]
mod head_start;
mod history;
mod report;
mod turns;

mod accumulated;
mod amnesia;
mod busy;
mod clocks;
mod failover;
mod key_rotation;
mod killed_between;
mod one_chain;
mod other_server;
mod policies;
mod postgres_killed;
mod promoted;
mod races;
mod random;
mod refused;
mod refusing_writes;
mod replicated;
mod resource_server;
mod security_events;
mod two_nodes;
mod unreachable;
mod users;
