//! The promises of this crate, tested through its public interface.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, and so do the functions that prepare it"
)]

mod forge;

mod any_input;
mod fingerprint;
mod ids;
mod inspecting;
mod keys;
mod must_not_pass;
mod parts;
mod refresh;
mod security_events;
mod signing;
mod status_list;
mod times;
mod weak_keys;
