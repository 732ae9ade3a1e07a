//! What the script does in a real Chromium: renewing ahead of time, between tabs, over bad wires and after a sleep; leaving
//! private pages; making pages live. That every page works without it is proved in `tests/browser`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers included")]

mod asking;
mod live;
mod lost;
mod person;
mod private;
mod renewing;
mod wire;
