//! The claims of an access token.

use jiff::{
    Timestamp,
    fmt::serde::timestamp::second::{optional as optional_seconds, required as whole_seconds},
};
use serde::Serialize;

use crate::{ClientId, ExtraClaims, SessionId, TokenId, UserId};

/// The claims of an access token (RFC 9068 section 2.2), plus `sid`, the session it belongs to.
///
/// It serializes to the wire form, for pages that show it. It can't be deserialized: claims are either about to be
/// signed or came out of a [`Verifier`](crate::Verifier). [`TokenParts`](crate::TokenParts) reads a token without
/// checking it and yields plain JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccessClaims {
    /// `iss`: the issuer's public URL.
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
    /// `exp`: the first instant at which the token is expired. Whole seconds on the wire; the fraction is cut off, so a
    /// token never lasts longer than this.
    #[serde(rename = "exp", with = "whole_seconds")]
    pub expires_at: Timestamp,
    /// `jti`: the id of this token, by which a blacklist can list it.
    #[serde(rename = "jti")]
    pub token_id: TokenId,
    /// `sid`: the session that a logout ends.
    #[serde(rename = "sid")]
    pub session_id: SessionId,
    /// `auth_time`: when the user last proved who they are (RFC 9068 section 2.2.1). Whole seconds on the wire. Absent
    /// from tokens that an older release issued.
    #[serde(skip_serializing_if = "Option::is_none", with = "optional_seconds")]
    pub auth_time: Option<Timestamp>,
    /// The application's own claims.
    #[serde(flatten)]
    pub extra: ExtraClaims,
}
