//! The attacks that jwt_tool's playbook and OWASP's Web Security Testing Guide (WSTG-SESS-10) name, over HTTP.
//!
//! Each is crafted from a genuine token, presented as bearer token and as cookie, and also to a logout. It must be
//! refused and end no session, and the genuine token must still work afterwards.
#![expect(
    clippy::needless_pass_by_value,
    reason = "`json!` values are written where they are used"
)]

use actix_web::http::{Method, header};
use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use rescind_session::{
    Keys, SessionState,
    token::{Algorithm, KeyRing, SigningKey, TokenParts},
};
use serde_json::{Value, json};

use crate::world::{ACCESS, Tokens, World, call};

/// Names under which a library skips the signature.
const NONE: [&str; 8] = ["none", "None", "NONE", "nOnE", "noNe", " none", "none\u{0}", ""];
/// Values of `kid` that are a path, a query or a command to a careless server, and the secret that each would lead to.
const KIDS: [(&str, &[u8]); 9] = [
    ("", b""),
    ("../../../../../../dev/null", b""),
    ("/dev/null", b""),
    ("/invalid_path", b""),
    ("C:\\Windows\\win.ini", b""),
    ("|sleep 10", b""),
    ("| curl http://127.0.0.1:9/", b""),
    ("x' UNION SELECT '1';--", b"1"),
    ("' OR '1'='1", b"1"),
];
const WEAK_SECRETS: [&str; 8] = [
    "",
    " ",
    "secret",
    "password",
    "changeme",
    "your-256-bit-secret",
    "jwt",
    "rescind",
];

/// A service with a key of that kind, a session of alice, and what an attacker knows of it.
struct Target {
    world: World,
    algorithm: Algorithm,
    tokens: Tokens,
    header: Value,
    claims: Value,
}

impl Target {
    async fn with(algorithm: Algorithm) -> Self {
        let world = World::new().await;
        world.service.replace_keys(Keys {
            ring: KeyRing::new(SigningKey::generate(algorithm).unwrap()),
            refresh: world.service.keys().refresh.clone(),
        });
        let tokens = world.login().await;
        let parts = TokenParts::split_without_verifying(&tokens.access).unwrap();
        Self {
            world,
            algorithm,
            tokens,
            header: parts.header,
            claims: parts.claims,
        }
    }

    fn header_with(&self, members: Value) -> Value {
        merged(&self.header, members)
    }

    fn claims_with(&self, members: Value) -> Value {
        merged(&self.claims, members)
    }

    /// The claims that an attacker would like: another user, for a longer time.
    fn wanted(&self) -> Value {
        self.claims_with(json!({ "sub": "admin", "exp": self.claims["exp"].as_i64().unwrap() + 60 }))
    }

    /// A token that the service's own key signed.
    fn signed(&self, header: impl ToString, claims: impl ToString) -> String {
        let keys = self.world.service.keys();
        signed_by(keys.ring.active(), &header.to_string(), &claims.to_string())
    }

