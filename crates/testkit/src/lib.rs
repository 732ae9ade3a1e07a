//! Starts what Rescind's tests need, and acts as its clients.
//!
//! | to have | take |
//! | need | type |
//! | the real program, its own data directory, a crash, a pause, a restart, a clock that is an hour off, a second node | [`Program`], [`Running`] |
//! | a client with bearer tokens | [`ApiClient`], [`Tokens`] |
//! | a thief with a copy of another's token | [`Thief`] |
//! | a visitor with cookies and without JavaScript, fast | [`CookieClient`] |
//! | the same in a real Chromium | [`Browser`] |
//! | a private Redis that can be flushed, paused, killed, restored from an old snapshot | [`RedisServer`] |
//! | two Redis servers with three sentinels, or a Redis Cluster of six | [`RedisSentinels`], [`RedisCluster`] |
//! | a private Postgres that can be paused and killed, or an empty database in a shared one, or a standby | [`PostgresServer`] |
//! | a connection between one node and its store that can be cut | [`TcpRelay`] |
//! | a loud skip if a tool is missing | [`needs`] |
//! | many rounds in the second tier, a few in the first | [`rounds`] |
//!
//! The crate depends on no other crate of the workspace: it knows the wire formats as an outsider does, so a change
//! that would break outsiders breaks tests. Only the start of a program returns errors, because refusing to start is a
//! tested case. The other functions panic with what they saw, so that a test reads without an `unwrap` after each line.
#![expect(
    clippy::panic,
    reason = "a function that cannot do its task fails the test, with what it saw"
)]

mod api_client;
mod browser;
mod certificates;
mod cookie_client;
mod daemon;
mod effort;
mod kernel;
mod port;
mod postgres_server;
mod process;
mod program;
mod redis_groups;
mod redis_server;
mod reply;
mod resp;
mod server;
mod tcp_relay;
mod tokens;
mod tool;

pub use api_client::{ApiClient, Thief};
pub use browser::{Browser, ColourScheme, JavaScript};
pub use certificates::make_certificates;
pub use cookie_client::{CookieClient, Provenance, cookie_name};
pub use effort::rounds;
pub use port::free_port;
pub use postgres_server::PostgresServer;
pub use program::{Ended, Program, ProgramError, Running};
pub use redis_groups::{RedisCluster, RedisSentinels};
pub use redis_server::{RedisServer, RedisSnapshot};
pub use reply::Reply;
/// A token or a password. Prints as redacted; [`ExposeSecret`] shows it.
pub use secrecy::{ExposeSecret, SecretString};
pub use server::Server;
pub use tcp_relay::TcpRelay;
/// One line of the browser's console, violations of the content security policy among them.
pub use thirtyfour::BrowserLogEntry as ConsoleEntry;
pub use tokens::Tokens;
pub use tool::{Tool, needs};
