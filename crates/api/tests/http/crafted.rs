//! Thousands of crafted tokens: none is accepted, and none ends a session.

use actix_web::http::{Method, header};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use rescind_session::{
    SessionState,
    token::{KeyRing, SigningKey},
};
use serde_json::{Value, json};

use crate::world::{ACCESS, Tokens, World, call};

const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// How many are crafted of each kind of credential.
fn rounds() -> usize {
    if std::env::var("RESCIND_TEST_FULL").as_deref() == Ok("1") {
        10_000
    } else {
        200
    }
}

/// Replaces, cuts off, adds or repeats letters.
fn distorted(text: &str, rng: &mut StdRng) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let place = rng.random_range(0..bytes.len());
    let letter = *LETTERS.choose(rng).unwrap();
    match rng.random_range(0..5) {
        0 => bytes[place] = letter,
        1 => bytes.truncate(place),
        2 => bytes.insert(place, letter),
        3 => drop(bytes.remove(place)),
        _ => bytes.extend_from_within(place..),
    }
    String::from_utf8(bytes).unwrap()
}

/// Base64url without padding of some JSON.
fn part(value: &Value) -> String {
    encode(value.to_string().as_bytes())
}

fn encode(bytes: &[u8]) -> String {
    let letter = |bits: u32| char::from(LETTERS[(bits & 63) as usize]);
    let chunk = |bytes: &[u8]| {
        let bits = bytes.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - bytes.len()));
        [18, 12, 6, 0]
            .map(|shift| letter(bits >> shift))
            .into_iter()
            .take(bytes.len() + 1)
            .collect::<String>()
    };
    bytes.chunks(3).map(chunk).collect()
}

struct Forger<'w> {
    world: &'w World,
    genuine: Vec<Tokens>,
    rng: StdRng,
}

impl Forger<'_> {
    fn any(&mut self) -> Tokens {
        self.genuine.choose(&mut self.rng).unwrap().clone()
    }

    /// The claims of one token with those of another mixed in, and the name of the key that signed it.
    fn claims(&mut self) -> (String, Value) {
        let service = &self.world.service;
        let (one, other) = (self.any(), self.any());
        let kid = rescind_session::token::TokenParts::split_without_verifying(&one.access)
            .unwrap()
            .header["kid"]
            .clone();
        let mut claims = serde_json::to_value(service.genuine_claims(&one.access).unwrap()).unwrap();
        let others = serde_json::to_value(service.genuine_claims(&other.access).unwrap()).unwrap();
        let name = *["sub", "sid", "jti", "exp", "iss", "aud"]
            .choose(&mut self.rng)
            .unwrap();
        claims[name] = match name {
            "exp" => json!(claims["exp"].as_i64().unwrap() + self.rng.random_range(1..100_000)),
            "iss" | "aud" => json!(["https://rescind.example", "rescind-api"]),
            _ => others[name].clone(),
        };
        (kid.as_str().unwrap().to_owned(), claims)
    }

    fn access_token(&mut self) -> String {
        let (one, other) = (self.any().access, self.any().access);
        let [header, claims, signature]: [&str; 3] = one.split('.').collect::<Vec<_>>().try_into().unwrap();
        let (_, others_signature) = other.rsplit_once('.').unwrap();
        let (kid, forged) = self.claims();
        let algorithm = *["none", "HS256", "ES256", "RS256", "EdDSA", ""]
            .choose(&mut self.rng)
            .unwrap();
        match self.rng.random_range(0..7) {
            0 | 1 => distorted(&one, &mut self.rng),
            2 => format!("{header}.{claims}.{others_signature}"),
            3 => format!("{header}.{}.{signature}", part(&forged)),
            4 => {
                let header =
                    json!({ "typ": "at+jwt", "alg": algorithm, "kid": kid, "jwk": { "kty": "oct", "k": "AAAA" } });
                format!("{}.{claims}.{signature}", part(&header))
            }
            5 => format!(
                "{}.{}.",
                part(&json!({ "typ": "at+jwt", "alg": algorithm, "kid": kid })),
                part(&forged)
            ),
            // Properly signed, by a key that is not ours but has the name of one of ours.
            _ => {
                let mut secret = [0; 32];
                self.rng.fill_bytes(&mut secret);
                let key = SigningKey::from_hs256_secret(&kid, &secret).unwrap();
                let claims = self.world.service.genuine_claims(&one).unwrap();
                KeyRing::new(key).sign(&claims).unwrap().expose_secret().to_owned()
            }
        }
    }

    fn refresh_token(&mut self) -> String {
        let (one, other) = (self.any().refresh, self.any().refresh);
        // 16 bytes of session and 4 of generation are the first 26 letters and most of the 27th.
        match self.rng.random_range(0..4) {
            0 | 1 => distorted(&one, &mut self.rng),
            2 => format!("{}{}", &one[..30], &other[30..]),
            _ => {
                let mut bytes = [0; 52];
                self.rng.fill_bytes(&mut bytes);
                format!("{}{}", &one[..30], &encode(&bytes)[26..])
            }
        }
    }
}

#[tokio::test]
async fn no_crafted_token_is_accepted_or_ends_a_session() {
    let world = World::new().await;
    let genuine = vec![world.login().await, world.login().await, world.login_as("bob").await];
    let mut forger = Forger {
        world: &world,
        genuine: genuine.clone(),
        rng: StdRng::seed_from_u64(9),
    };
    let is_genuine = |text: &str| {
        genuine
            .iter()
            .any(|tokens| tokens.access == text || tokens.refresh == text)
    };
    let mut tried = 0;
    for _ in 0..rounds() {
        let (access, refresh) = (forger.access_token(), forger.refresh_token());
        if is_genuine(&access) || is_genuine(&refresh) {
            continue;
        }
        tried += 1;
        let as_cookie = call(Method::GET, "/api/me").insert_header((header::COOKIE, format!("{ACCESS}={access}")));
        for (reply, crafted) in [
            (world.me(&access).await, &access),
            (world.send(as_cookie).await, &access),
            (world.post_as("/api/logout", &access).await, &access),
            (world.post_as("/api/logout-everywhere", &access).await, &access),
            (world.refresh(&refresh).await, &refresh),
            (
                world.post("/api/logout", json!({ "refresh_token": refresh })).await,
                &refresh,
            ),
        ] {
            assert!(
                matches!(reply.status.as_u16(), 400 | 401 | 422),
                "{} for {crafted}",
                reply.status
            );
        }
    }
    assert!(tried > rounds() * 3 / 4, "{tried} were not genuine by chance");
    for tokens in &genuine {
        let row = world.row(tokens.session).await;
        assert_eq!((row.state, row.reuse_noticed_at), (SessionState::Open, None));
        world.me(&tokens.access).await.is(200);
        world.refresh(&tokens.refresh).await.is(200);
    }
}
