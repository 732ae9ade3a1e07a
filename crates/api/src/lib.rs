#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod application;
mod authenticated;
mod body;
pub mod browser;
mod client_address;
mod cookies;
mod exchange;
mod guard;
mod guesses;
mod health;
mod hidden;
#[cfg(feature = "http-client")]
pub mod http_client;
mod json;
mod jwks;
mod login;
mod login_limit;
mod logout;
mod origin;
mod problem;
mod request_log;
mod rescind;
#[cfg(feature = "resource-server")]
mod resource_server;
mod security_headers;
mod service_clock;
mod settings;
mod visitor;

pub use authenticated::{Authenticated, Transport, bearer_token};
pub use body::Form;
pub use cookies::cookie_values;
pub use guard::Guard;
pub use hidden::Hidden;
pub use json::{Me, me};
pub use jwks::jwks;
pub use problem::{FieldError, Problem};
pub use rescind::Rescind;
pub use rescind_session as session;
#[cfg(feature = "resource-server")]
pub use resource_server::{ResourceServer, ResourceServerError, ResourceServerSettings, RevocationCheck};
pub use settings::{InvalidRateLimit, Period, RateLimit, Settings};
pub use visitor::Visitor;
