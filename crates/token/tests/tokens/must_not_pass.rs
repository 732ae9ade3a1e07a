//! Tokens that are signed with the right key and must still be refused, each for its own reason. Times are in
//! `times.rs`.

use aws_lc_rs::hmac;
use rescind_token::{AccessClaims, Algorithm, ExtraClaims, KeyRing, MAX_TOKEN_BYTES, SigningKey, VerifyError};
use serde_json::json;

use crate::forge::{AUDIENCE, Forge, ISSUER, at, b64, claims, unb64, verifier};

#[test]
fn an_unchanged_forged_token_is_accepted() {
    let forge = Forge::new();
    assert_eq!(
        forge.verify(&forge.sign(&forge.header(), &forge.claims())),
        Ok(claims())
    );
}

// Claims

#[test]
fn each_missing_claim_is_refused() {
    let forge = Forge::new();
    for name in ["iss", "aud", "sub", "client_id", "iat", "exp", "jti", "sid"] {
        assert_eq!(
            forge.refusal(&forge.without_claim(name)),
            VerifyError::MissingClaim(name)
        );
    }
}

#[test]
fn another_issuer_or_audience_is_refused() {
    let forge = Forge::new();
    for other in [
        "https://rescind.example/",
        "https://rescind.exampl",
        "HTTPS://RESCIND.EXAMPLE",
        "",
    ] {
        assert_eq!(forge.refusal(&forge.with_claim("iss", other)), VerifyError::WrongIssuer);
    }
    for other in ["rescind", "rescind-api ", "RESCIND-API", ""] {
        assert_eq!(
            forge.refusal(&forge.with_claim("aud", other)),
            VerifyError::WrongAudience
        );
    }
}

#[test]
fn a_list_of_issuers_or_audiences_is_refused_even_with_ours_in_it() {
    let forge = Forge::new();
    for list in [json!([ISSUER]), json!([ISSUER, "https://evil.example"]), json!([])] {
        assert_eq!(
            forge.refusal(&forge.with_claim("iss", list)),
            VerifyError::MalformedClaim("iss")
        );
    }
    for list in [json!([AUDIENCE]), json!([AUDIENCE, "other"]), json!([])] {
        assert_eq!(
            forge.refusal(&forge.with_claim("aud", list)),
            VerifyError::MalformedClaim("aud")
        );
    }
}

#[test]
fn a_time_that_is_not_whole_seconds_is_refused() {
    let forge = Forge::new();
    let odd = [
        json!(1_767_600_300.5),
        json!(1_767_600_300.0),
        json!("1767600300"),
        json!(null),
        json!(u64::MAX),
        json!(i64::MAX),
    ];
    for value in odd {
        for name in ["exp", "iat", "nbf"] {
            assert_eq!(
                forge.refusal(&forge.with_claim(name, value.clone())),
                VerifyError::MalformedClaim(name),
                "{value}"
            );
        }
    }
    let claims = forge.claims().to_string().replace("1767600300", "1.7676003e9");
    assert_eq!(
        forge.refusal(&forge.sign_text(forge.header().to_string(), claims)),
        VerifyError::MalformedClaim("exp")
    );
}

#[test]
fn a_malformed_id_is_refused() {
    let forge = Forge::new();
    let values = [json!("alice"), json!(7), json!(""), json!("a\nb")];
    for (name, values) in [("sub", &values[1..]), ("jti", &values), ("sid", &values)] {
        for value in values {
            assert_eq!(
                forge.refusal(&forge.with_claim(name, value.clone())),
                VerifyError::MalformedClaim(name)
            );
        }
    }
}

#[test]
fn claims_that_are_not_an_object_are_refused() {
    let forge = Forge::new();
    let deep = "[".repeat(3000);
    for claims in ["[]", "null", "\"text\"", "", "{", "{} {}", "\u{feff}{}", &deep] {
        assert_eq!(
            forge.refusal(&forge.sign_text(forge.header().to_string(), claims)),
            VerifyError::Malformed
        );
    }
}

// Nodes can then be updated one by one.
#[test]
fn an_unknown_claim_is_the_applications_own() {
    let forge = Forge::new();
    let extra = ExtraClaims::new().with("acr", "2").unwrap();
    assert_eq!(
        forge.verify(&forge.with_claim("acr", "2")),
        Ok(AccessClaims { extra, ..claims() })
    );
}

