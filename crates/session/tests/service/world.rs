//! A service on the memory adapters, with a clock that only tests move.
//!

use std::{sync::Arc, time::Duration};

use crate::faulty::{FaultyBlacklist, FaultySessions, FaultyUsers};
use jiff::Timestamp;
use rand::{SeedableRng, rngs::StdRng};
use rescind_session::{
    AuthenticateError, Check, Clock, Config, DemoAccounts, Device, HashingSettings, IssuedTokens, Keys,
    LogoutCredential, ManualClock, Password, Policy, Ports, RefreshError, Session, SessionService, User,
    ports::{Blacklist, RevocationStatus, SessionStore},
    token::{AccessClaims, Algorithm, ClientId, KeyRing, RefreshKey, RefreshKeys, SessionId, SigningKey},
};

pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// A service with its stores and its clock.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) service: SessionService,
    pub(crate) clock: ManualClock,
    pub(crate) users: Arc<FaultyUsers>,
    pub(crate) sessions: Arc<FaultySessions>,
    pub(crate) blacklist: Arc<FaultyBlacklist>,
    pub(crate) user: User,
}

pub(crate) fn noon() -> Timestamp {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// How often a race is run: a few times in every test run, a thousand in the full one.
pub(crate) fn rounds() -> usize {
    if std::env::var("RESCIND_TEST_FULL").as_deref() == Ok("1") {
        1_000
    } else {
        100
    }
}

pub(crate) fn config(policy: Policy) -> Config {
    Config::new("https://rescind.example", "rescind-api")
        .policy(policy)
        .hashing(
            HashingSettings::default()
                .memory_kib(64)
                .iterations(1)
                .at_once(4)
                .waiting(10_000),
        )
        .demo_accounts(DemoAccounts::Allowed)
}

impl World {
    /// The default policy, with one user.
    pub(crate) async fn new() -> Self {
        Self::with(config(Policy::blacklist())).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let world = Self::cold(config).await;
        world.service.sync_blacklist(100).await.unwrap();
        world
    }

    /// Like [`with`](Self::with), but the blacklist has not been synced yet.
    pub(crate) async fn cold(config: Config) -> Self {
        let clock = ManualClock::at(noon());
        let (service, users, sessions, blacklist) = service(config, Arc::new(clock.clone()));
        let user = service.sign_up("alice", &Password::new(PASSWORD)).await.unwrap();
        Self {
            service,
            clock,
            users,
            sessions,
            blacklist,
            user,
        }
    }

    pub(crate) async fn log_in(&self) -> IssuedTokens {
        self.try_log_in(PASSWORD).await.unwrap()
    }

    pub(crate) async fn try_log_in(&self, password: &str) -> Result<IssuedTokens, rescind_session::LoginError> {
        let password = Password::new(password);
        self.service
            .log_in("alice", &password, ClientId::first_party(), Device::default())
            .await
    }

    pub(crate) async fn refresh(&self, issued: &IssuedTokens) -> Result<IssuedTokens, RefreshError> {
        self.service.refresh(refresh_token(issued), Device::default()).await
    }

    pub(crate) async fn me(&self, issued: &IssuedTokens) -> Result<AccessClaims, AuthenticateError> {
        let claims = self.service.authenticate(issued.access_token.expose_secret()).await?;
        Ok(Arc::unwrap_or_clone(claims))
    }

    pub(crate) async fn log_out(
        &self,
        issued: &IssuedTokens,
    ) -> Result<rescind_session::LoggedOut, rescind_session::LogoutError> {
        self.service.log_out(with_access(issued)).await
    }

    pub(crate) async fn row(&self, id: SessionId) -> Session {
        self.sessions.find(id).await.unwrap().unwrap()
    }

    /// Whether the blacklist itself refuses it. A node also refuses the revocations that it knows and the blacklist
    /// lacks.
    pub(crate) async fn is_in_blacklist(&self, issued: &IssuedTokens) -> bool {
        let claims = &issued.claims;
        let standing = self.blacklist.inner.check(claims.token_id, claims.session_id).await;
        matches!(standing, Ok(RevocationStatus::Revoked(_)))
    }

    /// Asserts that every access token of these is refused as revoked, and every refresh token too.
    pub(crate) async fn assert_refused(&self, grants: &[IssuedTokens]) {
        for issued in grants {
            let verdict = self.me(issued).await;
            assert!(
                matches!(verdict, Err(AuthenticateError::Revoked(_))),
                "access token: {verdict:?}"
            );
            if self.service.policy().check == Check::Blacklist {
                assert!(self.is_in_blacklist(issued).await, "it is not in the blacklist");
            }
            let verdict = self.refresh(issued).await;
            assert!(verdict.is_err(), "refresh token: {verdict:?}");
        }
    }
}

/// A service on empty memory adapters.
pub(crate) fn service(
    config: Config,
    clock: Arc<dyn Clock>,
) -> (
    SessionService,
    Arc<FaultyUsers>,
    Arc<FaultySessions>,
    Arc<FaultyBlacklist>,
) {
    let rng = StdRng::seed_from_u64(1);
    let keys = Keys {
        ring: KeyRing::new(SigningKey::generate(Algorithm::EdDsa).unwrap()),
        refresh: refresh_keys(2),
    };
    let users = Arc::new(FaultyUsers::default());
    let sessions = Arc::new(FaultySessions::default());
    let blacklist = Arc::new(FaultyBlacklist::default());
    let ports = Ports {
        users: users.clone(),
        sessions: sessions.clone(),
        blacklist: blacklist.clone(),
        clock,
    };
    (
        SessionService::new(config, keys, ports, rng).unwrap(),
        users,
        sessions,
        blacklist,
    )
}

/// Every world's refresh keys are made of seed 2.
pub(crate) fn refresh_keys(seed: u64) -> RefreshKeys {
    RefreshKeys::new(RefreshKey::generate(&mut StdRng::seed_from_u64(seed)), Vec::new()).unwrap()
}

pub(crate) fn refresh_token(issued: &IssuedTokens) -> &str {
    issued.refresh.as_ref().unwrap().token.expose_secret()
}

pub(crate) fn with_access(issued: &IssuedTokens) -> LogoutCredential<'_> {
    LogoutCredential {
        access: Some(issued.access_token.expose_secret()),
        refresh: None,
    }
}

pub(crate) fn with_refresh(issued: &IssuedTokens) -> LogoutCredential<'_> {
    LogoutCredential {
        access: None,
        refresh: Some(refresh_token(issued)),
    }
}

/// The token with its second last bit changed: well formed, but not genuine.
pub(crate) fn forge(token: &str) -> String {
    let (rest, last) = token.split_at(token.len() - 5);
    let swapped = if last.starts_with('A') { "B" } else { "A" };
    format!("{rest}{swapped}{}", &last[1..])
}
