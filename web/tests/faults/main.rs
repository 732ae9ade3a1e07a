//! The real program on real stores, and everything that can be done to them on one machine.
//!
//! Each fault is made to real processes: a Redis is killed and comes back empty, a Postgres dies in the middle of commits,
//! a node is stopped between the two steps of a logout, a clock is an hour off. What must hold is the same for all: a
//! token that was taken back is not accepted, and what cannot be known is answered 503, soon. `docs/faults.md` has the
//! table, which `just chaos` makes from what these tests report; see [`report`].
//!
//! The nodes of a test share a directory of keys, a public URL (it is the issuer of their tokens) and their stores; see
//! [`cluster`]. Tests wait for [`turns`], since each of them starts a handful of servers. Bounds on time are asserted
//! with much to spare, for a machine that compiles beside it; the figures are what was measured.
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
mod killed_between;
mod one_chain;
mod policies;
mod postgres_killed;
mod promoted;
mod races;
mod random;
mod refused;
mod refusing_writes;
mod two_nodes;
mod unreachable;
