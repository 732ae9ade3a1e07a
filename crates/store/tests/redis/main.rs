//! What is particular to Redis: what one check costs, how it loses what it was told, and whether that is noticed.
//!
//! Real servers, private to each test, that are flushed, killed, restored, demoted and paused. One sentence is asserted
//! everywhere: **of a session whose revocation was acknowledged, `Clear` is never said.**
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod checking;
mod claiming;
mod clocks;
mod failing_over;
mod fixture;
mod interleavings;
mod losing;
mod marks;
mod refusing;
mod tls;
