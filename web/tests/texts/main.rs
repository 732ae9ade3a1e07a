//! The texts, templates, style sheets and drawings of the pages, read as files: how they read, and what their colours mean.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers included")]

mod colours;
mod files;
mod reading;
mod scripts;
