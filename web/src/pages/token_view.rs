//! An access token, taken apart for the eyes of whoever holds it.

use jiff::Timestamp;
use rescind_api::Authenticated;
use rescind_session::{
    Policy,
    token::{AccessClaims, TokenParts},
};

use super::{
    checks::{Checked, asked_of},
    times::Time,
};

/// What the account page shows of a token.
pub(crate) struct TokenView {
    pub(crate) expires: Time,
    /// Whether a new one comes by itself.
    pub(crate) renews: bool,
    pub(crate) checks: Vec<Checked>,
    pub(crate) header: Vec<Entry>,
    pub(crate) claims: Vec<Entry>,
    /// The token as it travels; only in the demo.
    pub(crate) raw: Option<RawToken>,
}

/// One member of the header or of the claims.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) meaning: &'static str,
    /// The value as a time, where it is one.
    pub(crate) time: Option<Time>,
}

/// The three parts as they travel. It does not print: together they are the token.
pub(crate) struct RawToken {
    pub(crate) header: String,
    pub(crate) claims: String,
    pub(crate) signature: String,
}

impl TokenView {
    /// `show_raw`: whether this is a demo.
    pub(crate) fn new(authenticated: &Authenticated, now: Timestamp, policy: &Policy, show_raw: bool) -> Self {
        let token = authenticated.access_token().expose_secret();
        Self {
            expires: Time::left(authenticated.claims().expires_at, now),
            renews: policy.refresh.is_some(),
            checks: asked_of(authenticated, policy, now),
            header: header(token),
            claims: claims(authenticated.claims(), now),
            raw: if show_raw { RawToken::split(token) } else { None },
        }
    }
}

impl RawToken {
    fn split(token: &str) -> Option<Self> {
        let mut parts = token.splitn(3, '.').map(str::to_owned);
        Some(Self {
            header: parts.next()?,
            claims: parts.next()?,
            signature: parts.next()?,
        })
    }
}

fn header(token: &str) -> Vec<Entry> {
    const MEMBERS: [(&str, &str); 3] = [
        (
            "typ",
            "An access token (RFC 9068), so that no other kind of token is taken for one.",
        ),
        (
            "alg",
            "How it is signed. The server does not believe this; the key decides.",
        ),
        ("kid", "Which of the server's keys signed it."),
    ];
    // The token was verified a moment ago, so it can be taken apart.
    let Ok(parts) = TokenParts::split_without_verifying(token) else {
        return Vec::new();
    };
    let entry = |(name, meaning): (&'static str, &'static str)| {
        let value = parts.header.get(name)?.as_str()?.to_owned();
        Some(Entry {
            name,
            value,
            meaning,
            time: None,
        })
    };
    MEMBERS.into_iter().filter_map(entry).collect()
}

fn claims(claims: &AccessClaims, now: Timestamp) -> Vec<Entry> {
    let entry = |name, value, meaning| Entry {
        name,
        value,
        meaning,
        time: None,
    };
    let instant = |name, at: Timestamp, meaning, time| Entry {
        time: Some(time),
        ..entry(name, at.as_second().to_string(), meaning)
    };
    vec![
        entry("iss", claims.issuer.clone(), "Issuer: who made it."),
        entry("sub", claims.subject.to_string(), "Subject: whom it speaks for. You."),
        entry("aud", claims.audience.clone(), "Audience: which service it is for."),
        entry(
            "client_id",
            claims.client_id.as_str().to_owned(),
            "The program that you logged in with.",
        ),
        instant(
            "iat",
            claims.issued_at,
            "Issued at, in seconds since 1970:",
            Time::ago(claims.issued_at, now),
        ),
        instant(
            "exp",
            claims.expires_at,
            "Expires at:",
            Time::left(claims.expires_at, now),
        ),
        entry(
            "jti",
            claims.token_id.to_string(),
            "This token's own name. No two tokens share one.",
        ),
        entry(
            "sid",
            claims.session_id.to_string(),
            "The session's name. Every token of one login carries it.",
        ),
    ]
}
