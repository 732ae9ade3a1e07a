//! How the pages look and feel, in a real Chromium: readable in both themes, at every width, with a keyboard, by a screen
//! reader; light enough for a bad line; and what they tell whoever changes a password or finds a session ended.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers included"
)]

mod accessible;
mod ended;
mod errors;
mod keyboard;
mod light;
mod password;
mod person;
mod theme;
mod tour;
mod widths;