// Header

#[test]
fn every_type_except_access_token_is_refused() {
    let forge = Forge::new();
    for typ in [
        "JWT",
        "jwt",
        "at",
        "at+jwt ",
        "at+jwts",
        "id_token+jwt",
        "text/at+jwt",
        "application/application/at+jwt",
        "/at+jwt",
        "",
    ] {
        assert_eq!(
            forge.refusal(&forge.with_header("typ", typ)),
            VerifyError::WrongType,
            "{typ}"
        );
    }
    assert_eq!(forge.refusal(&forge.with_header("typ", 1)), VerifyError::WrongType);
    let untyped = json!({ "alg": "EdDSA", "kid": forge.ring.active().kid() });
    assert_eq!(
        forge.refusal(&forge.sign(&untyped, &forge.claims())),
        VerifyError::WrongType
    );
}

#[test]
fn the_type_is_compared_as_a_media_type() {
    let forge = Forge::new();
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
        assert_eq!(forge.verify(&forge.with_header("typ", typ)), Ok(claims()), "{typ}");
    }
}

#[test]
fn any_crit_is_refused() {
    let forge = Forge::new();
    for crit in [
        json!(["exp"]),
        json!(["b64"]),
        json!(["http://example/unknown"]),
        json!([]),
        json!(null),
        json!("exp"),
    ] {
        assert_eq!(
            forge.refusal(&forge.with_header("crit", crit)),
            VerifyError::RefusedParameter("crit")
        );
    }
}

#[test]
fn unencoded_compressed_and_nested_tokens_are_refused() {
    let forge = Forge::new();
    let faults = [
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("zip", json!("DEF")),
        ("cty", json!("JWT")),
        ("enc", json!("A128GCM")),
    ];
    for (name, value) in faults {
        assert_eq!(
            forge.refusal(&forge.with_header(name, value)),
            VerifyError::RefusedParameter(name)
        );
    }
}

#[test]
fn a_key_in_the_header_is_refused_even_if_it_is_ours() {
    let forge = Forge::new();
    let ours = forge.ring.active().verifying_key().to_jwk().unwrap();
    let faults = [
        ("jwk", ours),
        ("jku", json!("https://rescind.example/jwks")),
        ("x5u", json!("https://rescind.example/x")),
        ("x5c", json!(["MII"])),
    ];
    for (name, value) in faults {
        assert_eq!(
            forge.refusal(&forge.with_header(name, value)),
            VerifyError::RefusedParameter(name)
        );
    }
}

#[test]
fn a_key_in_the_header_is_not_trusted() {
    let (ours, theirs) = (Forge::new(), Forge::new());
    let mut header = theirs.header();
    header["jwk"] = theirs.ring.active().verifying_key().to_jwk().unwrap();
    assert_eq!(
        ours.refusal(&theirs.sign(&header, &theirs.claims())),
        VerifyError::RefusedParameter("jwk")
    );
    assert_eq!(
        ours.refusal(&theirs.sign(&theirs.header(), &theirs.claims())),
        VerifyError::UnknownKey
    );
}

#[test]
fn a_missing_or_unknown_key_id_is_refused() {
    let forge = Forge::new();
    for kid in [json!(1), json!(null), json!([forge.ring.active().kid()])] {
        assert_eq!(forge.refusal(&forge.with_header("kid", kid)), VerifyError::MissingKeyId);
    }
    let nameless = json!({ "typ": "at+jwt", "alg": "EdDSA" });
    assert_eq!(
        forge.refusal(&forge.sign(&nameless, &forge.claims())),
        VerifyError::MissingKeyId
    );
    for kid in ["", "../keys/active", "' OR 1=1"] {
        assert_eq!(forge.refusal(&forge.with_header("kid", kid)), VerifyError::UnknownKey);
    }
}

#[test]
fn a_harmless_unknown_parameter_is_ignored() {
    let forge = Forge::new();
    assert_eq!(forge.verify(&forge.with_header("iat", 1)), Ok(claims()));
}

// Algorithm

