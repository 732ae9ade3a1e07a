//! An inspection agrees with the verifier, and names the check; so what is shown can't drift from what is done.

use jiff::Timestamp;
use proptest::prelude::*;
use rescind_token::{Inspection, MAX_TOKEN_BYTES, TokenCheck, Verdict, VerifyError};
use serde_json::json;

use crate::forge::{Forge, at, b64, claims, unb64, verifier};

/// One minute after signing.
fn now() -> Timestamp {
    at(1_767_600_060)
}

fn inspect(forge: &Forge, token: &str) -> Inspection {
    verifier().inspect(&forge.ring, token, now())
}

/// Which checks may refuse for a reason: derived from what the reasons mean, not from the code.
fn may_say(error: &VerifyError) -> &'static [TokenCheck] {
    match error {
        VerifyError::TooLong => &[TokenCheck::Size],
        VerifyError::Malformed => &[TokenCheck::Shape, TokenCheck::Header, TokenCheck::Claims],
        VerifyError::DuplicateMember => &[TokenCheck::Header, TokenCheck::Claims],
        VerifyError::RefusedParameter(_) => &[TokenCheck::Parameters],
        VerifyError::WrongType => &[TokenCheck::Type],
        VerifyError::MissingKeyId | VerifyError::UnknownKey => &[TokenCheck::Key],
        VerifyError::WrongAlgorithm => &[TokenCheck::Algorithm],
        VerifyError::BadSignature => &[TokenCheck::Signature],
        VerifyError::MissingClaim(_) | VerifyError::MalformedClaim(_) => &[TokenCheck::Claims],
        VerifyError::WrongIssuer => &[TokenCheck::Issuer],
        VerifyError::WrongAudience => &[TokenCheck::Audience],
        VerifyError::NotYetValid => &[TokenCheck::Start],
        VerifyError::Expired(_) => &[TokenCheck::Expiry],
        VerifyError::LivesTooLong => &[TokenCheck::Lifetime],
        _ => &[],
    }
}

/// All faults that a token can have, in the order in which they are noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Padded,
    Fourth,
    HeaderTwice,
    Zip,
    Typ,
    Kid,
    Alg,
    Signature,
    NoSubject,
    Issuer,
    Audience,
    FromTheFuture,
    Over,
    TooLongALife,
}

const FAULTS: [(Fault, TokenCheck); 14] = [
    (Fault::Padded, TokenCheck::Size),
    (Fault::Fourth, TokenCheck::Shape),
    (Fault::HeaderTwice, TokenCheck::Header),
    (Fault::Zip, TokenCheck::Parameters),
    (Fault::Typ, TokenCheck::Type),
    (Fault::Kid, TokenCheck::Key),
    (Fault::Alg, TokenCheck::Algorithm),
    (Fault::Signature, TokenCheck::Signature),
    (Fault::NoSubject, TokenCheck::Claims),
    (Fault::Issuer, TokenCheck::Issuer),
    (Fault::Audience, TokenCheck::Audience),
    (Fault::FromTheFuture, TokenCheck::Start),
    (Fault::Over, TokenCheck::Expiry),
    (Fault::TooLongALife, TokenCheck::Lifetime),
];