    /// The public key in every form in which it is handed around.
    fn public_key_forms(&self) -> Vec<(&'static str, Vec<u8>)> {
        let keys = self.world.service.keys();
        let jwk = keys.ring.active().verifying_key().to_jwk().unwrap();
        let der = spki(keys.ring.active());
        let lines: Vec<_> = STANDARD
            .encode(&der)
            .as_bytes()
            .chunks(64)
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect();
        let pem = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----",
            lines.join("\n")
        );
        let number = jwk.get("n").or(jwk.get("x")).unwrap().as_str().unwrap();
        vec![
            ("PEM", pem.clone().into_bytes()),
            ("PEM with a line end", format!("{pem}\n").into_bytes()),
            ("PEM with CRLF", pem.replace('\n', "\r\n").into_bytes()),
            ("base64 of the DER", lines.concat().into_bytes()),
            ("DER", der),
            ("JWK", jwk.to_string().into_bytes()),
            ("JWK set", keys.ring.to_jwks().to_string().into_bytes()),
            ("number", URL_SAFE_NO_PAD.decode(number).unwrap()),
            ("number as text", number.as_bytes().to_vec()),
        ]
    }

    /// Presents a forged token everywhere.
    async fn refuses(&self, attack: &str, token: &str) {
        self.refuses_access(attack, token).await;
        for path in ["/api/logout", "/api/logout-everywhere"] {
            let reply = self.world.post_as(path, token).await;
            let status = reply.status;
            assert!(
                matches!(status.as_u16(), 400 | 401),
                "{attack} ({}), {path}: {status}",
                self.algorithm
            );
        }
    }

    /// Presents a token for access only: a genuine one that is not valid now may still end its session.
    async fn refuses_access(&self, attack: &str, token: &str) {
        let what = format!("{attack} ({})", self.algorithm);
        let bearer = self.world.me(token).await;
        assert!(matches!(bearer.status.as_u16(), 400 | 401), "{what}: {}", bearer.status);
        let cookie = call(Method::GET, "/api/me").insert_header((header::COOKIE, format!("{ACCESS}={token}")));
        let cookie = self.world.send(cookie).await;
        assert_eq!(cookie.status, 401, "{what}, as a cookie");
        for reply in [&bearer, &cookie] {
            // The attacker does not learn at which check the token failed.
            assert!(
                !reply.body.contains("signature") && !reply.body.contains("kid"),
                "{what}: {}",
                reply.body
            );
        }
    }

    /// jwt_tool's "persistence check": what was tried changed nothing for the owner.
    async fn still_works(&self) {
        assert_eq!(self.world.row(self.tokens.session).await.state, SessionState::Open);
        self.world.me(&self.tokens.access).await.is(200);
    }
}

fn merged(object: &Value, members: Value) -> Value {
    let mut object = object.clone();
    object
        .as_object_mut()
        .unwrap()
        .extend(members.as_object().unwrap().clone());
    object
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", b64(header.to_string()), b64(claims.to_string()))
}

fn hmac_signed(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let signed = unsigned(header, claims);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
    format!("{signed}.{}", b64(tag))
}

fn pkcs8(key: &SigningKey) -> Vec<u8> {
    let pem = key.to_pkcs8_pem().unwrap();
    let body: String = rescind_session::token::ExposeSecret::expose_secret(&pem)
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    STANDARD.decode(body).unwrap()
}

fn spki(key: &SigningKey) -> Vec<u8> {
    let pkcs8 = pkcs8(key);
    let der: PublicKeyX509Der<'_> = match key.algorithm() {
        Algorithm::Es256 => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8)
            .unwrap()
            .public_key()
            .as_der(),
        Algorithm::Rs256 => RsaKeyPair::from_pkcs8(&pkcs8).unwrap().public_key().as_der(),
        _ => Ed25519KeyPair::from_pkcs8(&pkcs8).unwrap().public_key().as_der(),
    }
    .unwrap();
    der.as_ref().to_vec()
}

/// A correctly signed token with exactly this header and these claims.
fn signed_by(key: &SigningKey, header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", b64(header), b64(claims));
    let signature = match key.algorithm() {
        Algorithm::Hs256 => {
            let secret = key.to_hs256_secret().unwrap();
            let secret = rescind_session::token::ExposeSecret::expose_secret(&secret);
            let key = hmac::Key::new(hmac::HMAC_SHA256, &URL_SAFE_NO_PAD.decode(secret).unwrap());
            hmac::sign(&key, signed.as_bytes()).as_ref().to_vec()
        }
        Algorithm::Es256 => {
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8(key)).unwrap();
            pair.sign(&SystemRandom::new(), signed.as_bytes())
                .unwrap()
                .as_ref()
                .to_vec()
        }
        Algorithm::Rs256 => {
            let pair = RsaKeyPair::from_pkcs8(&pkcs8(key)).unwrap();
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                signed.as_bytes(),
                &mut signature,
            )
            .unwrap();
            signature
        }
        Algorithm::EdDsa => Ed25519KeyPair::from_pkcs8(&pkcs8(key))
            .unwrap()
            .sign(signed.as_bytes())
            .as_ref()
            .to_vec(),
    };
    format!("{signed}.{}", b64(signature))
}

const ALL: [Algorithm; 4] = [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256, Algorithm::Hs256];
const PUBLISHED: [Algorithm; 3] = [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256];

/// The crafting itself: a genuine token that is taken apart and signed again must be accepted.
#[tokio::test]
async fn a_token_signed_again_unchanged_is_accepted() {
    for algorithm in ALL {
        let target = Target::with(algorithm).await;
        target
            .world
            .me(&target.signed(&target.header, &target.claims))
            .await
            .is(200);
    }
}

