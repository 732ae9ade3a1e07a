//! The real program over HTTP, on a fresh start with SQLite: what people are promised, and what they would try.
//!
//! Nothing is mocked here. Each test starts the binary with a data directory of its own, speaks to it as an outsider, kills
//! it where that is the point, and believes only what it is answered. What a browser adds is in `tests/browser`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers included")]

mod clock;
mod crash;
mod credentials;
mod head_start;
mod locked_database;
mod logout;
mod maintenance;
mod new_database;
mod policies;
mod races;
mod refresh;
mod refusals;
mod shutdown;
mod silence;
mod stage;
