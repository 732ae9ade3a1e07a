//! Typed ids: user, session, token, client.
//!
//! Each is a type of its own, so that a session can't be closed by its user's id. A user's id is the application's own
//! text. Sessions get UUIDv7, so that rows made one after another are neighbours in an index. A token's id is a random UUIDv4: no index needs its
//! age, and two tokens of one second, for one session, must differ, because revoking one of them must not revoke the
//! other.

use std::{str::FromStr, sync::Arc};

use derive_more::{Display, From, FromStr};
use jiff::Timestamp;
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use uuid::Uuid;
use zeroize::Zeroizing;

macro_rules! uuid_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Display, FromStr, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps an id that was stored or received.
            pub const fn from_uuid(id: Uuid) -> Self {
                Self(id)
            }

            /// The bare id, for a database or a wire format.
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }
        }
    };
}

uuid_newtype! {
    /// One login on one device: the `sid` of a token, and what a logout ends.
    SessionId
}

uuid_newtype! {
    /// One access token: its `jti`.
    TokenId
}

/// A user: the `sub` of a token. The application's own id: a number, a UUID, any text of at most
/// [`UserId::MAX_BYTES`] without control characters. Cheap to clone.
#[derive(Clone, Debug, Display, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserId(Arc<str>);

/// The text is not a valid user id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a user id must be 1 to {} bytes long and have no control characters",
    UserId::MAX_BYTES
)]
pub struct InvalidUserId;

impl UserId {
    /// The longest id, in bytes. OpenID Connect Core 1.0, section 2, has the same limit for `sub`.
    pub const MAX_BYTES: usize = 255;

    /// An id as the application stores it. Compared byte by byte: `A` and `a` are two users.
    ///
    /// # Errors
    /// [`InvalidUserId`] if it is empty, too long, or has control characters.
    pub fn new(id: impl AsRef<str>) -> Result<Self, InvalidUserId> {
        let id = id.as_ref();
        if (1..=Self::MAX_BYTES).contains(&id.len()) && !id.chars().any(char::is_control) {
            Ok(Self(id.into()))
        } else {
            Err(InvalidUserId)
        }
    }

    /// A new UUIDv7, ordered by `now`: for an application that leaves the choice of ids to this crate.
    pub fn generate(now: Timestamp, rng: &mut dyn CryptoRng) -> Self {
        time_ordered(now, rng).into()
    }

    /// The id as it stands in a token.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as a number, if it is one as [`From<i64>`] writes it.
    pub fn as_i64(&self) -> Option<i64> {
        let number: i64 = self.0.parse().ok()?;
        (number.to_string() == *self.0).then_some(number)
    }
}

impl FromStr for UserId {
    type Err = InvalidUserId;

    fn from_str(id: &str) -> Result<Self, Self::Err> {
        Self::new(id)
    }
}

impl TryFrom<String> for UserId {
    type Error = InvalidUserId;

    fn try_from(id: String) -> Result<Self, Self::Error> {
        Self::new(id)
    }
}

impl From<UserId> for String {
    fn from(id: UserId) -> Self {
        id.as_str().to_owned()
    }
}

impl From<Uuid> for UserId {
    fn from(id: Uuid) -> Self {
        Self(id.to_string().into())
    }
}

impl From<i64> for UserId {
    fn from(id: i64) -> Self {
        Self(id.to_string().into())
    }
}

impl SessionId {
    /// A new id, ordered by `now`.
    pub fn new(now: Timestamp, rng: &mut dyn CryptoRng) -> Self {
        Self(time_ordered(now, rng))
    }
}

impl TokenId {
    /// A new id that does not depend on the time.
    pub fn random(rng: &mut dyn CryptoRng) -> Self {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }
}

/// UUIDv7, RFC 9562 section 5.7. An instant before 1970 counts as 1970: the id stays unique, only its order is lost.
fn time_ordered(now: Timestamp, rng: &mut dyn CryptoRng) -> Uuid {
    let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
    let mut random = [0; 10];
    rng.fill_bytes(&mut random);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

/// The program that acts for a user: `client_id` of RFC 9068.
#[derive(Clone, Debug, Display, FromStr, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientId(String);

impl ClientId {
    /// Names a client.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The client of a login that named none: the program's own pages and API.
    pub fn first_party() -> Self {
        Self::new("rescind")
    }

    /// The name as it stands in a token.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How many times a session's refresh token has been rotated, from 0.
#[derive(Clone, Copy, Debug, Display, From, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(u32);

impl Generation {
    /// The refresh token that a login hands out.
    pub const FIRST: Self = Self(0);

    /// The bare number, for a database or a page.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The successor; `None` after 2³² − 1 rotations, where wrapping round would make an old token current again.
    pub const fn next(self) -> Option<Self> {
        match self.0.checked_add(1) {
            Some(next) => Some(Self(next)),
            None => None,
        }
    }
}

/// The random part of a session that its refresh tokens depend on.
///
/// It is stored in the session's row only, so that the server's refresh key alone makes no refresh token. It is printed
/// as redacted, compared in constant time and wiped when dropped.
#[derive(Clone, derive_more::Debug)]
#[debug("Salt([redacted])")]
pub struct Salt(Zeroizing<[u8; 32]>);

impl Salt {
    /// A new salt, for a session that is being opened.
    pub fn random(rng: &mut dyn CryptoRng) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill_bytes(bytes.as_mut_slice());
        Self(bytes)
    }

    /// A stored salt.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for Salt {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(other.0.as_slice()).into()
    }
}

impl Eq for Salt {}
