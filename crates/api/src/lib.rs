#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod authenticated;
mod bearer;
mod body;
pub mod browser;
mod caching;
mod client_address;
mod cookies;
mod exchange;
mod forward_auth;
mod guard;
mod guesses;
pub mod handlers;
mod health;
mod hidden;
#[cfg(feature = "http-client")]
pub mod http_client;
mod jwks;
mod layer;
mod logged;
mod login;
mod login_limit;
mod logout;
pub mod oauth;
#[cfg(feature = "openapi")]
mod openapi;
mod origin;
mod problem;
mod request_log;
mod require;
mod rescind;
#[cfg(feature = "resource-server")]
mod resource_server;
mod routes;
mod security_headers;
mod service_clock;
mod settings;
mod status_list;
#[cfg(feature = "testing")]
pub mod testing;
mod visitor;

/// Crates and types in our signatures.
pub use actix_cors;
pub use actix_web;
pub use ipnet::IpNet;
pub use rescind_session::Timestamp;
pub use url::Url;

pub use authenticated::{Authenticated, Caller, MaybeAuthenticated, OwnUser, Transport, VerifiedOnly};
pub use bearer::bearer_token;
pub use body::{Form, extractor_problems};
#[doc(hidden)]
pub use client_address::client_address;
pub use cookies::cookie_values;
pub use guard::Guard;
pub use handlers::Me;
pub use hidden::Hidden;
pub use jwks::jwks;
pub use login::LimitedLogin;
pub use origin::OriginCheck;
pub use problem::{FieldError, Problem};
pub use request_log::RequestLog;
pub use require::{RequireFresh, RequireLogin, RequireRole, RequireScope};
pub use rescind::Rescind;
pub use rescind_session as session;
#[cfg(feature = "resource-server")]
pub use resource_server::{
    Introspection, IntrospectionSettings, ResourceServer, ResourceServerError, ResourceServerSettings, RevocationCheck,
    SetReceiver, StatusListReader,
};
pub use routes::{Part, Routes};
pub use security_headers::{STRICT_CONTENT_SECURITY_POLICY, SecurityHeaders};
pub use settings::{InvalidRateLimit, InvalidSetting, Period, RateLimit, Settings};
pub use visitor::Visitor;
