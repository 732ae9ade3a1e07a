//! The results of the real verifier's checks, one after the other.
//!
//! The checks, their order, and how far a token got are the verifier's own
//! ([`Inspection`](rescind_session::token::Inspection)). The words are in `content/inspector.toml`.

use jiff::Timestamp;
use rescind_api::Problem;
use rescind_session::{
    Check, Inspected,
    token::{MAX_TOKEN_BYTES, Verdict, VerifyError},
};
use serde_json::Value;

use super::{
    decoded::{Decoded, Members},
    own::Keeper,
    words::WORDS,
};
use crate::{
    content::{Facts, of, say, word},
    pages::times::{length, span},
    trace::VerdictColour,
};

/// What is known of a token beyond its own claims.
pub(crate) enum Verified {
    /// It is not the visitor's. Any such token gets this answer.
    Strangers,
    Checked {
        outcome: TokenOutcome,
        rows: Vec<Row>,
    },
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TokenOutcome {
    /// The number of checks that it passed.
    Accepted(usize),
    /// The number of the check that refused it, and of all checks.
    Refused(usize, usize),
    /// It is unknown whether it was revoked.
    Unanswered,
}

pub(crate) struct Row {
    pub(crate) question: &'static str,
    pub(crate) came_to: CameTo,
    pub(crate) found: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CameTo {
    Passed,
    Failed,
    NotReached,
    NotAsked,
    /// The store did not answer.
    NoAnswer,
}

impl CameTo {
    pub(crate) fn words(self) -> String {
        word(self).replace('-', " ")
    }

    /// A check says nothing of a thief, so it has no colour.
    pub(crate) fn said(self) -> VerdictColour {
        match self {
            Self::Passed => VerdictColour::Passed,
            Self::Failed => VerdictColour::Refused,
            Self::NotReached | Self::NotAsked | Self::NoAnswer => VerdictColour::Unknown,
        }
    }
}

impl Verified {
    /// Checks a token with a keeper's keys. The caller has applied the rule whether that is allowed.
    pub(crate) async fn by(keeper: &Keeper, decoded: &Decoded, token: &str) -> Result<Self, Problem> {
        let (service, policy) = (&keeper.service, keeper.service.policy());
        let facts = facts(decoded, service.now()?)
            .with("bytes", token.len().to_string())
            .with("most", MAX_TOKEN_BYTES.to_string())
            .with("allowed", length(policy.access_ttl));
        let inspected = service.inspect(token).await?;
        let error = inspected.token.outcome().err();
        let row = |(check, verdict)| {
            let (came_to, found) = match verdict {
                Verdict::Passed => (CameTo::Passed, facts.fill(of(&WORDS.passed, check))),
                Verdict::Failed => (
                    CameTo::Failed,
                    error.map_or_else(String::new, |error| failed(error, decoded, &facts)),
                ),
                Verdict::NotReached => (CameTo::NotReached, String::new()),
            };
            Row {
                question: of(&WORDS.questions, check),
                came_to,
                found,
            }
        };
        let mut rows: Vec<_> = inspected.token.checks().map(row).collect();
        rows.push(last_question(&inspected, policy.check));
        Ok(Self::Checked {
            outcome: outcome(&rows),
            rows,
        })
    }
}

fn outcome(rows: &[Row]) -> TokenOutcome {
    if let Some(at) = rows.iter().position(|row| row.came_to == CameTo::Failed) {
        return TokenOutcome::Refused(at + 1, rows.len());
    }
    if rows.iter().any(|row| row.came_to == CameTo::NoAnswer) {
        return TokenOutcome::Unanswered;
    }
    TokenOutcome::Accepted(rows.iter().filter(|row| row.came_to == CameTo::Passed).count())
}

/// What the sentences need of a token.
fn facts(decoded: &Decoded, now: Timestamp) -> Facts {
    let (header, claims) = (&decoded.header.members, &decoded.claims.members);
    let text = |members: &Members, name| members.text(name).unwrap_or_default().to_owned();
    let instant = |name| {
        let seconds = claims.get(name).and_then(Value::as_i64)?;
        Timestamp::from_second(seconds).ok()
    };
    let (start, end) = (instant("iat"), instant("exp"));
    let between = |from: Option<Timestamp>, to: Option<Timestamp>| match (from, to) {
        (Some(from), Some(to)) => span(to.duration_since(from)),
        _ => String::new(),
    };
    Facts::default()
        .with("typ", text(header, "typ"))
        .with("alg", text(header, "alg"))
        .with("iss", text(claims, "iss"))
        .with("aud", text(claims, "aud"))
        .with("left", between(Some(now), end))
        .with("ago", between(end, Some(now)))
        .with("life", between(start, end))
}

fn failed(error: &VerifyError, decoded: &Decoded, facts: &Facts) -> String {
    let header = |name| match decoded.header.members.get(name) {
        Some(value) => value.to_string(),
        None => "nothing".to_owned(),
    };
    let name = match error {
        VerifyError::RefusedParameter(name) | VerifyError::MissingClaim(name) | VerifyError::MalformedClaim(name) => {
            name
        }
        _ => "",
    };
    let facts = facts.clone().with("typ", header("typ")).with("alg", header("alg"));
    let kind = format!("{error:?}");
    let words = kind.split('(').next().and_then(|kind| WORDS.failed.get(kind));
    words.map_or_else(|| error.to_string(), |words| facts.with("name", name).fill(words))
}

/// The revocation check: the only one that calls a store, and the only one that recognises a revoked token.
fn last_question(inspected: &Inspected, check: Check) -> Row {
    let (came_to, revoked) = match (&inspected.revoked, check) {
        (None, _) => (CameTo::NotReached, "not-reached"),
        (Some(Err(_)), _) => (CameTo::NoAnswer, "unanswered"),
        (Some(Ok(_)), Check::Nothing) => (CameTo::NotAsked, "no"),
        (Some(Ok(true)), _) => (CameTo::Failed, "yes"),
        (Some(Ok(false)), _) => (CameTo::Passed, "no"),
    };
    let facts = Facts::default().with("revoked", revoked).with("check", word(check));
    Row {
        question: &WORDS.last_question,
        came_to,
        found: say(&WORDS.last, &facts),
    }
}
