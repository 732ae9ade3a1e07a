//! What a request asks for: one place that knows every address.

use actix_web::http::Method;
use rescind_lab::Asked;

/// The door that asks.
pub(crate) const ASKING_DOOR: &str = "/api/me";
/// The door that looks at the token alone.
pub(crate) const SIGNATURE_DOOR: &str = "/demo/signature-only/me";

pub(super) fn asked(method: &Method, path: &str) -> Asked {
    let reads = method == Method::GET || method == Method::HEAD;
    match (reads, path) {
        (true, "/" | "/login" | "/signup") => Asked::Page,
        (true, "/account" | "/password" | "/api/sessions") => Asked::Private,
        (true, ASKING_DOOR) => Asked::AskingDoor,
        (true, SIGNATURE_DOOR) => Asked::SignatureDoor,
        (_, "/refresh" | "/api/refresh" | "/demo/refresh") => Asked::Refresh,
        (false, "/signup" | "/api/users") => Asked::SignUp,
        (false, "/login" | "/api/login") => Asked::LogIn,
        (false, "/logout" | "/api/logout" | "/demo/log-out") => Asked::LogOut,
        (false, "/logout-everywhere" | "/api/logout-everywhere") => Asked::EndSessions,
        (false, "/password") => Asked::PrivateForm,
        (false, "/demo/rob") => Asked::Rob,
        (false, "/demo/thief/try") => Asked::ThiefTries,
        (false, "/demo/thief/steal-refresh") => Asked::ThiefStealsRefresh,
        (false, "/demo/thief/refresh") => Asked::ThiefRefreshes,
        (false, "/demo/forget") => Asked::Forget,
        (false, path) if path.starts_with("/sessions/") || path.starts_with("/api/sessions/") => Asked::EndSessions,
        _ => Asked::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_what_is_asked_for() {
        for (method, path, expected) in [
            (Method::GET, "/api/me", Asked::AskingDoor),
            (Method::HEAD, "/api/me", Asked::AskingDoor),
            (Method::POST, "/api/me", Asked::Other),
            (Method::GET, "/refresh", Asked::Refresh),
            (Method::POST, "/demo/log-out", Asked::LogOut),
            (Method::GET, "/demo/log-out", Asked::Other),
            (Method::DELETE, "/api/sessions/7", Asked::EndSessions),
            (Method::GET, "/nowhere", Asked::Other),
        ] {
            assert_eq!(asked(&method, path), expected, "{method} {path}");
        }
    }
}
