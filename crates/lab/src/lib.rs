#![doc = include_str!("../README.md")]
//!
//! | | |
//! | --- | --- |
//! | [`Answer`] | the five answers with tokens, two for a service elsewhere, and plain sessions |
//! | [`Sandbox`] | one world: a server, its stores, a browser, a thief, and the time |
//! | [`Action`], [`Step`] | its buttons, and what each press did |
//! | [`comparison`] | one story under all answers |
//! | [`race`] | two tabs refresh with the same token, or you and a thief |
//! | [`Rollover`] | a signing key is replaced while users are logged in |
//! | [`raw`] | requests and replies as on the wire, cookies attribute by attribute |
//! | [`Exchange`], [`Recorder`] | the trace of one request, and its recorder |
//! | [`meter`], [`Decided`] | the cost of a request, and its deciding check |

mod action;
mod answer;
mod browser;
mod bytes;
mod clock;
pub mod comparison;
mod deciding;
mod elsewhere;
mod faults;
pub mod meter;
mod plain;
pub mod race;
pub mod raw;
mod rollover;
mod sandbox;
mod server;
mod snapshot;
mod step;
mod trace;

pub use action::Action;
pub use answer::{Answer, News};
/// Why an experiment could not be played. It is never the visitor's fault.
pub use anyhow::Error;
pub use browser::KeptCookie;
pub use deciding::{Asked, Decided};
pub use elsewhere::Heard;
pub use faults::BlacklistFault;
pub use plain::COOKIE as PLAIN_COOKIE;
pub use raw::ORIGIN;
pub use rollover::Rollover;
pub use sandbox::{MOST_STEPS, PASSWORD, Refused, Sandbox, Setup, USERNAME};
pub use snapshot::{Loot, PlainRow, Snapshot};
pub use step::Step;
pub use trace::{Exchange, Outcome, Recorder, Refreshed, Who};