/// A token that is signed with the right key, and has all these faults.
fn with(forge: &Forge, faults: &[Fault]) -> String {
    let (mut header, mut claims) = (forge.header(), forge.claims());
    for fault in faults {
        match fault {
            Fault::Padded => claims["pad"] = json!("x".repeat(MAX_TOKEN_BYTES)),
            Fault::Zip => header["zip"] = json!("DEF"),
            Fault::Typ => header["typ"] = json!("JWT"),
            Fault::Kid => header["kid"] = json!("nobody's"),
            Fault::Alg => header["alg"] = json!("none"),
            Fault::NoSubject => drop(claims.as_object_mut().unwrap().remove("sub")),
            Fault::Issuer => claims["iss"] = json!("https://evil.example"),
            Fault::Audience => claims["aud"] = json!("another-api"),
            Fault::FromTheFuture => claims["nbf"] = json!(now().as_second() + 60),
            Fault::Over => claims["exp"] = json!(now().as_second()),
            Fault::TooLongALife => claims["iat"] = json!(now().as_second() - 200_000),
            Fault::Fourth | Fault::HeaderTwice | Fault::Signature => {}
        }
    }
    let mut header = header.to_string();
    if faults.contains(&Fault::HeaderTwice) {
        header = header.replacen('{', r#"{"alg":"none","#, 1);
    }
    let mut token = forge.sign_text(header, claims.to_string());
    if faults.contains(&Fault::Signature) {
        let (signed, _) = token.rsplit_once('.').unwrap();
        token = format!("{signed}.{}", b64([7; 64]));
    }
    if faults.contains(&Fault::Fourth) {
        token.push_str(".e30");
    }
    token
}

#[track_caller]
fn assert_agrees(forge: &Forge, token: &str) {
    let (inspection, verified) = (inspect(forge, token), verifier().verify(&forge.ring, token, now()));
    assert_eq!(inspection.outcome(), verified.as_ref());
    assert_eq!(verified.is_ok(), inspection.refused_by().is_none());
    if let (Err(error), Some(check)) = (&verified, inspection.refused_by()) {
        assert!(may_say(error).contains(&check), "{error:?} by {check:?}");
    }
    let checks: Vec<_> = inspection.checks().collect();
    let order: Vec<_> = checks.iter().map(|(check, _)| *check).collect();
    assert_eq!(order, TokenCheck::ALL, "every check is listed, in the same order");
    let refused_at = checks.iter().position(|(_, verdict)| *verdict == Verdict::Failed);
    for (at, (check, verdict)) in checks.iter().enumerate() {
        let expected = match refused_at {
            Some(refused_at) if at == refused_at => Verdict::Failed,
            Some(refused_at) if at > refused_at => Verdict::NotReached,
            _ => Verdict::Passed,
        };
        assert_eq!(*verdict, expected, "{check:?}");
    }
}

#[test]
fn a_good_token_passes_every_check_in_the_documented_order() {
    let forge = Forge::new();
    let token = with(&forge, &[]);
    assert_agrees(&forge, &token);
    let inspection = inspect(&forge, &token);
    assert_eq!(inspection.outcome(), Ok(&claims()));
    assert!(inspection.checks().all(|(_, verdict)| verdict == Verdict::Passed));
}

#[test]
fn each_check_refuses_a_token_with_its_one_fault() {
    let forge = Forge::new();
    for (fault, check) in FAULTS {
        let token = with(&forge, &[fault]);
        assert_agrees(&forge, &token);
        assert_eq!(inspect(&forge, &token).refused_by(), Some(check), "{fault:?}");
    }
    assert_eq!(
        FAULTS.map(|(_, check)| check),
        TokenCheck::ALL,
        "every check has a fault"
    );
}

proptest! {
    #[test]
    fn with_several_faults_the_first_check_refuses_as_in_verify(
        faults in prop::sample::subsequence(FAULTS.to_vec(), 0..=FAULTS.len()),
    ) {
        let forge = Forge::new();
        let token = with(&forge, &faults.iter().map(|(fault, _)| *fault).collect::<Vec<_>>());
        assert_agrees(&forge, &token);
        let first = faults.first().map(|(_, check)| *check);
        prop_assert_eq!(inspect(&forge, &token).refused_by(), first);
    }

    #[test]
    fn the_inspection_agrees_with_verify_for_any_text(
        text in ".*",
        position: prop::sample::Index,
        letter in "[A-Za-z0-9_.=-]",
    ) {
        let forge = Forge::new();
        assert_agrees(&forge, &text);
        let mut changed = with(&forge, &[]);
        let position = position.index(changed.len());
        changed.replace_range(position..=position, &letter);
        assert_agrees(&forge, &changed);
    }
}

/// The header of a token that a key ring has signed is only compared; one that says the same in other words is read.
#[test]
fn another_spelling_of_the_header_passes_the_same_checks() {
    let forge = Forge::new();
    let token = forge.ring.sign(&claims()).unwrap();
    let usual = unb64(token.expose_secret().split('.').next().unwrap());
    let spaced = String::from_utf8(usual.clone())
        .unwrap()
        .replace(':', " : ")
        .into_bytes();
    let inspected = [usual, spaced].map(|header| {
        let good = forge.sign_text(&header, forge.claims().to_string());
        let wrong = format!("{}.{}", good.rsplit_once('.').unwrap().0, b64([7; 64]));
        [good, wrong].map(|token| format!("{:?}", inspect(&forge, &token)))
    });
    assert_eq!(inspected[0], inspected[1]);
}
