//! Status lists: one bit for each session, signed, for verifiers that send no question about a single token (Token Status List,
//! draft-ietf-oauth-status-list).
//!
//! The list names no user: a token has a place in it, drawn at random. And a verifier that fetches it does not say which
//! token it has.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{VerifyError, jws, members::Members};

/// The media type in the header (section 5.1).
pub(crate) const LIST_TYPE: &str = "statuslist+jwt";

/// The longest signed list that is read, in bytes: a list that cannot be compressed has half of that.
pub(crate) const MAX_LIST_BYTES: usize = 64 * 1024;

/// `status_list` (section 4.2).
#[derive(Deserialize)]
struct Sent {
    bits: u8,
    lst: String,
}

/// The places of one list, one bit each: 0 is valid, 1 is invalid (section 7.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusList {
    bits: Vec<u8>,
}

impl StatusList {
    /// How many places a list has. Uncompressed it is 16 KiB.
    pub const PLACES: u32 = 1 << 17;

    /// The length of an uncompressed list, in bytes.
    pub const LONGEST: usize = (Self::PLACES / 8) as usize;

    /// A list in which everything is valid.
    pub fn new() -> Self {
        Self {
            bits: vec![0; Self::LONGEST],
        }
    }

    /// Marks a place as invalid. A place beyond the end is ignored.
    pub fn invalidate(&mut self, place: u32) {
        // The first place is the lowest bit of the first byte (section 4.1).
        if let Some(byte) = self.bits.get_mut((place / 8) as usize) {
            *byte |= 1 << (place % 8);
        }
    }

    /// A list from its uncompressed bytes; `None` if it is longer than a list can be.
    pub fn from_bytes(bits: Vec<u8>) -> Option<Self> {
        (bits.len() <= Self::LONGEST).then_some(Self { bits })
    }

    /// Whether a place is marked as invalid; `None` beyond the end of the list.
    pub fn is_invalid(&self, place: u32) -> Option<bool> {
        let byte = self.bits.get((place / 8) as usize)?;
        Some(byte >> (place % 8) & 1 == 1)
    }

    /// The bits. They are sent compressed, by DEFLATE in the ZLIB format (section 4.1).
    pub fn as_bytes(&self) -> &[u8] {
        &self.bits
    }
}

impl Default for StatusList {
    fn default() -> Self {
        Self::new()
    }
}

/// The claims of a status list token (section 5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusListToken {
    /// `sub`: the address of the list, as the tokens name it.
    pub uri: String,
    /// `iat`. Whole seconds on the wire.
    pub issued_at: Timestamp,
    /// `exp`: from when on the list says nothing. Whole seconds on the wire.
    pub expires_at: Timestamp,
    /// `ttl`: after how many seconds a verifier should fetch it again.
    pub ttl: u32,
    /// `lst`: the list, compressed.
    pub compressed: Vec<u8>,
}

impl StatusListToken {
    pub(crate) fn to_claims(&self) -> Value {
        json!({
            "sub": self.uri,
            "iat": self.issued_at.as_second(),
            "exp": self.expires_at.as_second(),
            "ttl": self.ttl,
            "status_list": {"bits": 1, "lst": jws::encode(&self.compressed)},
        })
    }

    pub(crate) fn read(mut members: Members<'_>) -> Result<Self, VerifyError> {
        let list: Sent = members.claim("status_list")?;
        let compressed = Some(list.lst).filter(|_| list.bits == 1);
        let compressed = compressed.and_then(|list| jws::decode(&list));
        Ok(Self {
            uri: members.claim("sub")?,
            issued_at: members.instant("iat")?,
            expires_at: members.instant("exp")?,
            ttl: members.claim("ttl")?,
            compressed: compressed.ok_or(VerifyError::MalformedClaim("status_list"))?,
        })
    }
}
