//! The pages in a real Chromium: readable in both themes, at every width, with a keyboard, by a screen reader; light enough
//! for a slow connection; and their messages after a password change or an ended session.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers included"
)]

mod accessible;
mod copying;
mod ended;
mod errors;
mod keyboard;
mod light;
mod password;
mod person;
mod previews;
mod theme;
mod tour;
mod widths;
