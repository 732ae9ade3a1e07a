//! Decides whether a token is ours, for this API, and valid now.
//!
//! The order of the checks matters: shape, header, key, signature, and only then the claims, so that a stranger's text
//! is not interpreted before a key has confirmed it. Each check refuses with an error of its own, and is named as it
//! begins, so that [`Verifier::inspect`] can show how far a token got.
//!
//! `jsonwebtoken::decode` is not used, and not only because of its provider (see `verifying_key.rs`). It is a toolkit
//! for all kinds of tokens: by default it accepts a missing `aud` or `iss`, an `exp` that passed up to a minute ago, an
//! `exp` with a fraction, any `typ`, any `crit`. We know what our tokens look like, because we sign them, and refuse
//! the rest. We do use its forms of keys.
//!
//! This crate does *not* check whether the token was revoked. That needs a store, and this crate has none.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use crate::{
    AccessClaims, ExtraClaims, Inspection, MAX_TOKEN_BYTES, SecurityEventToken, StatusListToken, TokenCheck,
    VerifyError, VerifyingKey, VerifyingKeys,
    jws::{self, Compact, Object, TOKEN_TYPE},
    members::Members,
    security_event::EVENT_TYPE,
    status_list::{LIST_TYPE, MAX_LIST_BYTES},
};

/// How far `iat` and `nbf` may lie in the future at least, because two nodes' clocks always differ a little.
const MIN_CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(5);

/// Header parameters with which a token is refused outright.
///
/// `crit`, `b64` (RFC 7797) and `zip` change how the rest is to be read, `cty` and `enc` announce a token in a token.
/// `jwk`, `jku`, `x5u` and `x5c` offer a key along with the token: a verifier that trusts them accepts any signature.
/// This one would not trust them anyway, because keys are handed in. But their presence is an attack or a mistake.
const REFUSED_PARAMETERS: [&str; 9] = ["crit", "b64", "zip", "cty", "enc", "jwk", "jku", "x5u", "x5c"];

/// The rules for accepting a token. The keys and the time are parameters of each check.
#[derive(Clone, Debug)]
pub struct Verifier {
    issuer: String,
    audience: String,
    leeway: SignedDuration,
    max_lifetime: SignedDuration,
}

impl Verifier {
    /// The longest lifetime of a token unless [`max_lifetime`](Self::max_lifetime) sets another: a day.
    pub const DEFAULT_MAX_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

