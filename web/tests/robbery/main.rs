//! The robbery, from outside: who gets in at which door, what a person reads there, and what the thief cannot be made to do.
//!
//! The program is the real one, on a fresh start. Most tests use HTTP, as visitors with cookies and without scripts;
//! `in_a_browser` repeats both acts in Chromium, with scripts and without.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers included"
)]

mod bounds;
mod demo_off;
mod events;
mod first_act;
mod in_a_browser;
mod journal;
mod keys;
mod no_proxy;
mod nodes;
mod own_account;
mod policies;
mod screen;
mod second_act;
mod silence;
mod stage;
mod store_down;
mod visitor;
