//! The lab, from outside: a learner's requests and their answers.
//!
//! The program is the real one. Learners have a cookie jar, and scripts only if a test enables them.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers included"
)]

mod answer;
mod bounded;
mod compare;
mod oracle;
mod race;
mod stage;
