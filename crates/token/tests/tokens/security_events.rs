//! Security event tokens: what is signed, and what is refused.

use jiff::Timestamp;
use rescind_token::{
    AccessClaims, Algorithm, ClientId, ExtraClaims, KeyRing, LogMark, RevokedSubject, SecurityEvent,
    SecurityEventToken, SessionId, SessionRevoked, SigningKey, TokenId, TokenParts, UserId, Uuid, Verifier,
    VerifyError,
};
use serde_json::json;

const ISSUER: &str = "https://auth.example";
const AUDIENCE: &str = "https://shop.example/events";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn ring() -> KeyRing {
    KeyRing::new(SigningKey::generate(Algorithm::EdDsa).unwrap())
}

fn verifier() -> Verifier {
    Verifier::new(ISSUER, "api")
}

fn event(event: SecurityEvent) -> SecurityEventToken {
    SecurityEventToken {
        issuer: ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
        id: "7".to_owned(),
        issued_at: at(1_000),
        log: LogMark {
            id: Uuid::from_u128(1),
            position: 7,
            head: 9,
        },
        event,
    }
}

fn revoked(subject: RevokedSubject) -> SecurityEventToken {
    event(SecurityEvent::SessionRevoked(SessionRevoked {
        subject,
        at: at(990),
        until: at(1_600),
    }))
}

fn of_session() -> SecurityEventToken {
    let session = SessionId::from_uuid(Uuid::from_u128(2));
    revoked(RevokedSubject::Session(session, UserId::new("alice").unwrap()))
}

#[test]
fn an_event_is_read_as_it_was_signed() {
    let ring = ring();
    let token = RevokedSubject::Token(TokenId::from_uuid(Uuid::from_u128(3)));
    for event in [of_session(), revoked(token), event(SecurityEvent::Verification)] {
        let signed = ring.sign_security_event(&event).unwrap();
        assert_eq!(
            verifier().verify_security_event(&ring, &signed, AUDIENCE).unwrap(),
            event
        );
    }
}

#[test]
fn a_session_revoked_event_has_the_form_of_caep() {
    let parts = TokenParts::split_without_verifying(&ring().sign_security_event(&of_session()).unwrap()).unwrap();
    assert_eq!(parts.header["typ"], "secevent+jwt");
    assert_eq!(
        parts.claims,
        json!({
            "iss": ISSUER,
            "aud": AUDIENCE,
            "jti": "7",
            "iat": 1_000,
            "sub_id": {
                "format": "complex",
                "session": {"format": "opaque", "id": "00000000-0000-0000-0000-000000000002"},
                "user": {"format": "iss_sub", "iss": ISSUER, "sub": "alice"},
            },
            "events": {
                "https://schemas.openid.net/secevent/caep/event-type/session-revoked": {
                    "event_timestamp": 990,
                },
            },
            "rescind": {"log": "00000000-0000-0000-0000-000000000001", "position": 7, "head": 9, "until": 1_600},
        })
    );
}

#[test]
fn an_event_of_another_issuer_audience_type_or_key_is_refused() {
    let ring = ring();
    let signed = ring.sign_security_event(&of_session()).unwrap();
    let refused = |keys: &KeyRing, verifier: Verifier, event: &str, audience: &str| {
        verifier.verify_security_event(keys, event, audience).unwrap_err()
    };
    assert_eq!(
        refused(&ring, verifier(), &signed, "another"),
        VerifyError::WrongAudience
    );
    let other = Verifier::new("https://other.example", "api");
    assert_eq!(refused(&ring, other, &signed, AUDIENCE), VerifyError::WrongIssuer);
    assert_eq!(
        refused(&self::ring(), verifier(), &signed, AUDIENCE),
        VerifyError::UnknownKey
    );

    let (message, _) = signed.rsplit_once('.').unwrap();
    let other = self::ring().sign_security_event(&of_session()).unwrap();
    let forged = format!("{message}.{}", other.rsplit_once('.').unwrap().1);
    assert_eq!(refused(&ring, verifier(), &forged, AUDIENCE), VerifyError::BadSignature);
}

#[test]
fn an_access_token_is_no_event_and_an_event_is_no_access_token() {
    let ring = ring();
    let claims = AccessClaims {
        issuer: ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
        subject: UserId::new("alice").unwrap(),
        client_id: ClientId::first_party(),
        issued_at: at(1_000),
        expires_at: at(1_300),
        token_id: TokenId::from_uuid(Uuid::from_u128(3)),
        session_id: SessionId::from_uuid(Uuid::from_u128(2)),
        auth_time: None,
        extra: ExtraClaims::new(),
    };
    let token = ring.sign(&claims).unwrap();
    let verifier = Verifier::new(ISSUER, AUDIENCE);
    let as_event = verifier.verify_security_event(&ring, token.expose_secret(), AUDIENCE);
    assert_eq!(as_event.unwrap_err(), VerifyError::WrongType);
    let event = ring.sign_security_event(&of_session()).unwrap();
    assert_eq!(
        verifier.verify(&ring, &event, at(1_000)).unwrap_err(),
        VerifyError::WrongType
    );
}
