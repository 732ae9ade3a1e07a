//! A signing key is replaced on two nodes while people are logged in, with the key rings that the program uses.
//!
//! Nothing waits: the minutes are simulated, and each verification gets the time as a parameter.

use std::time::Duration;

use jiff::Timestamp;
use rand::{SeedableRng, rngs::StdRng};
use rescind_session::token::{
    AccessClaims, AccessToken, Algorithm, ClientId, KeyError, KeyRing, SessionId, SigningKey, TokenId, UserId, Verifier,
};
use secrecy::ExposeSecret;

/// The result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rollover {
    /// How many tokens of logged-in users were refused.
    pub refused: usize,
    /// How long the stolen old key could forge tokens after its last regular signature.
    pub forged: Duration,
}

const ISSUER: &str = "https://sandbox.example";
const AUDIENCE: &str = "rescind-api";
/// The lifetime of a token.
const LIFE: Duration = Duration::from_secs(300);
/// The delay of the second node.
const NEWS_TAKE: i64 = 60;
const TICK: usize = 60;
const BEGINS: i64 = -300;
const ENDS: i64 = 1_800;
/// When the new key signs, if it is published first.
const LATER: i64 = 120;

/// Two fixed keys, since a ring consumes its keys.
struct Keys {
    old: secrecy::SecretString,
    new: secrecy::SecretString,
}

/// The schedule of the replacement, in seconds from its begin.
struct Plan {
    signs: i64,
    /// How long the old key still verifies after its last signature.
    keeps: i64,
}

impl Plan {
    /// When the last node stops signing with the old key.
    fn last(&self) -> i64 {
        self.signs + NEWS_TAKE
    }

    /// The ring of a node with that delay.
    fn ring(&self, keys: &Keys, at: i64, behind: i64) -> Result<KeyRing, KeyError> {
        let at = at - behind;
        let read = |pem: &secrecy::SecretString| SigningKey::from_pkcs8_pem(pem.expose_secret());
        let (old, new) = (read(&keys.old)?, read(&keys.new)?);
        Ok(if at < 0 {
            KeyRing::new(old)
        } else if at < self.signs {
            KeyRing::new(old).with_retired(new.verifying_key())
        } else if at < self.last().saturating_add(self.keeps) {
            KeyRing::new(new).with_retired(old.verifying_key())
        } else {
            KeyRing::new(new)
        })
    }
}

fn key() -> Result<secrecy::SecretString, KeyError> {
    SigningKey::generate(Algorithm::EdDsa)?
        .to_pkcs8_pem()
        .ok_or(KeyError::Pem)
}

fn instant(at: i64) -> Timestamp {
    Timestamp::from_second(1_767_261_600 + at).unwrap_or_default()
}

fn sign(ring: &KeyRing, at: i64, rng: &mut StdRng) -> Option<AccessToken> {
    let now = instant(at);
    let claims = AccessClaims {
        issuer: ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
        subject: UserId::generate(now, rng),
        client_id: ClientId::first_party(),
        issued_at: now,
        expires_at: now.checked_add(LIFE).ok()?,
        token_id: TokenId::random(rng),
        session_id: SessionId::new(now, rng),
        auth_time: None,
        extra: Default::default(),
    };
    ring.sign(&claims).ok()
}

impl Rollover {
    /// Replaces the key while users are logged in and a thief has the old one. `known_first`: whether all nodes know
    /// the new key before it signs; `keeps`: how long the old one still verifies.
    ///
    /// # Errors
    /// A key could not be made.
    pub fn run(known_first: bool, keeps: Duration) -> Result<Self, KeyError> {
        let plan = Plan {
            signs: if known_first { LATER } else { 0 },
            keeps: i64::try_from(keeps.as_secs()).unwrap_or(i64::MAX),
        };
        let keys = Keys {
            old: key()?,
            new: key()?,
        };
        let verifier = Verifier::new(ISSUER, AUDIENCE).max_lifetime(LIFE);
        let mut rng = StdRng::seed_from_u64(7517);
        let stolen = KeyRing::new(SigningKey::from_pkcs8_pem(keys.old.expose_secret())?);

        let mut alive: Vec<(i64, AccessToken)> = Vec::new();
        let (mut refused, mut forged_until) = (0, 0);
        // Of the time for which the old key is kept after that, only the end is played.
        let end = plan.last().saturating_add(plan.keeps);
        let at_the_end = end.max(ENDS + 1)..=end.saturating_add(NEWS_TAKE);
        for at in (BEGINS..=ENDS).step_by(TICK).chain(at_the_end.step_by(TICK)) {
            let nodes = [plan.ring(&keys, at, 0)?, plan.ring(&keys, at, NEWS_TAKE)?];
            let is_accepted =
                |node: &KeyRing, token: &AccessToken| verifier.verify(node, token.expose_secret(), instant(at)).is_ok();
            alive.retain(|(signed, _)| Duration::from_secs(at.abs_diff(*signed)) < LIFE);
            alive.extend(nodes.iter().filter_map(|node| Some((at, sign(node, at, &mut rng)?))));
            refused += nodes
                .iter()
                .map(|node| alive.iter().filter(|(_, token)| !is_accepted(node, token)).count())
                .sum::<usize>();
            if let Some(forged) = sign(&stolen, at, &mut rng)
                && nodes.iter().any(|node| is_accepted(node, &forged))
            {
                forged_until = at;
            }
        }
        let forged = Duration::from_secs(forged_until.saturating_sub(plan.last()).try_into().unwrap_or_default());
        Ok(Self { refused, forged })
    }
}
