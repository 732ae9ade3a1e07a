//! Successive services on the same stores, each under another policy.

use std::sync::Arc;

use crate::world::{PASSWORD, config, noon, refresh_keys, seconds};
use rand::{SeedableRng, rngs::StdRng};
use rescind_session::{
    Check, Device, IssuedTokens, Keys, LogoutCredential, ManualClock, Password, Policy, Ports, Preset, SessionService,
    StolenTokenDies,
    memory::{MemoryBlacklist, MemorySessions, MemoryUsers},
    token::{Algorithm, ClientId, KeyRing, SigningKey},
};
use secrecy::ExposeSecret;

/// What survives a restart.
struct Machine {
    pem: String,
    clock: ManualClock,
    users: Arc<MemoryUsers>,
    sessions: Arc<MemorySessions>,
}

impl Machine {
    /// Starts the service under a policy, like the program: a new blacklist is filled from the log.
    async fn start(&self, preset: Preset) -> SessionService {
        let keys = Keys {
            ring: KeyRing::new(SigningKey::from_pkcs8_pem(&self.pem).unwrap()),
            refresh: refresh_keys(2),
        };
        let ports = Ports {
            users: self.users.clone(),
            sessions: self.sessions.clone(),
            blacklist: Arc::new(MemoryBlacklist::new()),
            clock: Arc::new(self.clock.clone()),
        };
        let seed = u64::try_from(preset as usize).unwrap();
        let rng = StdRng::seed_from_u64(seed);
        let mut config = config(Policy::preset(preset));
        // Thousands of starts, and each hashes a password.
        config.hashing.memory_kib = 8;
        let service = SessionService::new(config, keys, ports, rng).unwrap();
        service.sync_blacklist(100).await.unwrap();
        service
    }
}

#[derive(Debug, Clone, Copy)]
enum Leaving {
    ByAccessToken,
    ByRefreshToken,
    Everywhere,
}

/// Whether the result was that the token is refused from now on.
async fn says_now(service: &SessionService, issued: &IssuedTokens, leaving: Leaving) -> bool {
    let refresh = issued.refresh.as_ref().map(|refresh| refresh.token.expose_secret());
    let presented = match leaving {
        Leaving::ByAccessToken => LogoutCredential {
            access: Some(issued.access_token.expose_secret()),
            refresh: None,
        },
        Leaving::ByRefreshToken => LogoutCredential { access: None, refresh },
        Leaving::Everywhere => {
            // It needs an accepted token, and returns `Now` if the policy checks on every request.
            let accepted = service.authenticate(issued.access_token.expose_secret()).await;
            let asks = service.policy().check != Check::Nothing;
            return match accepted {
                Ok(claims) => service.log_out_everywhere(&claims).await.is_ok() && asks,
                Err(_) => false,
            };
        }
    };
    let done = service.log_out(presented).await;
    done.is_ok_and(|done| done.stolen_token == StolenTokenDies::Now)
}

async fn assert_refused(service: &SessionService, grants: &[IssuedTokens], story: &str) {
    for issued in grants {
        if service.policy().check != Check::Nothing {
            let verdict = service.authenticate(issued.access_token.expose_secret()).await;
            assert!(verdict.is_err(), "accepted under {}: {story}", service.policy().preset);
        }
        if let Some(refresh) = &issued.refresh {
            let verdict = service.refresh(refresh.token.expose_secret(), Device::default()).await;
            assert!(verdict.is_err(), "refreshed under {}: {story}", service.policy().preset);
        }
    }
}

/// A token's age under each policy, in seconds: new, then older, then expired under the short lifetimes.
fn ages() -> &'static [u64] {
    const AGES: [u64; 6] = [0, 150, 301, 100, 299, 11 * 3600];
    if crate::world::rounds() > 100 {
        &AGES
    } else {
        &AGES[..3]
    }
}

/// All sequences of three policies: a login under the first, perhaps a refresh under each, a logout under any of them,
/// with tokens from new to expired. A token refused "now" is refused under every policy that checks.
#[tokio::test]
async fn after_an_immediate_logout_no_checking_policy_accepts_the_token() {
    let users = Arc::new(MemoryUsers::new());
    let pem = SigningKey::generate(Algorithm::EdDsa).unwrap().to_pkcs8_pem().unwrap();
    let machine = || Machine {
        pem: pem.expose_secret().to_owned(),
        clock: ManualClock::at(noon()),
        users: users.clone(),
        sessions: Arc::new(MemorySessions::new()),
    };
    machine()
        .start(Preset::Blacklist)
        .await
        .sign_up("alice", &Password::new(PASSWORD))
        .await
        .unwrap();
    let mut told_now = 0;
    for first in Preset::ALL {
        for second in Preset::ALL {
            for third in Preset::ALL {
                for age in ages() {
                    for (leaving_at, leaving) in [0, 1, 2].into_iter().flat_map(|at| {
                        [Leaving::ByAccessToken, Leaving::ByRefreshToken, Leaving::Everywhere].map(|how| (at, how))
                    }) {
                        let story = format!("{first}, {second}, {third}; {leaving:?} at {leaving_at}, {age} s each");
                        let (machine, mut grants, mut ended) = (machine(), Vec::<IssuedTokens>::new(), false);
                        for (at, preset) in [first, second, third].into_iter().enumerate() {
                            let service = machine.start(preset).await;
                            if at == 0 {
                                let (password, client) = (Password::new(PASSWORD), ClientId::first_party());
                                let login = service.log_in("alice", &password, client, Device::default()).await;
                                grants.push(login.unwrap());
                            } else if let Some(refresh) = grants.last().and_then(|issued| issued.refresh.as_ref())
                                && let Ok(next) =
                                    service.refresh(refresh.token.expose_secret(), Device::default()).await
                            {
                                grants.push(next);
                            }
                            machine.clock.advance(seconds(*age));
                            if at == leaving_at {
                                ended = says_now(&service, &grants[0], leaving).await;
                                told_now += usize::from(ended);
                            }
                            if ended {
                                assert_refused(&service, &grants, &story).await;
                            }
                            let _ = service.prune(100).await.unwrap();
                        }
                        if ended {
                            for preset in Preset::ALL {
                                assert_refused(&machine.start(preset).await, &grants, &story).await;
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(told_now > 300, "only {told_now} logouts said \"now\"");
}

/// The row of a session may be lost, as after a restore, while several of its tokens are valid.
#[tokio::test]
async fn a_logout_without_a_row_ends_every_token_of_the_session() {
    use rescind_session::ports::{Epoch, SessionStore};
    let world = crate::world::World::new().await;
    let first = world.log_in().await;
    let second = world.refresh(&first).await.unwrap();
    let other = world.log_in().await;
    let row = world.row(other.claims.session_id).await;
    world.sessions.restore(&row).await;
    assert_eq!(world.sessions.epoch(&world.user.id).await.unwrap(), Epoch::FIRST);
    let left = world.log_out(&second).await.unwrap();
    assert_eq!(left.stolen_token, StolenTokenDies::Now);
    world.assert_refused(&[first, second]).await;
    world.me(&other).await.unwrap();
}
