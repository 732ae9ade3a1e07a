//! The script in a real Chromium: renewing ahead of time, between tabs, over bad connections and after a sleep; leaving
//! private pages; live pages. `tests/browser` proves that every page works without it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers included")]

mod asking;
mod live;
mod lost;
mod person;
mod private;
mod renewing;
mod wire;
