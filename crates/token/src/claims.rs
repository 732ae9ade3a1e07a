//! What an access token says.

use jiff::{Timestamp, fmt::serde::timestamp::second::required as whole_seconds};
use serde::Serialize;

use crate::{ClientId, SessionId, TokenId, UserId};

/// The claims of an access token (RFC 9068 section 2.2), plus `sid`, the session it belongs to.
///
/// It serializes to the wire form, for pages that show it, but can't be deserialized: claims are either about to be
/// signed or came out of a [`Verifier`](crate::Verifier). To look into a token without checking it there
/// is [`TokenParts`](crate::TokenParts), which yields plain JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccessClaims {
    /// `iss`: the public URL of whoever signed it.
    #[serde(rename = "iss")]
    pub issuer: String,
    /// `aud`: the API it is for. One, and written as a string.
    #[serde(rename = "aud")]
    pub audience: String,
    /// `sub`: the user.
    #[serde(rename = "sub")]
    pub subject: UserId,
    /// `client_id`: the program that acts for the user.
    pub client_id: ClientId,
    /// `iat`: when it was signed. Whole seconds on the wire; the fraction is cut off.
    #[serde(rename = "iat", with = "whole_seconds")]
    pub issued_at: Timestamp,
    /// `exp`: the first instant at which it no longer counts. Whole seconds on the wire; the fraction is cut off,
    /// which never lengthens a life.
    #[serde(rename = "exp", with = "whole_seconds")]
    pub expires_at: Timestamp,
    /// `jti`: the name of this very token, which a blacklist can hold.
    #[serde(rename = "jti")]
    pub token_id: TokenId,
    /// `sid`: the session, which a logout ends.
    #[serde(rename = "sid")]
    pub session_id: SessionId,
}