    /// Accepts tokens of this issuer for this audience, with no leeway.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audience: audience.into(),
            leeway: SignedDuration::ZERO,
            max_lifetime: SignedDuration::MAX,
        }
        .max_lifetime(Self::DEFAULT_MAX_LIFETIME)
    }

    /// How long after its `exp` a token is still accepted, for nodes whose clocks differ. Exactly this long, no hidden
    /// minute.
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = saturating(leeway);
        self
    }

    /// The longest `exp − iat` that is accepted: the policy's lifetime. So when the lifetime is shortened, tokens with
    /// a longer one become invalid. It does not stop the thief of a key, who signs a new token when one expires: for
    /// that the key has to leave the ring.
    #[must_use]
    pub fn max_lifetime(mut self, lifetime: Duration) -> Self {
        self.max_lifetime = saturating(lifetime);
        self
    }

    /// Checks everything but revocation.
    ///
    /// `now` is compared as it is, fractions included: a token expires at the first instant of `exp` + leeway. `iat`
    /// and `nbf` may lie in the future by the leeway, or 5 s if that is more. This never lengthens a token's validity,
    /// as it does not affect `exp`.
    ///
    /// # Errors
    /// The first reason found. [`VerifyError::Expired`] means that everything else about the token is in order, except
    /// perhaps its lifetime, and carries the claims.
    pub fn verify(&self, keys: &VerifyingKeys, token: &str, now: Timestamp) -> Result<AccessClaims, VerifyError> {
        self.check_all(keys, token, now, &mut |_| {})
    }

    /// [`verify`](Self::verify), and how far the token got, for display.
    ///
    /// Not for strangers. Anybody who can see at which check another person's token fails can find out whether it is
    /// genuine.
    pub fn inspect(&self, keys: &VerifyingKeys, token: &str, now: Timestamp) -> Inspection {
        let mut reached = Vec::with_capacity(TokenCheck::ALL.len());
        let outcome = self.check_all(keys, token, now, &mut |check| reached.push(check));
        Inspection::new(reached, outcome)
    }

    /// Calls `begins` with each check before it makes it.
    fn check_all(
        &self,
        keys: &VerifyingKeys,
        token: &str,
        now: Timestamp,
        begins: &mut impl FnMut(TokenCheck),
    ) -> Result<AccessClaims, VerifyError> {
        let Genuine { claims, not_before } = self.check_all_but_times(keys, token, begins)?;
        self.check_times(&claims, not_before, now, begins)?;
        Ok(claims)
    }

    fn check_times(
        &self,
        claims: &AccessClaims,
        not_before: Option<Timestamp>,
        now: Timestamp,
        begins: &mut impl FnMut(TokenCheck),
    ) -> Result<(), VerifyError> {
        begins(TokenCheck::Start);
        let skew = self.leeway.max(MIN_CLOCK_SKEW);
        let starts = [Some(claims.issued_at), not_before];
        if starts
            .into_iter()
            .flatten()
            .any(|start| start.duration_since(now) > skew)
        {
            return Err(VerifyError::NotYetValid);
        }

        begins(TokenCheck::Expiry);
        if now.duration_since(claims.expires_at) >= self.leeway {
            return Err(VerifyError::Expired(Box::new(claims.clone())));
        }
        begins(TokenCheck::Lifetime);
        if claims.expires_at.duration_since(claims.issued_at) > self.max_lifetime {
            return Err(VerifyError::LivesTooLong);
        }
        Ok(())
    }

    /// The first half of [`verify`](Self::verify), which costs a signature: everything but the times. For a cache, which
    /// needs it once for each token.
    ///
    /// # Errors
    /// As [`verify_genuine`](Self::verify_genuine).
    pub fn check_genuine(&self, keys: &VerifyingKeys, token: &str) -> Result<GenuineToken, VerifyError> {
        let Genuine { claims, not_before } = self.check_all_but_times(keys, token, &mut |_| {})?;
        let claims = Arc::new(claims);
        Ok(GenuineToken { claims, not_before })
    }

    /// The second half, which is needed for each use of a token: the times, and also issuer and audience once more.
    ///
    /// # Errors
    /// The first reason found, as [`verify`](Self::verify).
    pub fn check_now(&self, token: &GenuineToken, now: Timestamp) -> Result<(), VerifyError> {
        self.check_owner(&token.claims, &mut |_| {})?;
        self.check_times(&token.claims, token.not_before, now, &mut |_| {})
    }

    /// Checks everything but the times: did we sign this token for ourselves, even if it expired long ago?
    ///
    /// For logging out: an expired token may still end the session that it names, and do nothing else.
    ///
    /// # Errors
    /// The first reason found, never [`VerifyError::Expired`], [`VerifyError::NotYetValid`] or
    /// [`VerifyError::LivesTooLong`].
    pub fn verify_genuine(&self, keys: &VerifyingKeys, token: &str) -> Result<AccessClaims, VerifyError> {
        self.check_all_but_times(keys, token, &mut |_| {})
            .map(|genuine| genuine.claims)
    }

    /// Checks a security event token (RFC 8417) of this issuer: type, key, signature, issuer, and the audience, which is the
    /// receiver of events and not the API. It has no expiry; its `iat` is for the receiver to judge.
    ///
    /// # Errors
    /// The first reason found.
    pub fn verify_security_event(
        &self,
        keys: &VerifyingKeys,
        token: &str,
        audience: &str,
    ) -> Result<SecurityEventToken, VerifyError> {
        let event = decode(signed_part(keys, token, EVENT_TYPE, &mut |_| {})?)?;
        let event = SecurityEventToken::read(Members::read(&event)?)?;
        if event.issuer != self.issuer {
            Err(VerifyError::WrongIssuer)
        } else if event.audience != audience {
            Err(VerifyError::WrongAudience)
        } else {
            Ok(event)
        }
    }

    /// Checks a status list token of this address, which the token that names it has: type, key, signature, address and times.
    /// Its bytes are still compressed. An expired list says nothing.
    ///
    /// # Errors
    /// The first reason found. [`VerifyError::MalformedClaim`] with `exp` if it has expired.
    pub fn verify_status_list(
        &self,
        keys: &VerifyingKeys,
        token: &str,
        uri: &str,
        now: Timestamp,
    ) -> Result<StatusListToken, VerifyError> {
        if token.len() > MAX_LIST_BYTES {
            return Err(VerifyError::TooLong);
        }
        let parts = Compact::split(token).ok_or(VerifyError::Malformed)?;
        let list = decode(signed_parts(keys, parts, LIST_TYPE, &mut |_| {})?)?;
        let list = StatusListToken::read(Members::read(&list)?)?;
        if list.uri != uri {
            Err(VerifyError::MalformedClaim("sub"))
        } else if list.issued_at.duration_since(now) > self.leeway.max(MIN_CLOCK_SKEW) {
            Err(VerifyError::NotYetValid)
        } else if now >= list.expires_at {
            Err(VerifyError::MalformedClaim("exp"))
        } else {
            Ok(list)
        }
    }

    fn check_all_but_times(
        &self,
        keys: &VerifyingKeys,
        token: &str,
        begins: &mut impl FnMut(TokenCheck),
    ) -> Result<Genuine, VerifyError> {
        let claims = signed_part(keys, token, TOKEN_TYPE, begins)?;
        begins(TokenCheck::Claims);
        let genuine = Genuine::read(Members::read(&decode(claims)?)?)?;
        self.check_owner(&genuine.claims, begins)?;
        Ok(genuine)
    }

    fn check_owner(&self, claims: &AccessClaims, begins: &mut impl FnMut(TokenCheck)) -> Result<(), VerifyError> {
        begins(TokenCheck::Issuer);
        if claims.issuer != self.issuer {
            return Err(VerifyError::WrongIssuer);
        }
        begins(TokenCheck::Audience);
        if claims.audience != self.audience {
            return Err(VerifyError::WrongAudience);
        }
        Ok(())
    }
}

