//! Which check decided a request, derived from its outcome.
//!
//! A problem's code is stable and names the error; together with the policy it identifies the check. An accepted
//! request passed all checks, so the last one decided.

use rescind_session::Check;
use strum::VariantArray;

use crate::{
    meter::{Call, Operation, StoreReply},
    raw::Reply,
};

/// The deciding check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, VariantArray)]
pub enum Decided {
    /// None: open to everyone.
    NoneNeeded,
    /// Whether the address exists, with that method.
    Address,
    /// Whether the form or body is valid.
    Input,
    /// Whether this site's own page sent the request.
    Origin,
    /// Whether there is a token.
    TokenThere,
    /// Whether the token is genuine and meant for us.
    Signature,
    /// Whether it has expired; only signature and expiry were checked.
    Expiry,
    /// Whether the blacklist has an entry.
    Blacklist,
    /// Whether the service has learnt that the session ended, or anything lately.
    News,
    /// Whether the session's row is open.
    SessionRow,
    /// Whether name and password match.
    Credentials,
    /// Whether too many logins failed.
    LoginLimit,
    /// Whether a refresh token was ever issued here.
    RefreshTag,
    /// Whether the session was idle for too long, or is too old.
    SessionAge,
    /// Whether the refresh token has the current generation.
    Generation,
    /// Whether the policy has the feature.
    Policy,
    /// None, since a store did not answer: the request is refused.
    NoAnswer,
    Unknown,
}

impl Decided {
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The check for a problem's code, under a policy with this check.
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

    /// The check after signature and expiry, if there is one.
    #[must_use]
    pub fn last_question(check: Check) -> Self {
        match check {
            Check::Blacklist => Decided::Blacklist,
            Check::Session => Decided::SessionRow,
            Check::Nothing => Decided::Expiry,
        }
    }
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, VariantArray)]
pub enum Asked {
    /// A public page.
    Page,
    /// The account, or another page for logged-in users.
    Private,
    PrivateForm,
    /// Who am I, at the door that checks revocation.
    AskingDoor,
    /// Who am I, at the door that checks only the token.
    SignatureDoor,
    /// Signing up, which logs in too.
    SignUp,
    /// A name and a password.
    LogIn,
    /// Logging in as alice, and being robbed.
    Rob,
    /// The next generation, for the refresh token.
    Refresh,
    LogOut,
    /// Ending sessions from the list of devices.
    EndSessions,
    ThiefTries,
    ThiefStealsRefresh,
    ThiefRefreshes,
    /// Loot and log are thrown away.
    Forget,
    /// An unknown address, or one that does not affect a login.
    Other,
}

impl Asked {
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// Whether an access token decides it.
    #[must_use]
    pub(crate) fn takes_a_token(self) -> bool {
        matches!(
            self,
            Self::AskingDoor
                | Self::SignatureDoor
                | Self::Private
                | Self::PrivateForm
                | Self::EndSessions
                | Self::LogOut
        )
    }
}

/// The deciding check: a pure function of what is known when the reply is sent. `check`: the policy's check on every
/// request; without tokens it is always the session's row.
pub(crate) fn decided(asked: Asked, reply: Option<&Reply>, calls: &[Call], check: Option<Check>) -> Decided {
    let Some(reply) = reply else { return Decided::NoAnswer };
    match (check, &reply.code) {
        (None, _) if asked == Asked::LogIn => Decided::Credentials,
        (None, _) => Decided::SessionRow,
        (Some(check), Some(code)) => Decided::by_code(code, check),
        (Some(_), None) if reply.status.is_server_error() => Decided::Unknown,
        (Some(check), None) => by_way(asked, reply.leads_to(), calls, check),
    }
}

fn by_way(asked: Asked, to: Option<&str>, calls: &[Call], check: Check) -> Decided {
    let (turned_away, to_refresh) = (to == Some("/login"), to == Some("/refresh"));
    match asked {
        Asked::Page | Asked::Forget | Asked::Other => Decided::NoneNeeded,
        Asked::Private | Asked::PrivateForm | Asked::EndSessions if to_refresh => Decided::Expiry,
        Asked::Private | Asked::PrivateForm | Asked::EndSessions if turned_away => turned_away_by(calls, check),
        Asked::Private | Asked::PrivateForm | Asked::EndSessions | Asked::AskingDoor => Decided::last_question(check),
        Asked::SignatureDoor => Decided::Expiry,
        Asked::SignUp => Decided::Input,
        Asked::LogIn | Asked::Rob => Decided::Credentials,
        // Any genuine token is enough, even an expired one.
        Asked::LogOut => Decided::Signature,
        Asked::Refresh => refreshed_by(turned_away, calls, check),
        Asked::ThiefTries | Asked::ThiefRefreshes | Asked::ThiefStealsRefresh => Decided::NoneNeeded,
    }
}

/// A page redirects to the login both for a revoked token and for none that is valid.
fn turned_away_by(calls: &[Call], check: Check) -> Decided {
    if calls.iter().any(|call| call.answer == StoreReply::OnTheList) {
        Decided::Blacklist
    } else if check == Check::Session && answered(calls, Operation::FindSession).is_some() {
        Decided::SessionRow
    } else {
        Decided::TokenThere
    }
}

/// A browser's refresh is always answered by a redirect; the store calls show its result.
fn refreshed_by(turned_away: bool, calls: &[Call], check: Check) -> Decided {
    let rotated = answered(calls, Operation::Rotate).is_some();
    if rotated || answered(calls, Operation::CloseForReuse).is_some() {
        return Decided::Generation;
    }
    match (answered(calls, Operation::FindSession), turned_away) {
        (Some(StoreReply::Open), false) => Decided::Generation,
        (Some(StoreReply::Open), true) => Decided::SessionAge,
        (Some(StoreReply::Closed), _) => Decided::SessionRow,
        (Some(_), _) => Decided::RefreshTag,
        (None, true) => Decided::TokenThere,
        // The access token was still valid: there was nothing to exchange.
        (None, false) => Decided::last_question(check),
    }
}

fn answered(calls: &[Call], operation: Operation) -> Option<StoreReply> {
    let mut calls = calls.iter().rev();
    calls.find(|call| call.operation == operation).map(|call| call.answer)
}
