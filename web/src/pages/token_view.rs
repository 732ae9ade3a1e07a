//! An access token, decoded for its owner, and the checks that it passed before its page was drawn.
//!
//! The claims show that a token can be read; the list of checks, that reading is not verifying. A request that gets here has
//! passed every check, so each is shown with what it found.

use jiff::Timestamp;
use rescind_api::Authenticated;
use rescind_session::{
    Check, Policy,
    token::{MAX_TOKEN_BYTES, TokenParts},
};
use serde_json::Value;

use super::{
    times::{Time, length, span},
    words::{WORDS, facts},
};
use crate::{
    content::say,
    inspector::words::{MEMBERS, Member},
};

pub(crate) struct TokenView {
    pub(crate) expires: Time,
    pub(crate) renews: bool,
    pub(crate) checks: Vec<(&'static str, String)>,
    /// The last one, which is not asked under every policy.
    pub(crate) taken_back: String,
    pub(crate) is_asked: bool,
    pub(crate) header: Vec<Entry>,
    pub(crate) claims: Vec<Entry>,
    /// The three parts as sent, only in the demo: together they are the token.
    pub(crate) raw: Option<[String; 3]>,
}

pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) says: &'static str,
    pub(crate) value: String,
    /// The value as a time, if it is one.
    pub(crate) time: Option<Time>,
}

impl TokenView {
    /// `show_raw`: whether this is a demo.
    pub(crate) fn new(authenticated: &Authenticated, now: Timestamp, policy: &Policy, show_raw: bool) -> Self {
        let (token, claims) = (authenticated.access_token().expose_secret(), authenticated.claims());
        // The token was just verified, so it can be decoded.
        let parts = TokenParts::split_without_verifying(token).ok();
        let (header, members) = parts.map(|parts| (parts.header, parts.claims)).unwrap_or_default();
        let entries = |members: &'static [Member], of: &Value| {
            let entry = |member: &'static Member| {
                let (value, says) = (of.get(&member.name)?, member.own.as_deref()?);
                Some(Entry {
                    name: &member.name,
                    says,
                    value: value.as_str().map_or_else(|| value.to_string(), str::to_owned),
                    time: match member.name.as_str() {
                        "iat" => Some(Time::ago(claims.issued_at, now)),
                        "auth_time" => claims.auth_time.map(|at| Time::ago(at, now)),
                        "exp" => Some(Time::left(claims.expires_at, now)),
                        _ => None,
                    },
                })
            };
            members.iter().filter_map(entry).collect()
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
            .with("longest", length(policy.access_ttl));
        let checks = WORDS.check.iter();
        let raw: Vec<_> = token.splitn(3, '.').map(str::to_owned).collect();
        Self {
            expires: Time::left(claims.expires_at, now),
            renews: policy.refresh.is_some(),
            checks: checks
                .map(|check| (check.question.as_str(), facts.fill(&check.found)))
                .collect(),
            taken_back: say(&WORDS.taken_back, &facts),
            is_asked: policy.check != Check::Nothing,
            header: entries(&MEMBERS.parameter, &header),
            claims: entries(&MEMBERS.claim, &members),
            raw: raw.try_into().ok().filter(|_| show_raw),
        }
    }
}
