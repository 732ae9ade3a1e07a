//! Policies, the life of a session, and the ports it needs.
//!
//! A JSON Web Token cannot be un-issued: its signature stays good until it expires. To log a user out, a server must
//! store something and check it later. This crate decides what: [`Policy`] selects one of five answers,
//! [`SessionService`] runs it from login over refresh to logout, and the [`ports`] define the storage it needs.
//! [`memory`] holds the adapters to read first.
//!
#![doc = include_str!("../README.md")]
#![deny(missing_docs)]
#![cfg_attr(
    not(feature = "argon2"),
    expect(dead_code, unused_imports, reason = "parts that only passwords need")
)]

#[cfg(feature = "argon2")]
mod accounts;
mod administration;
mod authenticate;
mod clock;
mod config;
mod counts;
#[cfg(feature = "decorate")]
pub mod decorate;
mod error_chain;
#[cfg(feature = "failpoints")]
mod failpoints;
pub mod holders;
mod issue_floor;
mod issuing_keys;
mod judge;
mod key_schedule;
pub mod life;
mod lock;
mod login;
mod logout;
mod maintenance;
#[cfg(feature = "memory")]
pub mod memory;
mod password;
mod password_verifier;
mod pending;
mod policy;
pub mod ports;
mod readiness;
mod reauthenticate;
mod refresh;
mod revocation;
mod revocation_reader;
mod service;
mod session;
mod setters;
mod status_index;
pub mod status_list;
mod supervise;
mod sync;
#[cfg(feature = "system")]
mod system;
mod unavailable;
mod user;
mod verified_tokens;

/// Types and macros of other crates in our signatures.
pub use async_trait::async_trait;
pub use jiff::SignedDuration;
pub use rescind_token::{CryptoRng, Timestamp, Uuid};

#[cfg(feature = "argon2")]
pub use accounts::{ChangePasswordError, DemoAccount, SignUpError};
pub use administration::AdministrationError;
pub use authenticate::{AuthenticateError, Inspected};
pub use clock::{AnchoredClock, Clock, ClockNotReady, MachineClock, ManualClock};
pub use config::{Config, ConfigError, DemoAccounts, HashingSettings, Keys, Ports};
pub use counts::Counts;
pub use error_chain::ErrorChain;
pub use judge::{Judgement, judge};
pub use key_schedule::{KeySchedule, KeysNotReady};
pub use login::{IssuedRefreshToken, IssuedTokens, LoginAttempt, LoginError, OpenSessionError, Unclaimed};
pub use logout::{EndSessionError, LoggedOut, LoggedOutAll, LogoutCredential, LogoutError, StolenTokenDies};
pub use maintenance::{Maintenance, SyncStatus, Synced};
pub use password::{HashingError, InvalidPassword, Password};
pub use password_verifier::PasswordVerifier;
pub use policy::{Check, Policy, PolicyError, Preset, Refresh, UnknownPreset};
pub use readiness::NotReady;
pub use reauthenticate::ReauthenticateError;
pub use refresh::RefreshError;
pub use rescind_token as token;
pub use revocation::{EndReason, LogId, MARGIN, Position, Revocation, Scope};
pub use revocation_reader::{RevocationReader, VerifiedToken};
pub use service::SessionService;
pub use session::{Device, RefreshState, Session, SessionState, network_of};
pub use status_index::{StatusIndex, TakenIndexes};
pub use supervise::supervise;
pub use sync::RebuildProgress;
#[cfg(feature = "system")]
pub use system::{NoRandomness, SystemClock, SystemRandom};
pub use unavailable::Unavailable;
pub use user::{Credentials, InvalidUsername, ListedUser, NewUser, PasswordHash, User, UserKind, Username};
pub use verified_tokens::{TokenCacheStats, VerifiedTokens};
