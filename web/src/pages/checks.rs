//! What was asked of the access token before this page was drawn, in the order in which it was asked.
//!
//! A page that shows claims teaches that a token can be read; this list, that reading is not believing. Whoever got here
//! passed every question, so each is told with what it found.

use jiff::{SignedDuration, Timestamp};
use rescind_api::Authenticated;
use rescind_session::{
    Check, Policy,
    token::{MAX_TOKEN_BYTES, TokenParts},
};

use super::times::span;

/// One question, and what it found.
pub(crate) struct Checked {
    pub(crate) question: &'static str,
    pub(crate) found: String,
    /// Whether it was asked at all; the last one is not under every policy.
    pub(crate) asked: bool,
}

impl Checked {
    fn passed(question: &'static str, found: impl Into<String>) -> Self {
        Self {
            question,
            found: found.into(),
            asked: true,
        }
    }
}

/// Every question, as `rescind-token` asks it, and then the one of the policy.
pub(crate) fn asked_of(authenticated: &Authenticated, policy: &Policy, now: Timestamp) -> Vec<Checked> {
    let (token, claims) = (authenticated.access_token().expose_secret(), authenticated.claims());
    let header = TokenParts::split_without_verifying(token).map(|parts| parts.header);
    let member = |name: &str| {
        let value = header.as_ref().ok().and_then(|header| header.get(name)?.as_str());
        value.unwrap_or_default().to_owned()
    };
    let left = span(claims.expires_at.duration_since(now));
    let life = span(claims.expires_at.duration_since(claims.issued_at));
    let longest = span(SignedDuration::try_from(policy.access_ttl).unwrap_or(SignedDuration::MAX));
    vec![
        Checked::passed(
            "Has it the size and the shape?",
            format!(
                "{} of at most {MAX_TOKEN_BYTES} bytes; three parts of base64url with dots between them.",
                token.len()
            ),
        ),
        Checked::passed(
            "Is the header one of ours?",
            format!(
                "Its type is {}, and nothing in it asks to be read in another way or brings a key along.",
                member("typ")
            ),
        ),
        Checked::passed(
            "Do we know the key?",
            "The kid names one of ours, and its algorithm is the one that the token claims. The key decides, not the token.",
        ),
        Checked::passed(
            "Does the signature fit?",
            format!(
                "It does, by {}: header and claims are letter for letter what was signed.",
                member("alg")
            ),
        ),
        Checked::passed(
            "Is it from us, and for us?",
            format!("The issuer is {}, the audience {}.", claims.issuer, claims.audience),
        ),
        Checked::passed(
            "Is it in its time?",
            format!("Not issued in the future, {left} left, and its life of {life} is not longer than {longest}."),
        ),
        last_question(policy.check),
    ]
}

/// The only one that costs anything, and the only one that can tell a token which was taken back.
fn last_question(check: Check) -> Checked {
    const QUESTION: &str = "Was it taken back?";
    match check {
        Check::Blacklist => Checked::passed(
            QUESTION,
            "Neither the token nor its session is on the blacklist, which is kept in memory.",
        ),
        Check::Session => Checked::passed(QUESTION, "The database was asked: the session is open."),
        Check::Nothing => Checked {
            question: QUESTION,
            found: "Nobody asked: that is this policy. A copy of this token works until its time is over.".to_owned(),
            asked: false,
        },
    }
}
