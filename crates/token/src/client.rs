//! OAuth clients that authenticate with a secret (RFC 6749, section 2.3.1), and what the server keeps of them.
//!
//! A client secret is 256 random bits. Nobody guesses it, so a server stores its plain SHA-256: the slow hash that
//! passwords need would only slow down each request of the client.

use std::{
    fmt::{self, Display},
    str::FromStr,
};

use aws_lc_rs::digest::{SHA256, digest};
use rand_core::CryptoRng;
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use crate::{ClientId, ClientSecret, jws};

/// The SHA-256 of a secret or a token: for a map or a list that must not hold the secret itself.
pub fn sha256(secret: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
    hash
}

impl ClientSecret {
    /// A new secret: 32 random bytes in base64url.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill_bytes(bytes.as_mut_slice());
        jws::encode(bytes.as_slice()).into()
    }
}

/// A client as the server knows it: its id and the SHA-256 of its secret. The text form is `id:sha256:<hex>`.
#[derive(Clone, derive_more::Debug)]
#[debug("RegisteredClient({id}, [redacted])")]
pub struct RegisteredClient {
    id: ClientId,
    secret: [u8; 32],
}

/// This cannot be a registered client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidClient {
    /// The text has another form.
    #[error(
        "must be id:sha256:<64 hexadecimal digits>, where the id has 1 to {} letters, digits, `-`, `.`, `_` and `~`",
        RegisteredClient::MAX_ID_BYTES
    )]
    Text,
    /// The id is too long, or has other characters than those that are the same in every encoding.
    #[error(
        "the id of an OAuth client must have 1 to {} letters, digits, `-`, `.`, `_` and `~`",
        RegisteredClient::MAX_ID_BYTES
    )]
    Id,
    /// The secret could be guessed (RFC 6749, section 10.10).
    #[error(
        "the secret of an OAuth client must have at least {} bytes: make one with `ClientSecret::generate`",
        RegisteredClient::MIN_SECRET_BYTES
    )]
    Secret,
}

impl RegisteredClient {
    /// The longest id, in bytes.
    pub const MAX_ID_BYTES: usize = 64;
    /// The shortest secret, in bytes: 128 bits, if each is random.
    pub const MIN_SECRET_BYTES: usize = 16;

    /// A client with this secret.
    ///
    /// # Errors
    /// [`InvalidClient::Id`] and [`InvalidClient::Secret`].
    pub fn new(id: &str, secret: &ClientSecret) -> Result<Self, InvalidClient> {
        let id = parse_id(id).ok_or(InvalidClient::Id)?;
        if secret.expose_secret().len() < Self::MIN_SECRET_BYTES {
            return Err(InvalidClient::Secret);
        }
        Ok(Self {
            id,
            secret: sha256(secret.expose_secret()),
        })
    }

    /// Its id.
    pub fn id(&self) -> &ClientId {
        &self.id
    }

    /// The client with this id and this secret. An id may have several secrets, while one replaces the other.
    ///
    /// It compares hashes, and all of them: the time reveals neither how much of a secret was right nor whether the id is
    /// known.
    pub fn find<'a>(clients: &'a [Self], id: &str, secret: &str) -> Option<&'a Self> {
        let (id, secret) = (sha256(id), sha256(secret));
        let fits = |client: &Self| -> Choice { sha256(client.id.as_str()).ct_eq(&id) & client.secret.ct_eq(&secret) };
        clients.iter().fold(
            None,
            |found, client| if fits(client).into() { Some(client) } else { found },
        )
    }
}

fn parse_id(id: &str) -> Option<ClientId> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let fits = (1..=RegisteredClient::MAX_ID_BYTES).contains(&id.len()) && id.bytes().all(is_plain);
    fits.then(|| ClientId::new(id))
}

impl FromStr for RegisteredClient {
    type Err = InvalidClient;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (id, hash) = text.split_once(":sha256:").ok_or(InvalidClient::Text)?;
        let digits: Option<Vec<_>> = hash.chars().map(|digit| digit.to_digit(16)).collect();
        let digits: [u32; 64] = digits.and_then(|all| all.try_into().ok()).ok_or(InvalidClient::Text)?;
        let mut secret = [0; 32];
        for (byte, pair) in secret.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = u8::try_from(pair[0] * 16 + pair[1]).map_err(|_| InvalidClient::Text)?;
        }
        Ok(Self {
            id: parse_id(id).ok_or(InvalidClient::Text)?,
            secret,
        })
    }
}

impl Display for RegisteredClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:sha256:", self.id)?;
        self.secret.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