#[tokio::test]
async fn no_token_and_broken_signatures_are_refused() {
    for algorithm in ALL {
        let target = Target::with(algorithm).await;
        let (head, signature) = target.tokens.access.rsplit_once('.').unwrap();
        let reversed: String = signature.chars().rev().collect();
        let other = target.world.login_as("bob").await.access;
        let (_, others) = other.rsplit_once('.').unwrap();
        for (attack, token) in [
            ("prescan: null for a token", "null".to_owned()),
            (
                "broken signature",
                format!("{head}.{}", &signature[..signature.len() - 4]),
            ),
            ("reversed signature", format!("{head}.{reversed}")),
            ("signature of another token", format!("{head}.{others}")),
            ("-X n: null signature", format!("{head}.")),
            ("stripped signature", head.to_owned()),
        ] {
            target.refuses(attack, &token).await;
        }
        target.still_works().await;
    }
}

#[tokio::test]
async fn the_algorithm_none_is_refused_in_every_spelling() {
    for algorithm in ALL {
        let target = Target::with(algorithm).await;
        let (_, signature) = target.tokens.access.rsplit_once('.').unwrap();
        for none in NONE {
            let token = unsigned(&target.header_with(json!({ "alg": none })), &target.wanted());
            target
                .refuses(&format!("-X a: {none:?}, no signature"), &format!("{token}."))
                .await;
            target
                .refuses(
                    &format!("-X a: {none:?}, old signature"),
                    &format!("{token}.{signature}"),
                )
                .await;
        }
        target.still_works().await;
    }
}

#[tokio::test]
async fn a_public_key_is_no_hmac_secret_in_any_form() {
    for algorithm in PUBLISHED {
        let target = Target::with(algorithm).await;
        for (form, secret) in target.public_key_forms() {
            for alg in ["HS256", "HS384", "HS512", algorithm.as_str()] {
                let token = hmac_signed(&target.header_with(json!({ "alg": alg })), &target.wanted(), &secret);
                target.refuses(&format!("-X k: {alg} with the {form}"), &token).await;
            }
        }
        target.still_works().await;
    }
}

#[tokio::test]
async fn tokens_signed_with_blank_or_weak_secrets_are_refused() {
    for algorithm in ALL {
        let target = Target::with(algorithm).await;
        for secret in WEAK_SECRETS {
            let token = hmac_signed(
                &target.header_with(json!({ "alg": "HS256" })),
                &target.wanted(),
                secret.as_bytes(),
            );
            target
                .refuses(&format!("-X b, -C: the secret {secret:?}"), &token)
                .await;
            // A service cannot be configured with one either.
            assert!(SigningKey::from_hs256_secret("weak", secret.as_bytes()).is_err());
        }
        target.still_works().await;
    }
}

#[tokio::test]
async fn injected_key_ids_reach_no_file_query_or_command() {
    for algorithm in ALL {
        let target = Target::with(algorithm).await;
        for (kid, secret) in KIDS {
            let header = target.header_with(json!({ "alg": "HS256", "kid": kid }));
            target
                .refuses(
                    &format!("-hc kid {kid:?}"),
                    &hmac_signed(&header, &target.wanted(), secret),
                )
                .await;
            let token = target.signed(target.header_with(json!({ "kid": kid })), &target.claims);
            target
                .refuses(&format!("-hc kid {kid:?}, rightly signed"), &token)
                .await;
        }
        for kid in [
            json!(null),
            json!(0),
            json!([target.header["kid"]]),
            json!({ "kid": target.header["kid"] }),
        ] {
            let token = target.signed(target.header_with(json!({ "kid": kid })), &target.claims);
            target.refuses("kid of another type", &token).await;
        }
        target.still_works().await;
    }
}

