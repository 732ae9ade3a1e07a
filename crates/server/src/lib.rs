#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod blacklist;
mod builder;
mod clock;
mod commands;
mod connections;
mod database;
mod events;
mod failure;
mod high_water;
mod keys;
mod logs;
mod metrics;
mod node;
mod output;
mod private_files;
mod program;
mod readiness;
mod serve;
pub mod settings;
mod signals;
mod starting;
mod users;

/// A crate and a type in our signatures.
pub use clap;
pub use secrecy::SecretString;

pub use builder::NodeBuilder;
pub use failure::Failure;
pub use keys::{KeyCommands, KeyState, KeysError, ListedKey, NewKey, Rotated};
pub use node::Node;
pub use program::{exit, read, run};
pub use rescind_api as api;
pub use rescind_store as store;
pub use settings::{CommandLine, Settings};
