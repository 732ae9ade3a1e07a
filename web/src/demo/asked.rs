//! What a request asks for: one place that knows every address, and says in words what it is for.

use actix_web::http::Method;

/// What somebody asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A page that everybody may see.
    Page,
    /// The account, or something else that is for whoever is logged in.
    Private,
    /// A form on a private page.
    PrivateForm,
    /// Who am I, at the door that asks whether the token was taken back.
    AskingDoor,
    /// Who am I, at the door that looks at the token alone.
    SignatureDoor,
    /// Signing up, which logs in too.
    SignUp,
    /// A name and a password.
    LogIn,
    /// Logging in as alice, and being robbed.
    Rob,
    /// The next generation, for the refresh token.
    Refresh,
    /// Being logged out.
    LogOut,
    /// Ending sessions from the list of devices.
    EndSessions,
    /// The thief tries the doors.
    ThiefTries,
    /// The thief copies the refresh token.
    ThiefStealsRefresh,
    /// The thief uses the refresh token.
    ThiefRefreshes,
    /// Loot and log are thrown away.
    Forget,
    /// Something that is not there, or that changes nothing about anybody's login.
    Other,
}

impl Asked {
    pub(crate) fn of(method: &Method, path: &str) -> Self {
        let reads = method == Method::GET || method == Method::HEAD;
        match (reads, path) {
            (true, "/" | "/login" | "/signup") => Self::Page,
            (true, "/account" | "/password" | "/api/sessions") => Self::Private,
            (true, "/api/me") => Self::AskingDoor,
            (true, "/demo/signature-only/me") => Self::SignatureDoor,
            (_, "/refresh" | "/api/refresh" | "/demo/refresh") => Self::Refresh,
            (false, "/signup" | "/api/users") => Self::SignUp,
            (false, "/login" | "/api/login") => Self::LogIn,
            (false, "/logout" | "/api/logout" | "/demo/log-out") => Self::LogOut,
            (false, "/logout-everywhere" | "/api/logout-everywhere") => Self::EndSessions,
            (false, "/password") => Self::PrivateForm,
            (false, "/demo/rob") => Self::Rob,
            (false, "/demo/thief/try") => Self::ThiefTries,
            (false, "/demo/thief/steal-refresh") => Self::ThiefStealsRefresh,
            (false, "/demo/thief/refresh") => Self::ThiefRefreshes,
            (false, "/demo/forget") => Self::Forget,
            (false, path) if path.starts_with("/sessions/") || path.starts_with("/api/sessions/") => Self::EndSessions,
            _ => Self::Other,
        }
    }

    /// For people.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Page => "a page",
            Self::Private => "a private page",
            Self::PrivateForm => "a form of a private page",
            Self::AskingDoor => "who am I? At the first door",
            Self::SignatureDoor => "who am I? At the second door",
            Self::SignUp => "a sign-up",
            Self::LogIn => "a login",
            Self::Rob => "a login as alice, and a robbery",
            Self::Refresh => "a refresh",
            Self::LogOut => "a logout",
            Self::EndSessions => "an end to sessions",
            Self::ThiefTries => "the thief sent to both doors",
            Self::ThiefStealsRefresh => "the refresh token left to the thief",
            Self::ThiefRefreshes => "the thief sent to refresh",
            Self::Forget => "a new start",
            Self::Other => "something else",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_what_is_asked_for() {
        for (method, path, asked) in [
            (Method::GET, "/api/me", Asked::AskingDoor),
            (Method::HEAD, "/api/me", Asked::AskingDoor),
            (Method::POST, "/api/me", Asked::Other),
            (Method::GET, "/refresh", Asked::Refresh),
            (Method::POST, "/demo/log-out", Asked::LogOut),
            (Method::GET, "/demo/log-out", Asked::Other),
            (Method::DELETE, "/api/sessions/7", Asked::EndSessions),
            (Method::GET, "/nowhere", Asked::Other),
        ] {
            assert_eq!(Asked::of(&method, path), asked, "{method} {path}");
        }
    }
}