/// The claims of a token that one of the keys has signed, for this issuer and audience. **It may have expired**: see
/// [`Verifier::check_now`]. Cheap to clone.
#[derive(Clone, Debug)]
pub struct GenuineToken {
    claims: Arc<AccessClaims>,
    not_before: Option<Timestamp>,
}

impl GenuineToken {
    /// The claims.
    pub fn into_claims(self) -> Arc<AccessClaims> {
        self.claims
    }
}

/// The claims of a token whose header is in order and whose signature is right, not read yet.
fn signed_part<'a>(
    keys: &VerifyingKeys,
    token: &'a str,
    expected: &str,
    begins: &mut impl FnMut(TokenCheck),
) -> Result<&'a str, VerifyError> {
    signed_parts(keys, split(token, begins)?, expected, begins)
}

fn signed_parts<'a>(
    keys: &VerifyingKeys,
    parts: Compact<'a>,
    expected: &str,
    begins: &mut impl FnMut(TokenCheck),
) -> Result<&'a str, VerifyError> {
    // Nearly every header is the one that this key's own tokens have. Such a text need not be read: it passes.
    if expected == TOKEN_TYPE
        && let Some(key) = keys.with_header(parts.header)
    {
        use TokenCheck::{Algorithm, Header, Key, Parameters, Type};
        [Header, Parameters, Type, Key, Algorithm]
            .into_iter()
            .for_each(&mut *begins);
        return parts.signed_by(key, begins);
    }
    let jws = Unverified::read(parts, begins)?;
    begins(TokenCheck::Type);
    if !jws.text("typ").is_some_and(|typ| is_type(typ, expected)) {
        return Err(VerifyError::WrongType);
    }
    begins(TokenCheck::Key);
    let kid = jws.text("kid").ok_or(VerifyError::MissingKeyId)?;
    let key = keys.find(kid).ok_or(VerifyError::UnknownKey)?;
    jws.verified_by(key, begins)
}

/// The payload of a JWS of any type, after the checks of size, shape, header, key and signature that an access token
/// also goes through: for the tests with public vectors, which are no access tokens and often name no key. Without a
/// `kid` the set must have exactly one key.
#[doc(hidden)]
pub fn verify_signature_only(keys: &VerifyingKeys, token: &str) -> Result<Vec<u8>, VerifyError> {
    let jws = Unverified::read(split(token, &mut |_| {})?, &mut |_| {})?;
    let key = match (jws.header.contains_key("kid"), jws.text("kid")) {
        (true, kid) => keys.find(kid.ok_or(VerifyError::MissingKeyId)?),
        _ => keys.iter().next().filter(|_| keys.iter().count() == 1),
    };
    let payload = jws.verified_by(key.ok_or(VerifyError::UnknownKey)?, &mut |_| {})?;
    decode(payload)
}

