//! The real program over HTTP, on a fresh start with SQLite: the promises, and the attacks on them.
//!
//! No mocks. Each test starts the binary with its own data directory, sends requests as an outsider, kills it where that is
//! the point, and checks only the answers. What a browser adds is in `tests/browser`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers included")]

mod clock;
mod crash;
mod credentials;
mod devices;
mod enumeration;
mod first_release;
mod head_start;
mod keys;
mod locked_database;
mod logout;
mod maintenance;
mod metrics;
mod new_database;
mod policies;
mod races;
mod refresh;
mod refusals;
mod shutdown;
mod silence;
mod stage;
mod users;
