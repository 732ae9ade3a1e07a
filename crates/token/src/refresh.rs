//! The refresh token: the server can check it without having stored it.
//!
//! `rrt_` + base64url(session id 16 B ‖ generation u32 big-endian ‖ tag 32 B), where the tag is
//! HMAC-SHA-256(refresh key, "rescind refresh v1" ‖ session id ‖ generation ‖ the session's salt).
//!
//! The usual way is a random string and its hash in a table. Such a table grows by a row for each refresh, or it
//! forgets which old tokens were once genuine. Then a thief with an old token looks like a stranger with an invented
//! one, and the theft goes unnoticed. The tag answers "did we issue this?" for every generation, from one row per
//! session. Making a token takes two things: the key, which is not in the database, and the salt, which is only in the
//! database. So neither a stolen database nor a stolen key alone can make one.
//!
//! A token goes through types: text → [`PresentedRefreshToken`] (well formed, says which session to load) →
//! [`GenuineRefreshToken`] (we issued it). Only the last one may change anything. The session decides whether its
//! generation is the current one.

use aws_lc_rs::hmac;
use rand_core::CryptoRng;
use secrecy::SecretString;
use subtle::{Choice, ConstantTimeEq};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{Generation, KeyError, RefreshToken, Salt, SessionId, jws};

/// What a refresh token begins with, so that scanners for leaked secrets can know it.
const PREFIX: &str = "rrt_";
/// Separates these tags from any other use of the same key, now or later.
const LABEL: &[u8] = b"rescind refresh v1";
/// The same for texts that are [sealed](RefreshKeys::seal). No label is the beginning of another.
const SEAL_LABEL: &[u8] = b"rescind seal v1";
/// The same for a key's [public id](RefreshKey::id).
const ID_LABEL: &[u8] = b"rescind refresh key id v1";
const TAG_BYTES: usize = 32;
const BODY_BYTES: usize = 16 + 4 + TAG_BYTES;
/// 52 bytes in base64url without padding.
const BODY_CHARS: usize = (BODY_BYTES * 4).div_ceil(3);
/// The most keys that are tried for one token. The limit bounds the work that a stranger's guess can cause.
const MOST_KEYS: usize = 4;

/// Why a refresh token is not accepted. Neither holds nor prints the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RefreshTokenError {
    /// Not `rrt_` and 52 bytes in the one canonical spelling of base64url.
    #[error("not a refresh token")]
    Malformed,
    /// Well formed, but the tag is none of ours for this session.
    #[error("the refresh token was not issued here")]
    Forged,
}

/// A key that refresh tokens are made with: 32 random bytes, printed as redacted, wiped when dropped.
#[derive(Clone, derive_more::Debug)]
#[debug("RefreshKey([redacted])")]
pub struct RefreshKey(Zeroizing<[u8; 32]>);

impl RefreshKey {
    /// A new key.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill_bytes(bytes.as_mut_slice());
        Self(bytes)
    }

    /// Reads a key as [`to_base64url`](Self::to_base64url) wrote it.
    ///
    /// # Errors
    /// [`KeyError::RefreshKey`] unless it is exactly 32 bytes in base64url without padding.
    pub fn from_base64url(text: &str) -> Result<Self, KeyError> {
        let bytes = Zeroizing::new(jws::decode(text).ok_or(KeyError::RefreshKey)?);
        let bytes = bytes.as_slice().try_into().map_err(|_| KeyError::RefreshKey)?;
        Ok(Self(Zeroizing::new(bytes)))
    }

    /// The key as text, for a file that only its owner can read.
    pub fn to_base64url(&self) -> SecretString {
        jws::encode(self.as_bytes()).into()
    }

    /// A public name of the key, to list it by. It reveals nothing about the key.
    pub fn id(&self) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.as_bytes());
        jws::encode(hmac::sign(&key, ID_LABEL).as_ref())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    // ANCHOR: tag
    fn tag(&self, session: SessionId, generation: Generation, salt: &Salt) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, self.as_bytes()));
        // Every part has a fixed length, so that no two inputs run together to the same bytes.
        context.update(LABEL);
        context.update(session.as_uuid().as_bytes());
        context.update(&generation.get().to_be_bytes());
        context.update(salt.as_bytes());
        context.sign()
    }
    // ANCHOR_END: tag

    fn seal_tag(&self, text: &str) -> hmac::Tag {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.as_bytes());
        hmac::sign(&key, &[SEAL_LABEL, text.as_bytes()].concat())
    }
}

/// The refresh keys of a service: the first issues, all are tried.
///
/// An older key stays until the last refresh token made with it has expired.
#[derive(Clone, Debug)]
pub struct RefreshKeys {
    active: RefreshKey,
    older: Vec<RefreshKey>,
}

impl RefreshKeys {
    /// The most keys of a ring.
    pub const MOST: usize = MOST_KEYS;

