//! Security event tokens: the signed message that a session or a token was revoked.
//!
//! Their form is RFC 8417, with the events of OpenID CAEP 1.0 (`session-revoked`) and of the Shared Signals Framework
//! (`verification`). A session is named by a complex subject with the session and its user; a single access token by the
//! framework's `jwt_id`, since CAEP has no event of its own for it.
//!
//! One claim is our own: `rescind` says which place of the revocation log the event stands at. Without it a receiver could
//! not notice a lost event.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{SessionId, TokenId, UserId, VerifyError, members::Members};

/// The media type in the header (RFC 8417 section 2.3). So no event passes for an access token, and the other way round.
pub(crate) const EVENT_TYPE: &str = "secevent+jwt";

const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
const VERIFICATION: &str = "https://schemas.openid.net/secevent/ssf/event-type/verification";

/// The claims of a security event token with one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityEventToken {
    /// `iss`: the issuer's public URL.
    pub issuer: String,
    /// `aud`: the receiver. One, and written as a string.
    pub audience: String,
    /// `jti`: the id of the event. A repeated delivery has the same one.
    pub id: String,
    /// `iat`: an instant before the log was read for this delivery. Whole seconds on the wire; the fraction is cut off.
    pub issued_at: Timestamp,
    /// `rescind`: the place in the revocation log.
    pub log: LogMark,
    /// `events`, with `sub_id`.
    pub event: SecurityEvent,
}

/// Where a stream of events is in the revocation log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogMark {
    /// The identity of the log.
    #[serde(rename = "log")]
    pub id: Uuid,
    /// The position of the revocation; of a verification, the position up to which all were delivered.
    pub position: u64,
    /// The last position of the log, when it was read. At that position the receiver has everything.
    pub head: u64,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecurityEvent {
    /// A session or a token was revoked.
    SessionRevoked(SessionRevoked),
    /// Nothing: the stream works, and is at the end of the log.
    Verification,
    /// An event of another type.
    Other,
}

/// A revocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRevoked {
    /// What was revoked.
    pub subject: RevokedSubject,
    /// When. Whole seconds on the wire.
    pub at: Timestamp,
    /// From when on no token that it covers can be valid. Whole seconds on the wire, rounded up.
    pub until: Timestamp,
}

/// What was revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevokedSubject {
    /// A session of this user, by the `sid` of its tokens.
    Session(SessionId, UserId),
    /// One access token, by its `jti`.
    Token(TokenId),
}

/// The members of a simple subject, and those of a complex one that we use (RFC 9493 section 3).
#[derive(Deserialize)]
struct Subject {
    format: String,
    jti: Option<TokenId>,
    session: Option<Opaque>,
    user: Option<IssSub>,
}

#[derive(Deserialize)]
struct Opaque {
    id: SessionId,
}

#[derive(Deserialize)]
struct IssSub {
    sub: UserId,
}

#[derive(Deserialize)]
struct RevokedDetails {
    event_timestamp: i64,
}

impl SecurityEventToken {
    /// An event for this receiver. Its id is its place in the log, so a repeated delivery has the same one.
    pub fn new(
        issuer: impl Into<String>,
        audience: impl Into<String>,
        issued_at: Timestamp,
        log: LogMark,
        event: SecurityEvent,
    ) -> Self {
        let place = format!("{}.{}", log.id, log.position);
        Self {
            issuer: issuer.into(),
            audience: audience.into(),
            id: match event {
                SecurityEvent::Verification => format!("{place}.{}", issued_at.as_millisecond()),
                _ => place,
            },
            issued_at,
            log,
            event,
        }
    }

    pub(crate) fn to_claims(&self) -> Value {
        let mut claims = json!({
            "iss": self.issuer,
            "aud": self.audience,
            "jti": self.id,
            "iat": self.issued_at.as_second(),
            "rescind": self.log,
        });
        match &self.event {
            SecurityEvent::SessionRevoked(revoked) => {
                claims["sub_id"] = match &revoked.subject {
                    RevokedSubject::Session(session, user) => json!({
                        "format": "complex",
                        "session": {"format": "opaque", "id": session},
                        "user": {"format": "iss_sub", "iss": self.issuer, "sub": user},
                    }),
                    RevokedSubject::Token(token) => json!({"format": "jwt_id", "iss": self.issuer, "jti": token}),
                };
                claims["events"] = json!({SESSION_REVOKED: {"event_timestamp": revoked.at.as_second()}});
                claims["rescind"]["until"] = json!(rounded_up(revoked.until));
            }
            SecurityEvent::Verification => {
                // The framework's subject of a verification is its stream. There is one for each audience.
                claims["sub_id"] = json!({"format": "opaque", "id": self.audience});
                claims["events"] = json!({VERIFICATION: {}});
            }
            SecurityEvent::Other => claims["events"] = json!({}),
        }
        claims
    }

    pub(crate) fn read(mut members: Members<'_>) -> Result<Self, VerifyError> {
        let mut log: Map<String, Value> = members.claim("rescind")?;
        let until = log.remove("until").map(|until| {
            let seconds = until.as_i64().and_then(|seconds| Timestamp::from_second(seconds).ok());
            seconds.ok_or(VerifyError::MalformedClaim("until"))
        });
        let until = until.transpose()?;
        let events: Map<String, Value> = members.claim("events")?;
        let event = match events.get(SESSION_REVOKED) {
            Some(details) => {
                let malformed = VerifyError::MalformedClaim;
                let details = RevokedDetails::deserialize(details).map_err(|_| malformed("events"))?;
                SecurityEvent::SessionRevoked(SessionRevoked {
                    subject: subject(members.claim("sub_id")?)?,
                    at: Timestamp::from_second(details.event_timestamp).map_err(|_| malformed("events"))?,
                    until: until.ok_or(malformed("rescind"))?,
                })
            }
            None if events.contains_key(VERIFICATION) => SecurityEvent::Verification,
            None => SecurityEvent::Other,
        };
        Ok(Self {
            issuer: members.claim("iss")?,
            audience: members.claim("aud")?,
            id: members.claim("jti")?,
            issued_at: members.instant("iat")?,
            log: serde_json::from_value(log.into()).map_err(|_| VerifyError::MalformedClaim("rescind"))?,
            event,
        })
    }
}

fn subject(subject: Subject) -> Result<RevokedSubject, VerifyError> {
    match (subject.format.as_str(), subject.session, subject.user, subject.jti) {
        ("complex", Some(session), Some(user), _) => Ok(RevokedSubject::Session(session.id, user.sub)),
        ("jwt_id", _, _, Some(token)) => Ok(RevokedSubject::Token(token)),
        _ => Err(VerifyError::MalformedClaim("sub_id")),
    }
}

fn rounded_up(time: Timestamp) -> i64 {
    time.as_second().saturating_add(i64::from(time.subsec_nanosecond() > 0))
}
