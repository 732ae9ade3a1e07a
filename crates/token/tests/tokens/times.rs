//! Times, to the second, and where it matters to the nanosecond.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rescind_token::{AccessClaims, KeyRing, Verifier, VerifyError};

use crate::forge::{Forge, at, claims, signed_at, verifier};

const TICK: SignedDuration = SignedDuration::from_nanos(1);

fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

fn token(ring: &KeyRing, claims: &AccessClaims) -> String {
    ring.sign(claims).unwrap().expose_secret().to_owned()
}

fn verify(verifier: &Verifier, claims: &AccessClaims, now: Timestamp) -> Result<AccessClaims, VerifyError> {
    let forge = Forge::new();
    verifier.verify(&forge.ring, &token(&forge.ring, claims), now)
}

#[test]
fn a_token_expires_at_the_first_instant_of_exp() {
    let exp = claims().expires_at;
    assert_eq!(verify(&verifier(), &claims(), exp - TICK), Ok(claims()));
    assert_eq!(
        verify(&verifier(), &claims(), exp),
        Err(VerifyError::Expired(Box::new(claims())))
    );
}

#[test]
fn leeway_is_added_exactly_once() {
    let verifier = verifier().leeway(Duration::from_secs(30));
    let exp = claims().expires_at;
    assert_eq!(verify(&verifier, &claims(), exp + seconds(30) - TICK), Ok(claims()));
    assert_eq!(
        verify(&verifier, &claims(), exp + seconds(30)),
        Err(VerifyError::Expired(Box::new(claims())))
    );
}

#[test]
fn a_token_that_expired_within_the_last_minute_is_refused() {
    let forge = Forge::new();
    let token = token(&forge.ring, &claims());
    for ago in 0..=60 {
        let refusal = verifier()
            .verify(&forge.ring, &token, claims().expires_at + seconds(ago))
            .unwrap_err();
        assert!(matches!(refusal, VerifyError::Expired(_)), "{ago} s ago");
    }
}

#[test]
fn a_token_from_the_future_is_refused_beyond_five_seconds() {
    let iat = signed_at();
    assert_eq!(verify(&verifier(), &claims(), iat - seconds(5)), Ok(claims()));
    assert_eq!(
        verify(&verifier(), &claims(), iat - seconds(5) - TICK),
        Err(VerifyError::NotYetValid)
    );
}

#[test]
fn a_leeway_above_five_seconds_widens_the_tolerance_for_the_future_too() {
    let verifier = verifier().leeway(Duration::from_secs(30));
    let iat = signed_at();
    assert_eq!(verify(&verifier, &claims(), iat - seconds(30)), Ok(claims()));
    assert_eq!(
        verify(&verifier, &claims(), iat - seconds(30) - TICK),
        Err(VerifyError::NotYetValid)
    );
}

#[test]
fn the_tolerance_for_the_future_does_not_delay_expiry() {
    let exp = claims().expires_at;
    let late = AccessClaims {
        issued_at: exp + seconds(4),
        ..claims()
    };
    assert_eq!(verify(&verifier(), &late, exp - TICK), Ok(late.clone()));
    assert_eq!(
        verify(&verifier(), &late, exp),
        Err(VerifyError::Expired(Box::new(late)))
    );
}

#[test]
fn a_not_before_in_the_future_is_refused_beyond_five_seconds() {
    let forge = Forge::new();
    let now = at(1_767_600_060);
    for (nbf, expected) in [
        (1_767_600_065, Ok(claims())),
        (1_767_600_066, Err(VerifyError::NotYetValid)),
        (1_767_600_299, Err(VerifyError::NotYetValid)),
        (0, Ok(claims())),
    ] {
        assert_eq!(
            verifier().verify(&forge.ring, &forge.with_claim("nbf", nbf), now),
            expected,
            "{nbf}"
        );
    }
}

#[test]
fn a_lifetime_above_the_policys_is_refused_at_once() {
    let strict = |lifetime| verifier().max_lifetime(Duration::from_secs(lifetime));
    assert_eq!(verify(&strict(300), &claims(), signed_at()), Ok(claims()));
    assert_eq!(
        verify(&strict(299), &claims(), signed_at()),
        Err(VerifyError::LivesTooLong)
    );
}

#[test]
fn a_lifetime_is_bounded_by_default() {
    let day = AccessClaims {
        expires_at: signed_at() + seconds(86_400),
        ..claims()
    };
    assert_eq!(verify(&verifier(), &day, signed_at()), Ok(day));
    let longer = AccessClaims {
        expires_at: signed_at() + seconds(86_401),
        ..claims()
    };
    assert_eq!(
        verify(&verifier(), &longer, signed_at()),
        Err(VerifyError::LivesTooLong)
    );
}

#[test]
fn verify_genuine_accepts_our_tokens_of_any_age_only() {
    let forge = Forge::new();
    let years = AccessClaims {
        expires_at: signed_at() + seconds(1_000_000_000),
        ..claims()
    };
    for claims in [claims(), years] {
        assert_eq!(
            verifier().verify_genuine(&forge.ring, &token(&forge.ring, &claims)),
            Ok(claims)
        );
    }
    let foreign = Verifier::new("https://other.example", "rescind-api");
    let token = token(&forge.ring, &claims());
    assert_eq!(
        foreign.verify_genuine(&forge.ring, &token),
        Err(VerifyError::WrongIssuer)
    );
    assert_eq!(
        verifier().verify_genuine(&Forge::new().ring, &token),
        Err(VerifyError::UnknownKey)
    );
}

#[test]
fn the_largest_durations_and_instants_are_counted_without_overflow() {
    let endless = verifier().leeway(Duration::MAX).max_lifetime(Duration::MAX);
    let oldest = AccessClaims {
        issued_at: at(-377_705_023_201),
        ..claims()
    };
    for now in [Timestamp::MIN, Timestamp::MAX] {
        assert_eq!(verify(&endless, &oldest, now), Ok(oldest.clone()));
    }
    assert_eq!(
        verify(&verifier(), &claims(), Timestamp::MIN),
        Err(VerifyError::NotYetValid)
    );
    assert!(matches!(
        verify(&verifier(), &claims(), Timestamp::MAX),
        Err(VerifyError::Expired(_))
    ));
}