    /// A ring of the key that issues and of older ones.
    ///
    /// # Errors
    /// [`KeyError::TooManyRefreshKeys`] if there are more than four in all.
    pub fn new(active: RefreshKey, older: Vec<RefreshKey>) -> Result<Self, KeyError> {
        let given = older.len() + 1;
        if given > MOST_KEYS {
            return Err(KeyError::TooManyRefreshKeys { given, most: MOST_KEYS });
        }
        Ok(Self { active, older })
    }

    // ANCHOR: issue
    /// The refresh token of one generation of one session: always the same text, so that it can be answered twice
    /// within the grace without having been stored.
    pub fn issue(&self, session: SessionId, generation: Generation, salt: &Salt) -> RefreshToken {
        let mut body = Zeroizing::new(Vec::with_capacity(BODY_BYTES));
        body.extend_from_slice(session.as_uuid().as_bytes());
        body.extend_from_slice(&generation.get().to_be_bytes());
        body.extend_from_slice(self.active.tag(session, generation, salt).as_ref());
        format!("{PREFIX}{}", *Zeroizing::new(jws::encode(&body))).into()
    }
    // ANCHOR_END: issue

    /// A text with a tag after it, for a client to return later: readable, but only this service can make one.
    pub fn seal(&self, text: &str) -> String {
        format!("{text}.{}", jws::encode(self.active.seal_tag(text).as_ref()))
    }

    /// The text, if this service [sealed](Self::seal) it.
    pub fn unseal<'a>(&self, sealed: &'a str) -> Option<&'a str> {
        let (text, tag) = sealed.rsplit_once('.')?;
        let tag = jws::decode(tag)?;
        let genuine = self.all().fold(Choice::from(0), |found, key| {
            found | key.seal_tag(text).as_ref().ct_eq(tag.as_slice())
        });
        bool::from(genuine).then_some(text)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &RefreshKey> {
        std::iter::once(&self.active).chain(&self.older)
    }
}

/// A well-formed refresh token that is not verified yet.
#[derive(derive_more::Debug)]
pub struct PresentedRefreshToken {
    session_id: SessionId,
    generation: Generation,
    #[debug("{:?}", "[redacted]")]
    tag: [u8; TAG_BYTES],
}

impl PresentedRefreshToken {
    /// Reads the shape only.
    ///
    /// # Errors
    /// [`RefreshTokenError::Malformed`] for everything but the canonical spelling.
    pub fn parse(text: &str) -> Result<Self, RefreshTokenError> {
        let malformed = RefreshTokenError::Malformed;
        // The length first: a megabyte that is no token is not worth decoding.
        let body = text
            .strip_prefix(PREFIX)
            .filter(|body| body.len() == BODY_CHARS)
            .ok_or(malformed)?;
        let body = Zeroizing::new(jws::decode(body).ok_or(malformed)?);
        let (session, rest) = body.split_first_chunk::<16>().ok_or(malformed)?;
        let (generation, tag) = rest.split_first_chunk::<4>().ok_or(malformed)?;
        Ok(Self {
            session_id: SessionId::from_uuid(Uuid::from_bytes(*session)),
            generation: u32::from_be_bytes(*generation).into(),
            tag: tag.try_into().map_err(|_| malformed)?,
        })
    }

    /// The session that the token *claims* to be of. Use it only to load the row with the salt.
    pub fn unverified_session_id(&self) -> SessionId {
        self.session_id
    }

    /// The generation that the token *claims* to be. Use it only to notice that a browser's token has changed.
    pub fn unverified_generation(&self) -> Generation {
        self.generation
    }

    /// Checks the tag. The time that this takes depends on the number of keys, and on no secret.
    ///
    /// # Errors
    /// [`RefreshTokenError::Forged`] if no key of the ring made it for this session, generation and salt.
    pub fn verify(&self, keys: &RefreshKeys, salt: &Salt) -> Result<GenuineRefreshToken, RefreshTokenError> {
        let genuine = keys.all().fold(Choice::from(0), |found, key| {
            found
                | key
                    .tag(self.session_id, self.generation, salt)
                    .as_ref()
                    .ct_eq(&self.tag)
        });
        if genuine.into() {
            Ok(GenuineRefreshToken {
                session_id: self.session_id,
                generation: self.generation,
            })
        } else {
            Err(RefreshTokenError::Forged)
        }
    }
}

/// Proof that this service once issued a refresh token of this session and generation, even if it was rotated long ago.
///
/// Made by [`PresentedRefreshToken::verify`] only: forged input can't reach a function that takes one as a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GenuineRefreshToken {
    session_id: SessionId,
    generation: Generation,
}

impl GenuineRefreshToken {
    /// The session it belongs to.
    pub fn session_id(&self) -> SessionId {
        self.session_id
    }

    /// The generation it was issued as.
    pub fn generation(&self) -> Generation {
        self.generation
    }
}
