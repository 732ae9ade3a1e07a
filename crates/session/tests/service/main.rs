//! The life of a session, tested through the service's public interface.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, and a store panics on purpose"
)]

mod administration;
mod claims;
mod clock;
mod credentials;
mod fail_closed;
mod faulty;
mod hashing;
mod inspecting;
mod issue_floor;
mod judging;
mod keys;
mod login;
mod logout;
mod maintenance;
mod maintenance_tasks;
mod own_login;
mod pending;
mod policy_changes;
mod pruning;
mod races;
mod refresh;
mod requests;
mod status_list;
mod token_cache;
mod two_steps;
mod user;
mod world;