fn split<'a>(token: &'a str, begins: &mut impl FnMut(TokenCheck)) -> Result<Compact<'a>, VerifyError> {
    begins(TokenCheck::Size);
    if token.len() > MAX_TOKEN_BYTES {
        return Err(VerifyError::TooLong);
    }
    begins(TokenCheck::Shape);
    Compact::split(token).ok_or(VerifyError::Malformed)
}

fn decode(part: &str) -> Result<Vec<u8>, VerifyError> {
    jws::decode(part).ok_or(VerifyError::Malformed)
}

/// A token in compact form whose header was read. Nothing of it is verified yet.
struct Unverified<'a> {
    parts: Compact<'a>,
    header: Map<String, Value>,
}

impl<'a> Unverified<'a> {
    fn read(parts: Compact<'a>, begins: &mut impl FnMut(TokenCheck)) -> Result<Self, VerifyError> {
        begins(TokenCheck::Header);
        let header = Object::decode(parts.header).ok_or(VerifyError::Malformed)?;
        if header.has_duplicate {
            return Err(VerifyError::DuplicateMember);
        }
        let header = header.members;
        begins(TokenCheck::Parameters);
        if let Some(refused) = REFUSED_PARAMETERS.into_iter().find(|name| header.contains_key(*name)) {
            return Err(VerifyError::RefusedParameter(refused));
        }
        Ok(Self { parts, header })
    }

    /// A header parameter, if it is a string.
    fn text(&self, name: &str) -> Option<&str> {
        self.header.get(name).and_then(Value::as_str)
    }

    /// The claims, if this key signed them with its one algorithm.
    fn verified_by(&self, key: &VerifyingKey, begins: &mut impl FnMut(TokenCheck)) -> Result<&'a str, VerifyError> {
        begins(TokenCheck::Algorithm);
        if self.text("alg") != Some(key.algorithm().as_str()) {
            return Err(VerifyError::WrongAlgorithm);
        }
        self.parts.signed_by(key, begins)
    }
}

impl<'a> Compact<'a> {
    /// The claims, if this key signed them.
    fn signed_by(&self, key: &VerifyingKey, begins: &mut impl FnMut(TokenCheck)) -> Result<&'a str, VerifyError> {
        begins(TokenCheck::Signature);
        if !key.verifies(self.signed.as_bytes(), self.signature) {
            return Err(VerifyError::BadSignature);
        }
        Ok(self.claims)
    }
}

/// Media types are compared without regard to case, and `application/` may be left out (RFC 7515 section 4.1.9).
fn is_type(typ: &str, expected: &str) -> bool {
    let (prefix, subtype) = typ.split_once('/').unwrap_or(("application", typ));
    prefix.eq_ignore_ascii_case("application") && subtype.eq_ignore_ascii_case(expected)
}

/// Claims that a key of the ring has signed, for any audience.
struct Genuine {
    claims: AccessClaims,
    /// `nbf`: we never sign one, but it is honoured where it is present.
    not_before: Option<Timestamp>,
}

impl Genuine {
    /// Reads the claims one by one, so that an error can name the claim. Unknown claims are the application's
    /// own (RFC 7519 section 4).
    ///
    /// RFC 7519 lets `aud` be a list. Ours is one string, and a list is refused even if it contains our audience: such
    /// a token would be valid elsewhere too, and we sign no such token.
    fn read(mut members: Members<'_>) -> Result<Self, VerifyError> {
        let not_before = members.instant_if_any("nbf")?;
        let claims = AccessClaims {
            issuer: members.claim("iss")?,
            audience: members.claim("aud")?,
            subject: members.claim("sub")?,
            client_id: members.claim("client_id")?,
            issued_at: members.instant("iat")?,
            expires_at: members.instant("exp")?,
            token_id: members.claim("jti")?,
            session_id: members.claim("sid")?,
            auth_time: members.instant_if_any("auth_time")?,
            extra: ExtraClaims::of_token(members.others()),
        };
        Ok(Self { claims, not_before })
    }
}

/// A duration beyond 292 billion years counts as that long.
fn saturating(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}
