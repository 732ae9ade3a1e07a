//! The pages in a real Chromium, without JavaScript unless a test says so.
//!
//! What a browser does by itself is what is proved here: cookies that it keeps, redirects that it follows, tabs that do not
//! know of each other, a back button with a memory. The rest of HTTP is in `tests/story`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers included")]

mod leaving;
mod logging_in;
mod person;
mod renewing;
mod scripts;
