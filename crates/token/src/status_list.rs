//! Status lists: one bit for each session, signed, for verifiers that send no question about a single token (Token Status List,
//! draft-ietf-oauth-status-list).
//!
//! The list names no user: a token has a place in it, drawn at random. And a verifier that fetches it does not say which
//! token it has.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::jws;

/// The media type in the header (section 5.1).
pub(crate) const LIST_TYPE: &str = "statuslist+jwt";

/// The places of one list, one bit each: 0 is valid, 1 is invalid (section 7.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusList {
    bits: Vec<u8>,
}

impl StatusList {
    /// How many places a list has. Uncompressed it is 16 KiB.
    pub const PLACES: u32 = 1 << 17;

    /// A list in which everything is valid.
    pub fn new() -> Self {
        Self {
            bits: vec![0; (Self::PLACES / 8) as usize],
        }
    }

    /// Marks a place as invalid. A place beyond the end is ignored.
    pub fn invalidate(&mut self, place: u32) {
        // The first place is the lowest bit of the first byte (section 4.1).
        if let Some(byte) = self.bits.get_mut((place / 8) as usize) {
            *byte |= 1 << (place % 8);
        }
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
}
