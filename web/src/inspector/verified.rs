//! What the checks of the real verifier found, one after the other.
//!
//! Which checks there are, their order, and how far a token got comes from the verifier itself
//! ([`Inspection`](rescind_session::token::Inspection)). Here stand only the words.

use jiff::{SignedDuration, Timestamp};
use rescind_api::Problem;
use rescind_session::{
    Check, Inspected, Policy,
    token::{MAX_TOKEN_BYTES, TokenCheck, Verdict, VerifyError},
};
use serde_json::Value;

use super::{decoded::Decoded, own::Keeper};
use crate::pages::times::span;

/// What can be said of a token beyond what it says itself.
pub(crate) enum Verified {
    /// It is nobody's who asks. Whatever it is, this is all that is said.
    Strangers,
    /// It was held against the keys.
    Checked { outcome: Outcome, rows: Vec<Row> },
}

/// What the checks came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// By so many checks.
    Accepted(usize),
    /// By the check of this number, of so many.
    Refused(usize, usize),
    /// Nobody could say whether it was taken back.
    Unanswered,
}

/// One check.
pub(crate) struct Row {
    pub(crate) question: &'static str,
    pub(crate) came_to: CameTo,
    pub(crate) found: String,
}

/// What one check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CameTo {
    Passed,
    Failed,
    NotReached,
    /// The policy does not ask.
    NotAsked,
    /// It was asked, and nobody answered.
    NoAnswer,
}

impl CameTo {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::NotReached => "not reached",
            Self::NotAsked => "not asked",
            Self::NoAnswer => "no answer",
        }
    }

    /// The class that its colour hangs on; the word and the icon say the same.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Passed => "accepted",
            Self::Failed => "refused",
            Self::NotReached | Self::NotAsked | Self::NoAnswer => "unknown",
        }
    }
}

