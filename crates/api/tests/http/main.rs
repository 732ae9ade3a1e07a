//! The HTTP side, tested as its clients use it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod accounts;
mod attacks;
mod bearer;
mod bodies;
mod browser;
mod browser_refresh;
mod claims;
mod client_address;
mod cookies;
mod crafted;
mod credentials;
mod deadline;
mod extractor;
mod faulty;
mod forward_auth;
#[cfg(feature = "resource-server")]
mod introspection;
mod jwks;
mod local_path;
mod log;
mod login_limit;
mod middlewares;
mod oauth;
mod oauth_clients;
mod oauth_errors;
mod openapi;
mod origin;
mod paging;
mod problems;
mod reauthentication;
#[cfg(feature = "resource-server")]
mod resource_server;
mod routes;
mod security_headers;
#[cfg(feature = "resource-server")]
mod set_receiver;
mod status_list;
#[cfg(feature = "resource-server")]
mod status_list_reader;
mod testing;
#[cfg(feature = "resource-server")]
mod tls;
mod world;
