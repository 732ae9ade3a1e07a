//! The checks of a token by name, to show how far a token got.
//!
//! A verifier's "no" is enough for a server. A learner also needs to see which checks passed, which one refused, and
//! which were never reached. So the [`Verifier`](crate::Verifier) names each check as it begins it, and an
//! [`Inspection`] is the record of that. Rejected: a second function that makes the same checks for display. The first
//! change that forgets it would make the page show what the server does not do.

use strum::{EnumCount, VariantArray};

use crate::{AccessClaims, VerifyError};

/// One check of a [`Verifier`](crate::Verifier).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumCount, VariantArray)]
#[non_exhaustive]
pub enum TokenCheck {
    /// Is it short enough to be decoded?
    Size,
    /// Are there three parts?
    Shape,
    /// Is the header a JSON object in base64url that names no member twice?
    Header,
    /// Is the header free of parameters that are refused outright?
    Parameters,
    /// Is its type "access token"?
    Type,
    /// Does it name a key of the ring?
    Key,
    /// Is its algorithm that key's?
    Algorithm,
    /// Did that key sign exactly these bytes?
    Signature,
    /// Is each claim present, of the right kind, and there only once?
    Claims,
    /// Is it from the expected issuer?
    Issuer,
    /// Is it for this audience?
    Audience,
    /// Is it valid already?
    Start,
    /// Is it not expired?
    Expiry,
    /// Is its lifetime within the limit?
    Lifetime,
}

impl TokenCheck {
    /// All of them, in the order in which a [`Verifier`](crate::Verifier) makes them.
    pub const ALL: [Self; Self::COUNT] = *Self::VARIANTS.first_chunk().unwrap();
}

/// The result of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The check found no fault.
    Passed,
    /// The token was refused here.
    Failed,
    /// An earlier check had refused the token.
    NotReached,
}

/// How far a token got, and the outcome. It holds no token.
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

    /// What [`Verifier::verify`](crate::Verifier::verify) returns for the same token at the same time.
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

    /// Each check with its result: first those that were made, in the order in which they were, then the others.
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
