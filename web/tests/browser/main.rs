//! The pages in a real Chromium, without JavaScript unless a test enables it.
//!
//! These tests cover what a browser does by itself: it keeps cookies, follows redirects, has independent tabs and a back
//! button with a memory. The rest of HTTP is in `tests/story`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers included")]

mod leaving;
mod logging_in;
mod person;
mod renewing;
mod scripts;
