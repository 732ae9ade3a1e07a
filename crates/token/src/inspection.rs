//! The checks of a token by name, for those who want to see how far one got.
//!
//! A verifier that says "no" has told a server all that it needs, and a learner nothing: which checks were passed, which one
//! refused, which were never reached? So the [`Verifier`](crate::Verifier) names each check as it begins it, and an
//! [`Inspection`] is what was written down meanwhile. Rejected: a second function that makes the same checks for show. The
//! first change that forgets it would have the page teach what the server does not do.

use crate::{AccessClaims, VerifyError};

/// One check of a [`Verifier`](crate::Verifier).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenCheck {
    /// Is it short enough to be looked at?
    Size,
    /// Are there three parts?
    Shape,
    /// Is the header an object of JSON in base64url, and names no member twice?
    Header,
    /// Does the header ask for nothing that is refused outright?
    Parameters,
    /// Does it say that it is an access token?
    Type,
    /// Does it name a key of the ring?
    Key,
    /// Is its algorithm that key's?
    Algorithm,
    /// Has that key signed these very bytes?
    Signature,
    /// Are the claims there, each of its kind and once?
    Claims,
    /// Is it from the issuer that is expected?
    Issuer,
    /// Is it for this audience?
    Audience,
    /// Has its time begun?
    Start,
    /// Is its time not over?
    Expiry,
    /// Is its life no longer than any token's may be?
    Lifetime,
}

impl TokenCheck {
    /// All of them, in the order in which a [`Verifier`](crate::Verifier) makes them.
    pub const ALL: [Self; 14] = [
        Self::Size,
        Self::Shape,
        Self::Header,
        Self::Parameters,
        Self::Type,
        Self::Key,
        Self::Algorithm,
        Self::Signature,
        Self::Claims,
        Self::Issuer,
        Self::Audience,
        Self::Start,
        Self::Expiry,
        Self::Lifetime,
    ];
}

/// What one check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing stood against the token.
    Passed,
    /// The token was refused here.
    Failed,
    /// It had been refused before.
    NotReached,
}

/// How far a token got, and what came of it. It holds no token.
#[derive(Clone, Debug)]
pub struct Inspection {
    reached: Vec<TokenCheck>,
    outcome: Result<AccessClaims, VerifyError>,
}

impl Inspection {
    /// `reached`: the checks that were begun, in their order.
    pub(crate) fn new(reached: Vec<TokenCheck>, outcome: Result<AccessClaims, VerifyError>) -> Self {
        Self { reached, outcome }
    }

    /// What [`Verifier::verify`](crate::Verifier::verify) says of the same token at the same time.
    ///
    /// # Errors
    /// The reason of [`refused_by`](Self::refused_by).
    pub fn outcome(&self) -> Result<&AccessClaims, &VerifyError> {
        self.outcome.as_ref()
    }

    /// The check that refused the token: the last that was begun.
    pub fn refused_by(&self) -> Option<TokenCheck> {
        match self.outcome {
            Ok(_) => None,
            Err(_) => self.reached.last().copied(),
        }
    }

    /// Each check with what it came to: those that were made, in the order in which they were, and then the others.
    pub fn checks(&self) -> impl Iterator<Item = (TokenCheck, Verdict)> {
        let refused_by = self.refused_by();
        let made = self.reached.iter().map(move |check| {
            let refused = Some(*check) == refused_by;
            (*check, if refused { Verdict::Failed } else { Verdict::Passed })
        });
        let others = TokenCheck::ALL
            .into_iter()
            .filter(|check| !self.reached.contains(check))
            .map(|check| (check, Verdict::NotReached));
        made.chain(others)
    }
}
