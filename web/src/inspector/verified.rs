//! The results of the real verifier's checks, one after the other.
//!
//! The checks, their order, and how far a token got are the verifier's own
//! ([`Inspection`](rescind_session::token::Inspection)). The words are in `content/inspector.toml`.

use jiff::{SignedDuration, Timestamp};
use rescind_api::Problem;
use rescind_session::{
    Check, Inspected, Policy,
    token::{MAX_TOKEN_BYTES, TokenCheck, Verdict, VerifyError},
};
use serde_json::Value;

use super::{decoded::Decoded, own::Keeper, words::WORDS};
use crate::{
    content::{Facts, of, say, word},
    pages::times::span,
    trace::Said,
};

/// What is known of a token beyond its own claims.
pub(crate) enum Verified {
    /// It is not the visitor's. Any such token gets this answer.
    Strangers,
    /// It was checked with the keys.
    Checked { outcome: Outcome, rows: Vec<Row> },
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
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
    pub(crate) fn said(self) -> Said {
        match self {
            Self::Passed => Said::Passed,
            Self::Failed => Said::Refused,
            Self::NotReached | Self::NotAsked | Self::NoAnswer => Said::Unknown,
        }
    }
}

impl Verified {
    /// Checks a token with a keeper's keys. The caller has applied the rule whether that is allowed.
    pub(crate) async fn by(keeper: &Keeper, decoded: &Decoded, token: &str) -> Result<Self, Problem> {
        let service = keeper.service();
        let checked = Checked::new(decoded, token.len(), keeper.now()?, service.policy());
        let inspected = service.inspect(token).await?;
        let mut rows: Vec<_> = inspected
            .token
            .checks()
            .map(|(check, verdict)| checked.row(check, verdict, inspected.token.outcome().err()))
            .collect();
        rows.push(checked.last_question(&inspected));
        Ok(Self::Checked {
            outcome: outcome(&rows),
            rows,
        })
    }
}

fn outcome(rows: &[Row]) -> Outcome {
    if let Some(at) = rows.iter().position(|row| row.came_to == CameTo::Failed) {
        return Outcome::Refused(at + 1, rows.len());
    }
    if rows.iter().any(|row| row.came_to == CameTo::NoAnswer) {
        return Outcome::Unanswered;
    }
    Outcome::Accepted(rows.iter().filter(|row| row.came_to == CameTo::Passed).count())
}

/// The input of the sentences.
struct Checked<'a> {
    decoded: &'a Decoded,
    policy: &'a Policy,
    facts: Facts,
}

impl<'a> Checked<'a> {
    fn new(decoded: &'a Decoded, bytes: usize, now: Timestamp, policy: &'a Policy) -> Self {
        let mut checked = Self {
            decoded,
            policy,
            facts: Facts::default(),
        };
        let claim = |name| decoded.claims.members.text(name).unwrap_or_default();
        let (start, end) = (checked.instant("iat"), checked.instant("exp"));
        let length = |length: Option<SignedDuration>| length.map(span).unwrap_or_default();
        checked.facts = Facts::default()
            .with("bytes", bytes.to_string())
            .with("most", MAX_TOKEN_BYTES.to_string())
            .with("iss", claim("iss"))
            .with("aud", claim("aud"))
            .with("left", length(end.map(|end| end.duration_since(now))))
            .with("ago", length(end.map(|end| now.duration_since(end))))
            .with(
                "life",
                length(start.zip(end).map(|(start, end)| end.duration_since(start))),
            )
            .with("allowed", checked.longest_life());
        checked
    }

    fn row(&self, check: TokenCheck, verdict: Verdict, error: Option<&VerifyError>) -> Row {
        let (came_to, found) = match verdict {
            Verdict::Passed => (CameTo::Passed, self.passed(check)),
            Verdict::Failed => (
                CameTo::Failed,
                error.map(|error| self.failed(error)).unwrap_or_default(),
            ),
            Verdict::NotReached => (CameTo::NotReached, String::new()),
        };
        Row {
            question: question(check),
            came_to,
            found,
        }
    }

