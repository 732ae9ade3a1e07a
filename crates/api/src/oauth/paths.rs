//! The paths of the endpoints, as the metadata names them.

pub(crate) const METADATA: &str = "/.well-known/oauth-authorization-server";
pub(crate) const TOKEN: &str = "/oauth/token";
pub(crate) const REVOKE: &str = "/oauth/revoke";
pub(crate) const INTROSPECT: &str = "/oauth/introspect";

/// Whether a request to that path uses no cookie, so that no other site can misuse one.
pub(crate) fn is_endpoint(path: &str) -> bool {
    [TOKEN, REVOKE, INTROSPECT].contains(&path)
}
