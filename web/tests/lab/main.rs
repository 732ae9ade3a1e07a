//! The lab, from outside: what a learner asks of it, and what they get.
//!
//! The program is the real one. Learners have a cookie jar, and scripts only where a test says so.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers included"
)]

mod answer;
mod compare;
mod oracle;
mod race;
