//! Every order of events, up to a bound: two revokers, up to three nodes that answer from their own copies, two servers
//! that fail over, delays and losses of replies, pauses (any step may come late), crashes, clocks that drift, and a
//! Redis that forgets.
//!
//! The decisions are those of [`rescind_session::holders`] and [`rescind_session::life`], the code that the program
//! runs; around them stands a model of what it runs on ([`world`]). It must never happen that a copy without a
//! revocation may answer after that revocation was acknowledged. Each test of [`rules`] leaves one rule out and shows
//! the history in which that happens, and that no history of the same size does it with the rule. [`bounds`] explores
//! more, with all rules.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers included"
)]

mod bounds;
mod rules;
mod world;