impl Verified {
    /// Holds a token against a keeper's keys. The rule whether that is allowed is the caller's to keep.
    pub(crate) async fn by(keeper: &Keeper, decoded: &Decoded, token: &str) -> Result<Self, Problem> {
        let service = keeper.service();
        let facts = Facts {
            decoded,
            bytes: token.len(),
            now: keeper.now()?,
            policy: service.policy(),
        };
        let inspected = service.inspect(token).await?;
        let mut rows: Vec<_> = inspected
            .token
            .checks()
            .map(|(check, verdict)| facts.row(check, verdict, inspected.token.outcome().err()))
            .collect();
        rows.push(facts.last_question(&inspected));
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

/// What the words are made of.
struct Facts<'a> {
    decoded: &'a Decoded,
    bytes: usize,
    now: Timestamp,
    policy: &'a Policy,
}

impl Facts<'_> {
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
        let claim = |name| self.decoded.claims.members.text(name).unwrap_or_default();
        match check {
            TokenCheck::Size => format!("{} of at most {MAX_TOKEN_BYTES} bytes.", self.bytes),
            TokenCheck::Shape => "Three, with dots between them.".to_owned(),
            TokenCheck::Header => "It is JSON in base64url, and no member stands twice.".to_owned(),
            TokenCheck::Parameters => {
                "Nothing in it asks to be read in another way (crit, b64, zip, cty, enc), or brings a key along (jwk, jku, \
                 x5u, x5c)."
                    .to_owned()
            }
            TokenCheck::Type => format!("Its type is {}.", header("typ")),
            TokenCheck::Key => "The kid names one of ours.".to_owned(),
            TokenCheck::Algorithm => {
                format!("The key is for {}, and the token says the same. The key decides.", header("alg"))
            }
            TokenCheck::Signature => "Header and claims are letter for letter what was signed.".to_owned(),
            TokenCheck::Claims => "All eight are there, once, each of its kind.".to_owned(),
            TokenCheck::Issuer => format!("The issuer is {}.", claim("iss")),
            TokenCheck::Audience => format!("The audience is {}.", claim("aud")),
            TokenCheck::Start => "It was not issued in the future.".to_owned(),
            TokenCheck::Expiry => match self.instant("exp") {
                Some(end) => format!("{} left.", span(end.duration_since(self.now))),
                None => String::new(),
            },
            TokenCheck::Lifetime => match (self.instant("iat"), self.instant("exp")) {
                (Some(start), Some(end)) => format!(
                    "It lives for {}, and {} are allowed.",
                    span(end.duration_since(start)),
                    self.longest_life()
                ),
                _ => String::new(),
            },
            _ => String::new(),
        }
    }

    /// Why it was refused, in one sentence.
    fn failed(&self, error: &VerifyError) -> String {
        let header = |name| match self.decoded.header.members.get(name) {
            Some(value) => value.to_string(),
            None => "nothing".to_owned(),
        };
        match error {
            VerifyError::TooLong => format!("It has {} bytes; {MAX_TOKEN_BYTES} are looked at.", self.bytes),
            VerifyError::Malformed => "It is not JSON in base64url.".to_owned(),
            VerifyError::DuplicateMember => {
                "A member stands twice, and readers would disagree on which one counts.".to_owned()
            }
            VerifyError::RefusedParameter(name) => {
                format!("It has {name}, which no token of ours has: an attack, or a mistake.")
            }
            VerifyError::WrongType => format!("Its type is {}, and only at+jwt is an access token.", header("typ")),
            VerifyError::MissingKeyId => "It names no key.".to_owned(),
            VerifyError::UnknownKey => "It names a key that is not ours: made up, or retired for good.".to_owned(),
            VerifyError::WrongAlgorithm => format!(
                "It says {}, which is not what its key is for. The key decides, so the signature is not even looked at.",
                header("alg")
            ),
            VerifyError::BadSignature => {
                "Header, claims and signature do not belong together: something was changed after it was signed."
                    .to_owned()
            }
            VerifyError::MissingClaim(name) => format!("The claim {name} is missing."),
            VerifyError::MalformedClaim(name) => format!("The claim {name} is not of its kind."),
            VerifyError::WrongIssuer => "Somebody else made it.".to_owned(),
            VerifyError::WrongAudience => "It is for another service.".to_owned(),
            VerifyError::NotYetValid => "Its time has not begun.".to_owned(),
            VerifyError::Expired(claims) => {
                let ago = span(self.now.duration_since(claims.expires_at));
                format!("It ran out {ago} ago. Nothing else is wrong with it so far.")
            }
            VerifyError::LivesTooLong => {
                format!("It lives longer than the {} that are allowed.", self.longest_life())
            }
            _ => error.to_string(),
        }
    }

    /// The only question that costs anything, and the only one that can tell a token which was taken back.
    fn last_question(&self, inspected: &Inspected) -> Row {
        let (came_to, found) = match (&inspected.revoked, self.policy.check) {
            (None, _) => (CameTo::NotReached, ""),
            (Some(Err(_)), _) => (
                CameTo::NoAnswer,
                "The store that has to be asked did not answer. A request with this token is answered 503: not accepted, \
                 and not refused.",
            ),
            (Some(Ok(_)), Check::Nothing) => (
                CameTo::NotAsked,
                "Nobody asks: that is this policy. A copy of the token works until its time is over.",
            ),
            (Some(Ok(true)), Check::Blacklist) => (
                CameTo::Failed,
                "It was: the token or its session is on the blacklist. Everything before this is still as good as ever.",
            ),
            (Some(Ok(true)), Check::Session) => {
                (CameTo::Failed, "It was: the database says that the session is closed.")
            }
            (Some(Ok(false)), Check::Blacklist) => (
                CameTo::Passed,
                "Neither the token nor its session is on the blacklist, which is kept in memory.",
            ),
            (Some(Ok(false)), Check::Session) => (CameTo::Passed, "The database was asked: the session is open."),
        };
        Row {
            question: "Was it taken back?",
            came_to,
            found: found.to_owned(),
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
    match check {
        TokenCheck::Size => "Is it short enough to be looked at?",
        TokenCheck::Shape => "Are there three parts?",
        TokenCheck::Header => "Can the header be read?",
        TokenCheck::Parameters => "Is the header free of tricks?",
        TokenCheck::Type => "Is it an access token?",
        TokenCheck::Key => "Do we know the key?",
        TokenCheck::Algorithm => "Is the algorithm the key’s?",
        TokenCheck::Signature => "Does the signature fit?",
        TokenCheck::Claims => "Are the claims all there?",
        TokenCheck::Issuer => "Is it from us?",
        TokenCheck::Audience => "Is it for us?",
        TokenCheck::Start => "Has its time begun?",
        TokenCheck::Expiry => "Is its time not over?",
        TokenCheck::Lifetime => "Is its life no longer than is allowed?",
        _ => "One more check",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_check_of_the_verifier_has_a_question_of_its_own() {
        let questions: BTreeSet<_> = TokenCheck::ALL.into_iter().map(question).collect();
        assert_eq!(questions.len(), TokenCheck::ALL.len());
        assert!(!questions.contains("One more check"), "a new check wants words");
    }

    #[test]
    fn the_first_check_that_fails_decides_and_a_question_without_an_answer_accepts_nothing() {
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
