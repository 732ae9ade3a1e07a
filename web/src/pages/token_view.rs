//! An access token, decoded for its owner, and the checks that it passed before its page was drawn.
//!
//! The claims show that a token can be read; the list of checks, that reading is not verifying. A request that gets here has
//! passed every check, so each is shown with what it found.

use jiff::{SignedDuration, Timestamp};
use rescind_api::Authenticated;
use rescind_session::{
    Check, Policy,
    token::{MAX_TOKEN_BYTES, TokenParts},
};
use serde_json::Value;

use super::{
    times::{Time, span},
    words::{Member, WORDS, facts},
};
use crate::content::say;

pub(crate) struct TokenView {
    pub(crate) expires: Time,
    /// Whether it is renewed by itself.
    pub(crate) renews: bool,
    pub(crate) checks: Vec<Checked>,
    pub(crate) header: Vec<Entry>,
    pub(crate) claims: Vec<Entry>,
    /// The three parts as sent, only in the demo: together they are the token.
    pub(crate) raw: Option<[String; 3]>,
}

pub(crate) struct Entry {
    pub(crate) member: &'static Member,
    pub(crate) value: String,
    /// The value as a time, if it is one.
    pub(crate) time: Option<Time>,
}

pub(crate) struct Checked {
    pub(crate) question: &'static str,
    pub(crate) found: String,
    /// Whether the check was done; the last one is not under every policy.
    pub(crate) asked: bool,
}

impl TokenView {
    /// `show_raw`: whether this is a demo.
    pub(crate) fn new(authenticated: &Authenticated, now: Timestamp, policy: &Policy, show_raw: bool) -> Self {
        let (token, claims) = (authenticated.access_token().expose_secret(), authenticated.claims());
        // The token was just verified, so it can be decoded.
        let parts = TokenParts::split_without_verifying(token).ok();
        let (header, members) = parts.map(|parts| (parts.header, parts.claims)).unwrap_or_default();
        let entry = |of: &Value, member: &'static Member| {
            let value = of.get(&member.name)?;
            Some(Entry {
                value: value.as_str().map_or_else(|| value.to_string(), str::to_owned),
                time: match member.name.as_str() {
                    "iat" => Some(Time::ago(claims.issued_at, now)),
                    "exp" => Some(Time::left(claims.expires_at, now)),
                    _ => None,
                },
                member,
            })
        };
        let text = |name: &str| header.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let facts = facts(policy)
            .with("size", token.len().to_string())
            .with("most", MAX_TOKEN_BYTES.to_string())
            .with("typ", text("typ"))
            .with("alg", text("alg"))
            .with("iss", claims.issuer.as_str())
            .with("aud", claims.audience.as_str())
            .with("left", span(claims.expires_at.duration_since(now)))
            .with("life", span(claims.expires_at.duration_since(claims.issued_at)))
            .with(
                "longest",
                span(SignedDuration::try_from(policy.access_ttl).unwrap_or(SignedDuration::MAX)),
            );
        let checks = WORDS.check.iter().map(|check| Checked {
            question: &check.question,
            found: facts.fill(&check.found),
            asked: true,
        });
        let last = Checked {
            question: "Was it taken back?",
            found: say(&WORDS.taken_back, &facts),
            asked: policy.check != Check::Nothing,
        };
        let raw: Vec<_> = token.splitn(3, '.').map(str::to_owned).collect();
        Self {
            expires: Time::left(claims.expires_at, now),
            renews: policy.refresh.is_some(),
            checks: checks.chain([last]).collect(),
            header: WORDS
                .header
                .iter()
                .filter_map(|member| entry(&header, member))
                .collect(),
            claims: WORDS
                .claim
                .iter()
                .filter_map(|member| entry(&members, member))
                .collect(),
            raw: raw.try_into().ok().filter(|_| show_raw),
        }
    }
}