#[test]
fn the_algorithm_none_is_refused_in_every_spelling() {
    let forge = Forge::new();
    for none in ["none", "None", "NONE", "nOnE", ""] {
        let signed = forge.with_header("alg", none);
        assert_eq!(forge.refusal(&signed), VerifyError::WrongAlgorithm);
        let (unsigned, _) = signed.rsplit_once('.').unwrap();
        assert_eq!(forge.refusal(&format!("{unsigned}.")), VerifyError::WrongAlgorithm);
        assert_eq!(forge.refusal(unsigned), VerifyError::Malformed);
    }
}

#[test]
fn the_algorithm_is_taken_from_the_key_and_not_from_the_token() {
    let forge = Forge::new();
    for alg in [
        json!("ES256"),
        json!("RS256"),
        json!("HS256"),
        json!("eddsa"),
        json!("Ed25519"),
        json!(null),
        json!(["EdDSA"]),
    ] {
        assert_eq!(
            forge.refusal(&forge.with_header("alg", alg)),
            VerifyError::WrongAlgorithm
        );
    }
    let unnamed = json!({ "typ": "at+jwt", "kid": forge.ring.active().kid() });
    assert_eq!(
        forge.refusal(&forge.sign(&unnamed, &forge.claims())),
        VerifyError::WrongAlgorithm
    );
}

#[test]
fn a_token_signed_with_a_public_key_as_hmac_secret_is_refused() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256] {
        let ring = KeyRing::new(SigningKey::generate(algorithm).unwrap());
        let jwk = ring.active().verifying_key().to_jwk().unwrap();
        let bytes: Vec<u8> = match algorithm {
            Algorithm::Es256 => [
                vec![4],
                unb64(jwk["x"].as_str().unwrap()),
                unb64(jwk["y"].as_str().unwrap()),
            ]
            .concat(),
            Algorithm::Rs256 => unb64(jwk["n"].as_str().unwrap()),
            _ => unb64(jwk["x"].as_str().unwrap()),
        };
        for secret in [bytes, jwk.to_string().into_bytes()] {
            let secret = hmac::Key::new(hmac::HMAC_SHA256, &secret);
            for (alg, refusal) in [
                ("HS256", VerifyError::WrongAlgorithm),
                (algorithm.as_str(), VerifyError::BadSignature),
            ] {
                let header = json!({ "typ": "at+jwt", "alg": alg, "kid": ring.active().kid() });
                let signed = format!(
                    "{}.{}",
                    b64(header.to_string()),
                    b64(serde_json::to_vec(&claims()).unwrap())
                );
                let token = format!("{signed}.{}", b64(hmac::sign(&secret, signed.as_bytes())));
                assert_eq!(verifier().verify_genuine(&ring, &token), Err(refusal));
            }
        }
    }
}

#[test]
fn a_key_of_the_ring_does_not_sign_for_another_kid() {
    let old = Forge::new();
    let ring =
        KeyRing::new(SigningKey::generate(Algorithm::EdDsa).unwrap()).with_retired(old.ring.active().verifying_key());
    let token = old.with_header("kid", ring.active().kid());
    assert_eq!(verifier().verify_genuine(&ring, &token), Err(VerifyError::BadSignature));
}

// The text

#[test]
fn a_duplicate_member_is_refused() {
    let forge = Forge::new();
    let (header, claims) = (forge.header().to_string(), forge.claims().to_string());
    for again in [
        r#""alg":"EdDSA""#,
        r#""alg":"none""#,
        r#""kid":"other""#,
        r#""\u0061lg":"none""#,
    ] {
        let header = header.replacen('{', &format!("{{{again},"), 1);
        assert_eq!(
            forge.refusal(&forge.sign_text(header, &claims)),
            VerifyError::DuplicateMember,
            "{again}"
        );
    }
    for again in [r#""exp":9999999999"#, r#""aud":"rescind-api""#, r#""new":1,"new":1"#] {
        let claims = claims.replacen('{', &format!("{{{again},"), 1);
        assert_eq!(
            forge.refusal(&forge.sign_text(&header, claims)),
            VerifyError::DuplicateMember,
            "{again}"
        );
    }
}

#[test]
fn tampered_claims_are_refused() {
    let forge = Forge::new();
    let token = forge.sign(&forge.header(), &forge.claims());
    let parts: Vec<_> = token.split('.').collect();
    let forever = forge.claims().to_string().replace("1767600300", "9999999999");
    assert_eq!(
        forge.refusal(&format!("{}.{}.{}", parts[0], b64(forever), parts[2])),
        VerifyError::BadSignature
    );
}

