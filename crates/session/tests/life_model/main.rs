//! Every order of events, up to a bound: two nodes, two servers that both claim to be the primary, addresses that differ
//! and flip, pauses (any step may come late), clocks that drift, replies and data that are lost, a database that lost
//! commits.
//!
//! The decisions are those of [`rescind_session::life`], the code that the program runs; around them stands a model of
//! what it runs on ([`world`]). It must never happen that a check is accepted that began after a logout was confirmed.
//! Each test of [`rules`] leaves one rule out and shows the history in which that happens, and that no history of the
//! same size does it with the rule. [`bounds`] explores more, with all rules.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers included"
)]

mod bounds;
mod mark;
mod rules;
mod world;
