//! Tests for Redis only: the cost of a check, how Redis loses data, and whether that is noticed.
//!
//! Real servers, private to each test, that are flushed, killed, restored, demoted and paused. All tests assert one
//! rule: **a session whose revocation was acknowledged is never `Clear`.**
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod checking;
mod claiming;
mod clocks;
mod failing_over;
mod fixture;
mod holders;
mod interleavings;
mod losing;
mod marks;
mod reading;
mod refusing;
mod sharing;
mod tls;