#[tokio::test]
async fn keys_that_come_with_the_token_are_not_trusted() {
    for algorithm in ALL {
        let target = Target::with(algorithm).await;
        for kind in PUBLISHED {
            let attackers = SigningKey::generate(kind).unwrap();
            let jwk = attackers.verifying_key().to_jwk().unwrap();
            let url = "http://127.0.0.1:9/jwks.json";
            let certificate = STANDARD.encode(spki(&attackers));
            for (attack, member) in [
                ("-X i: jwk", json!({ "jwk": jwk })),
                ("-X i: jwk, with its kid", json!({ "jwk": jwk, "kid": attackers.kid() })),
                ("-X s: jku", json!({ "jku": url, "kid": attackers.kid() })),
                (
                    "jku on our own host",
                    json!({ "jku": "https://rescind.example/upload/jwks.json" }),
                ),
                ("x5u", json!({ "x5u": url })),
                ("x5c", json!({ "x5c": [certificate] })),
                ("x5t", json!({ "x5t": "AAAA", "x5t#S256": "AAAA" })),
            ] {
                let header = merged(&target.header_with(json!({ "alg": kind.as_str() })), member);
                let token = signed_by(&attackers, &header.to_string(), &target.wanted().to_string());
                target.refuses(attack, &token).await;
            }
        }
        target.still_works().await;
    }
}

/// CVE-2022-21449: a verifier that forgets the ranges accepts `r` = `s` = 0 for every message.
#[tokio::test]
async fn a_psychic_signature_is_refused() {
    for algorithm in ALL {
        let target = Target::with(algorithm).await;
        let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
        let order: Vec<u8> = order
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        for (attack, signature) in [
            ("-X p: r = s = 0", vec![0; 64]),
            ("-X p: r = s = 0 in DER", vec![0x30, 6, 2, 1, 0, 2, 1, 0]),
            ("r = s = the group's order", order.repeat(2)),
            ("r = s = 1", [[0; 31].as_slice(), &[1]].concat().repeat(2)),
            ("as long as an RSA signature", vec![0; 256]),
        ] {
            for alg in ["ES256", algorithm.as_str()] {
                let token = unsigned(&target.header_with(json!({ "alg": alg })), &target.wanted());
                target.refuses(attack, &format!("{token}.{}", b64(&signature))).await;
            }
        }
        target.still_works().await;
    }
}

#[tokio::test]
async fn tampered_claims_are_refused() {
    for algorithm in ALL {
        let target = Target::with(algorithm).await;
        let (head, signature) = target.tokens.access.rsplit_once('.').unwrap();
        let (head, _) = head.split_once('.').unwrap();
        for (name, value) in [
            ("sub", json!("admin")),
            ("exp", json!(9_999_999_999_i64)),
            ("iat", json!(0)),
            ("admin", json!(true)),
            ("role", json!("admin")),
            ("roles", json!(["admin"])),
            ("scope", json!("admin")),
            ("iss", json!("http://127.0.0.1:9/")),
            ("jti", json!("")),
        ] {
            let claims = target.claims_with(json!({ name: value }));
            target
                .refuses(
                    &format!("-I -pc {name}"),
                    &format!("{head}.{}.{signature}", b64(claims.to_string())),
                )
                .await;
        }
        target.still_works().await;
    }
}

/// From here on the service's own key signs: the attacker has a token that another service may accept.
#[tokio::test]
async fn tokens_of_another_kind_service_or_time_are_refused() {
    for algorithm in ALL {
        let target = Target::with(algorithm).await;
        let now = target.claims["iat"].as_i64().unwrap();
        let elsewhere = [
            ("cross-service relay: aud", json!({ "aud": "another-api" })),
            (
                "cross-service relay: a list of aud",
                json!({ "aud": ["rescind-api", "another-api"] }),
            ),
            ("another issuer", json!({ "iss": "https://rescind.example.evil" })),
            ("a list of issuers", json!({ "iss": ["https://rescind.example"] })),
            ("no expiry", json!({ "exp": null })),
            ("an expiry that is text", json!({ "exp": "9999999999" })),
            ("an expiry with a fraction", json!({ "exp": now as f64 + 60.5 })),
            ("an expiry out of range", json!({ "exp": i64::MAX })),
        ];
        for (attack, members) in elsewhere {
            target
                .refuses(attack, &target.signed(&target.header, target.claims_with(members)))
                .await;
        }
        let times = [
            ("not yet valid: nbf", json!({ "nbf": now + 3600 })),
            ("from the future: iat", json!({ "iat": now + 3600, "exp": now + 3700 })),
            ("a long life", json!({ "exp": now + 10 * 365 * 24 * 3600 })),
            ("expired", json!({ "iat": now - 600, "exp": now - 300 })),
        ];
        for (attack, members) in times {
            target
                .refuses_access(attack, &target.signed(&target.header, target.claims_with(members)))
                .await;
        }
        let header = [
            ("typ confusion: JWT", json!({ "typ": "JWT" })),
            ("typ confusion: an id token", json!({ "typ": "id_token+jwt" })),
            ("typ confusion: a status list", json!({ "typ": "statuslist+jwt" })),
            ("typ confusion: a security event", json!({ "typ": "secevent+jwt" })),
            ("no typ", json!({ "typ": null })),
            ("crit", json!({ "crit": ["exp"] })),
            ("b64", json!({ "b64": false, "crit": ["b64"] })),
            ("zip", json!({ "zip": "DEF" })),
            ("a token in a token", json!({ "cty": "JWT" })),
        ];
        for (attack, members) in header {
            target
                .refuses(attack, &target.signed(target.header_with(members), &target.claims))
                .await;
        }
        target.still_works().await;
    }
}

