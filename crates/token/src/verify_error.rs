//! Why a token is not accepted.

use crate::{AccessClaims, MAX_TOKEN_BYTES};

/// Why a token is not accepted: one reason, the first that was found. Neither holds nor prints the token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// Longer than [`MAX_TOKEN_BYTES`].
    #[error("the token is longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    /// Not three parts of base64url with JSON objects in the first two.
    #[error("not a signed JWT in compact form")]
    Malformed,
    /// A duplicate member in the header or the claims: readers could disagree on which one counts.
    #[error("a member stands twice in the header or the claims")]
    DuplicateMember,
    /// A header parameter that no token of ours has.
    #[error("the header parameter `{0}` is not accepted")]
    RefusedParameter(&'static str),
    /// `typ` is not the expected one: `at+jwt`, or `secevent+jwt` for a security event. It may be an ID token, which does
    /// not authorize API calls.
    #[error("the token is of another type")]
    WrongType,
    /// No `kid`.
    #[error("the token names no key")]
    MissingKeyId,
    /// A `kid` that is not in the ring: invented, or retired.
    #[error("the token names a key that is not in use")]
    UnknownKey,
    /// `alg` is not the algorithm of the key that `kid` names; `none` is one such.
    #[error("the token's algorithm is not its key's")]
    WrongAlgorithm,
    /// The signature is not the key's over these bytes.
    #[error("the signature does not match")]
    BadSignature,
    /// A claim that every token of ours has is missing.
    #[error("the claim `{0}` is missing")]
    MissingClaim(&'static str),
    /// A claim of the wrong kind: a list for a string, a fraction for whole seconds.
    #[error("the claim `{0}` is not of the expected kind")]
    MalformedClaim(&'static str),
    /// Signed for another issuer.
    #[error("the token is another issuer's")]
    WrongIssuer,
    /// Meant for another API.
    #[error("the token is for another audience")]
    WrongAudience,
    /// `iat` or `nbf` lies further in the future than clocks may differ.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// Genuine and for us, but expired. The claims identify its owner.
    #[error("the token has expired")]
    Expired(Box<AccessClaims>),
    /// `exp` is further from `iat` than the limit allows.
    #[error("the token's lifetime is longer than is accepted")]
    LivesTooLong,
}