#[test]
fn a_signature_has_one_spelling_only() {
    let forge = Forge::new();
    let token = forge.sign(&forge.header(), &forge.claims());
    // 64 bytes leave four unused bits in the last character; a lenient reader takes sixteen letters for the same
    // signature.
    let (head, last) = token.split_at(token.len() - 1);
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for other in alphabet.chars().filter(|letter| !last.starts_with(*letter)) {
        assert_eq!(forge.refusal(&format!("{head}{other}")), VerifyError::BadSignature);
    }
}

#[test]
fn extra_text_around_a_token_is_refused() {
    let forge = Forge::new();
    let token = forge.sign(&forge.header(), &forge.claims());
    for odd in [
        format!("{token}."),
        format!("{token}.e30"),
        format!(".{token}"),
        token.replace('.', ""),
        token.replacen('.', "..", 1),
    ] {
        assert_eq!(forge.refusal(&odd), VerifyError::Malformed);
    }
    for tail in ["=", "==", "A", "AAAA", "\n", " ", "\0", "é"] {
        assert_eq!(
            forge.refusal(&format!("{token}{tail}")),
            VerifyError::BadSignature,
            "{tail:?}"
        );
    }
    for head in [" ", "\n", "Bearer "] {
        assert_eq!(forge.refusal(&format!("{head}{token}")), VerifyError::Malformed);
    }
}

#[test]
fn a_token_over_8_kib_is_refused_and_one_just_below_is_not() {
    assert_eq!(MAX_TOKEN_BYTES, 8192);
    let forge = Forge::new();
    let padded = |length: usize| forge.with_claim("pad", "x".repeat(length));
    let over = (5000..6500)
        .find(|length| padded(*length).len() > MAX_TOKEN_BYTES)
        .unwrap();
    assert!(padded(over).len() <= MAX_TOKEN_BYTES + 2);
    assert_eq!(forge.refusal(&padded(over)), VerifyError::TooLong);
    assert!(forge.verify(&padded(over - 1)).is_ok());
}

#[test]
fn an_error_never_shows_the_token() {
    let forge = Forge::new();
    let expired = verifier()
        .verify(
            &forge.ring,
            &forge.sign(&forge.header(), &forge.claims()),
            at(1_800_000_000),
        )
        .unwrap_err();
    let token = forge.with_header("typ", "top-secret-type");
    for (token, error) in [
        (token.clone(), forge.refusal(&token)),
        (forge.sign(&forge.header(), &forge.claims()), expired),
    ] {
        for part in token.split('.') {
            assert!(!format!("{error} {error:?}").contains(part));
        }
        assert!(!format!("{error} {error:?}").contains("top-secret"));
    }
}

// JSON that readers disagree about

#[test]
fn claims_that_are_no_json_value_are_refused_before_any_claim_is_named() {
    let forge = Forge::new();
    let claims = forge.claims().to_string();
    let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(1_000), "]".repeat(1_000));
    for text in [
        claims.replace(r#""iat":"#, r#""iat":1e999,"was":"#),
        claims.replace(r#""iss":"#, r#""iss":"\ud800","was":"#),
        deep,
    ] {
        let token = forge.sign_text(forge.header().to_string(), text);
        assert_eq!(forge.refusal(&token), VerifyError::Malformed);
    }
}

/// With its feature `raw_value`, `serde_json` reads such an object as the JSON in its string. Other crates of a program may
/// enable that.
#[test]
fn an_object_with_the_library_s_own_name_stays_an_object() {
    let forge = Forge::new();
    let object = |text: &str| json!({"$serde_json::private::RawValue": text});
    assert_eq!(
        forge.refusal(&forge.with_header("alg", object(r#""EdDSA""#))),
        VerifyError::WrongAlgorithm
    );
    assert_eq!(
        forge.refusal(&forge.with_claim("iss", object(r#""https://rescind.example""#))),
        VerifyError::MalformedClaim("iss")
    );
    let token = forge.with_claim("tenant", object("7"));
    let extra = forge.verify(&token).unwrap().extra;
    assert_eq!(extra.as_object()["tenant"], object("7"));
}