#[tokio::test]
async fn duplicate_members_and_odd_documents_are_refused() {
    for algorithm in ALL {
        let target = Target::with(algorithm).await;
        let (header, claims) = (target.header.to_string(), target.claims.to_string());
        let twice = |object: &str, member: &str| object.replacen('{', &format!("{{{member},"), 1);
        for (attack, header, claims) in [
            ("alg twice", twice(&header, r#""alg":"none""#), claims.clone()),
            ("kid twice", twice(&header, r#""kid":"/dev/null""#), claims.clone()),
            ("sub twice", header.clone(), twice(&claims, r#""sub":"admin""#)),
            ("exp twice", header.clone(), twice(&claims, r#""exp":9999999999"#)),
            (
                "exp twice, escaped",
                header.clone(),
                twice(&claims, r#""\u0065xp":9999999999"#),
            ),
            ("-M er: claims are a list", header.clone(), "[]".to_owned()),
            ("-M er: claims are null", header.clone(), "null".to_owned()),
            ("-M er: no claims", header.clone(), String::new()),
            ("-M er: broken claims", header.clone(), "{\"sub\":".to_owned()),
            ("-M er: header is a list", "[]".to_owned(), claims.clone()),
            (
                "-M er: deep nesting",
                header.clone(),
                format!("{{\"sub\":{}", "[".repeat(4000)),
            ),
        ] {
            target.refuses(attack, &target.signed(header, claims)).await;
        }
        for name in ["iss", "aud", "sub", "client_id", "iat", "exp", "jti", "sid"] {
            for value in [
                json!(null),
                json!({}),
                json!([]),
                json!(""),
                json!(true),
                json!("http://127.0.0.1:9/"),
            ] {
                let claims = target.claims_with(json!({ name: value }));
                // A user id is any text.
                if name != "sub" && name != "client_id" || !value.is_string() {
                    target
                        .refuses(
                            &format!("-M er: {name} is {value}"),
                            &target.signed(&target.header, claims),
                        )
                        .await;
                }
            }
        }
        target.still_works().await;
    }
}

#[tokio::test]
async fn an_expired_token_is_refused_and_a_changed_expiry_does_not_help() {
    for algorithm in ALL {
        let target = Target::with(algorithm).await;
        target.world.let_access_tokens_expire();
        target
            .world
            .me(&target.tokens.access)
            .await
            .is_problem(401, "token_expired");
        let (head, signature) = target.tokens.access.rsplit_once('.').unwrap();
        let (head, _) = head.split_once('.').unwrap();
        let claims = target.claims_with(json!({ "exp": target.claims["exp"].as_i64().unwrap() + 3600 }));
        target
            .refuses(
                "timestamp tampering",
                &format!("{head}.{}.{signature}", b64(claims.to_string())),
            )
            .await;
    }
}

/// WSTG: "determine whether the JWTs expose sensitive information".
#[tokio::test]
async fn a_token_shows_ids_and_times_only() {
    let target = Target::with(Algorithm::EdDsa).await;
    let mut names: Vec<_> = target.claims.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "aud",
            "auth_time",
            "client_id",
            "exp",
            "iat",
            "iss",
            "jti",
            "sid",
            "sub"
        ]
    );
    let mut names: Vec<_> = target.header.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["alg", "kid", "typ"]);
}
