//! Which check decided a request, as far as its outcome tells.
//!
//! A problem's code is stable and says what was wrong; together with the policy it names the check. What was accepted went
//! through all checks, so the last of them decided.

use rescind_session::Check;

/// The check that had the last word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decided {
    /// None: everybody may.
    NoneNeeded,
    /// Whether there is such an address, and with that method.
    Address,
    /// What a form or a body has to look like.
    Input,
    /// Whether this site's own page sent it.
    Origin,
    /// Whether there is a token at all.
    TokenThere,
    /// Whether the token is genuine and meant for us.
    Signature,
    /// Whether its time is over; signature and expiry are all that was asked.
    Expiry,
    /// Whether the blacklist has an entry.
    Blacklist,
    /// Whether the session's row is open.
    SessionRow,
    /// Whether name and password fit.
    Credentials,
    /// Whether too many logins failed.
    LoginLimit,
    /// Whether a refresh token was ever issued here.
    RefreshTag,
    /// Whether the session lay idle for too long, or is too old.
    SessionAge,
    /// Whether the refresh token is of the generation that counts.
    Generation,
    /// What the policy in force does not have.
    Policy,
    /// A store that did not answer: nothing is decided, and the answer is no.
    NoAnswer,
    /// Something else.
    Unknown,
}

impl Decided {
    /// For people, to be read after "decided by".
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::NoneNeeded => "nothing: everybody may",
            Self::Address => "the address",
            Self::Input => "what was sent",
            Self::Origin => "the origin",
            Self::TokenThere => "whether there is a token",
            Self::Signature => "the signature",
            Self::Expiry => "signature and expiry",
            Self::Blacklist => "the blacklist",
            Self::SessionRow => "the session's row",
            Self::Credentials => "name and password",
            Self::LoginLimit => "the login limit",
            Self::RefreshTag => "the refresh token's tag",
            Self::SessionAge => "the session's age",
            Self::Generation => "the generation",
            Self::Policy => "the policy in force",
            Self::NoAnswer => "nothing: a store did not answer",
            Self::Unknown => "something else",
        }
    }
}

impl Decided {
    /// By the code of a problem, under a policy that asks this.
    #[must_use]
    pub fn by_code(code: &str, check: Check) -> Self {
        match code {
            "token_missing" => Decided::TokenThere,
            "token_invalid"
            | "authorization_unreadable"
            | "credential_unreadable"
            | "different_sessions"
            | "duplicate_cookies" => Decided::Signature,
            "token_expired" => Decided::Expiry,
            "token_revoked" => Self::last_question(check),
            "refresh_invalid" => Decided::RefreshTag,
            "refresh_expired" => Decided::SessionAge,
            "refresh_reused" => Decided::Generation,
            "session_closed" => Decided::SessionRow,
            "invalid_credentials" => Decided::Credentials,
            "rate_limited" | "overloaded" => Decided::LoginLimit,
            "store_unavailable" | "revocation_pending" => Decided::NoAnswer,
            "policy_keeps_no_session" | "policy_has_no_refresh" => Decided::Policy,
            "cross_origin" | "not_a_navigation" => Decided::Origin,
            "not_found" | "method_not_allowed" => Decided::Address,
            "invalid_input" | "bad_request" | "payload_too_large" | "unsupported_media_type" | "username_taken" => {
                Decided::Input
            }
            _ => Decided::Unknown,
        }
    }

    /// What is asked after signature and expiry, if anything is.
    #[must_use]
    pub fn last_question(check: Check) -> Self {
        match check {
            Check::Blacklist => Decided::Blacklist,
            Check::Session => Decided::SessionRow,
            Check::Nothing => Decided::Expiry,
        }
    }
}