    fn passed(&self, check: TokenCheck) -> String {
        let header = |name| self.decoded.header.members.text(name).unwrap_or_default();
        let facts = self.facts.clone().with("typ", header("typ")).with("alg", header("alg"));
        facts.fill(of(&WORDS.passed, check))
    }

    fn failed(&self, error: &VerifyError) -> String {
        let header = |name| match self.decoded.header.members.get(name) {
            Some(value) => value.to_string(),
            None => "nothing".to_owned(),
        };
        let (kind, name) = match error {
            VerifyError::RefusedParameter(name) => ("RefusedParameter".to_owned(), *name),
            VerifyError::MissingClaim(name) => ("MissingClaim".to_owned(), *name),
            VerifyError::MalformedClaim(name) => ("MalformedClaim".to_owned(), *name),
            VerifyError::Expired(_) => ("Expired".to_owned(), ""),
            error => (format!("{error:?}"), ""),
        };
        let facts = self.facts.clone().with("typ", header("typ")).with("alg", header("alg"));
        match WORDS.failed.get(&kind) {
            Some(words) => facts.with("name", name).fill(words),
            None => error.to_string(),
        }
    }

    /// The revocation check: the only one that calls a store, and the only one that recognises a revoked token.
    fn last_question(&self, inspected: &Inspected) -> Row {
        let (came_to, revoked) = match (&inspected.revoked, self.policy.check) {
            (None, _) => (CameTo::NotReached, "not-reached"),
            (Some(Err(_)), _) => (CameTo::NoAnswer, "unanswered"),
            (Some(Ok(_)), Check::Nothing) => (CameTo::NotAsked, "no"),
            (Some(Ok(true)), _) => (CameTo::Failed, "yes"),
            (Some(Ok(false)), _) => (CameTo::Passed, "no"),
        };
        let check = word(self.policy.check);
        let facts = Facts::default().with("revoked", revoked).with("check", check);
        Row {
            question: "Was it taken back?",
            came_to,
            found: say(&WORDS.last, &facts),
        }
    }

    fn instant(&self, name: &str) -> Option<Timestamp> {
        let seconds = self.decoded.claims.members.get(name).and_then(Value::as_i64)?;
        Timestamp::from_second(seconds).ok()
    }

    fn longest_life(&self) -> String {
        span(SignedDuration::try_from(self.policy.access_ttl).unwrap_or(SignedDuration::MAX))
    }
}

fn question(check: TokenCheck) -> &'static str {
    of(&WORDS.questions, check)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_check_of_the_verifier_has_its_own_question() {
        let questions: BTreeSet<_> = TokenCheck::ALL.into_iter().map(question).collect();
        assert_eq!(questions.len(), TokenCheck::ALL.len());
        assert!(!questions.contains(""), "a new check wants words");
        assert!(TokenCheck::ALL.iter().all(|check| !of(&WORDS.passed, check).is_empty()));
    }

    #[test]
    fn the_first_failed_check_decides_and_an_unanswered_one_accepts_no_token() {
        let rows = |came_to: &[CameTo]| -> Vec<Row> {
            let row = |came_to: &CameTo| Row {
                question: "?",
                came_to: *came_to,
                found: String::new(),
            };
            came_to.iter().map(row).collect()
        };
        let (passed, failed) = (CameTo::Passed, CameTo::Failed);
        assert_eq!(outcome(&rows(&[passed, passed])), Outcome::Accepted(2));
        assert_eq!(outcome(&rows(&[passed, CameTo::NotAsked])), Outcome::Accepted(1));
        assert_eq!(
            outcome(&rows(&[passed, failed, CameTo::NotReached])),
            Outcome::Refused(2, 3)
        );
        assert_eq!(outcome(&rows(&[passed, CameTo::NoAnswer])), Outcome::Unanswered);
    }
}
