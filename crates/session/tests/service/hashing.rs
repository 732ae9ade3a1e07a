//! The order in which passwords are hashed.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::future::{join, join_all};
use rescind_session::{
    Device, HashingError, InvalidPassword, LoginError, Password, PasswordVerifier, Policy, SessionService, SignUpError,
    token::ClientId,
};

use crate::world::{PASSWORD, World, config};

async fn world(at_once: usize, waiting: usize) -> World {
    let mut config = config(Policy::blacklist());
    config.hashing = config
        .hashing
        // Long enough for all requests to enter the queue.
        .memory_kib(4 * 1024)
        .at_once(at_once)
        .waiting(waiting);
    World::with(config).await
}

/// The service for a client at that address.
fn at(world: &World, address: u32) -> SessionService {
    world.service.for_client(Some(IpAddr::V4(Ipv4Addr::from_bits(address))))
}

async fn log_in(world: &World, address: u32, name: &str) -> Result<(), LoginError> {
    let password = Password::new(PASSWORD);
    let login = at(world, address);
    let login = login.log_in(name, &password, ClientId::first_party(), Device::default());
    login.await.map(drop)
}

/// The order in which passwords are hashed, which depends on the queue only. When a login is answered depends on how
/// fast two threads run beside each other.
#[derive(Default)]
struct Turns {
    /// How many others have been hashed.
    others: AtomicUsize,
    /// How many of them came before each honest login.
    before_logins: Mutex<Vec<usize>>,
}

impl Turns {
    fn of(world: &mut World) -> Arc<Self> {
        let turns = Arc::<Self>::default();
        world.service = world.service.clone().with_password_verifier(turns.clone());
        turns
    }

    fn other(&self) {
        self.others.fetch_add(1, Ordering::Relaxed);
    }

    fn others(&self) -> usize {
        self.others.load(Ordering::Relaxed)
    }

    fn before_last_login(&self) -> usize {
        *self.before_logins.lock().unwrap().last().unwrap()
    }
}

impl PasswordVerifier for Turns {
    fn verify(&self, password: &[u8], _: &str) -> Option<Result<bool, Box<dyn std::error::Error + Send + Sync>>> {
        match password == PASSWORD.as_bytes() {
            true => self.before_logins.lock().unwrap().push(self.others()),
            false => self.other(),
        }
        None
    }
}

/// Runs requests, none of which is hashed before all have arrived: the only hashing thread is busy until then.
fn run_beside<T>(world: impl Future<Output = World>, requests: impl AsyncFnOnce(World) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    runtime.block_on(async {
        let world = world.await;
        let (all_came, wait) = std::sync::mpsc::channel();
        tokio::task::spawn_blocking(move || wait.recv());
        let all_come = async {
            for _ in 0..1_000 {
                tokio::task::yield_now().await;
            }
            all_came.send(()).unwrap();
        };
        join(requests(world), all_come).await.0
    })
}

fn refused(logins: &[Result<(), LoginError>]) -> usize {
    let refused = logins
        .iter()
        .filter(|login| matches!(login, Err(LoginError::Hashing(HashingError::Overloaded))));
    refused.count()
}

#[test]
fn addresses_take_turns() {
    let before = run_beside(world(1, 100), async |mut world| {
        let turns = Turns::of(&mut world);
        let wrong = Password::new("a wrong password");
        // Known and unknown names wait alike.
        let flood = join_all((0..20).map(async |n| {
            let name = if n % 2 == 0 { "alice" } else { "nobody" };
            let login = at(&world, 1);
            let login = login.log_in(name, &wrong, ClientId::first_party(), Device::default());
            login.await.map(drop)
        }));
        let (flood, honest) = join(flood, log_in(&world, 2, "alice")).await;
        honest.unwrap();
        assert_eq!(refused(&flood), 0);
        turns.before_last_login()
    });
    assert!(before <= 3, "{before} of the flood came first");
}

#[test]
fn a_flood_leaves_places_to_other_addresses() {
    // One runs. Of one network 32 wait, or a sixteenth of all places.
    for (waiting, places) in [(16, 17), (64, 33), (512, 33), (1_024, 65)] {
        let (flood, honest) = run_beside(world(1, waiting), async |world| {
            let flood = join_all((0..80).map(|_| log_in(&world, 1, "nobody")));
            join(flood, log_in(&world, 2, "alice")).await
        });
        assert_eq!(refused(&flood), 80 - places, "{waiting}");
        assert_eq!(honest.is_ok(), waiting > 16);
    }
}

#[test]
fn as_many_wait_as_configured_and_half_of_them_sign_ups() {
    for (waiting, logins, sign_ups) in [(0, 1, 1), (1, 2, 1), (2, 3, 1), (9, 10, 5)] {
        let came = run_beside(world(1, waiting), async |world| {
            join_all((0..20).map(|n| log_in(&world, 100 + n, "alice"))).await
        });
        assert_eq!(refused(&came), 20 - logins, "{waiting}");
        let came = run_beside(world(1, waiting), async |world| {
            let password = Password::new(PASSWORD);
            let sign_up = async |n: u32| at(&world, 100 + n).sign_up(&format!("person-{n}"), &password).await;
            join_all((0..20).map(sign_up)).await
        });
        let signed_up = came.iter().filter(|signed_up| signed_up.is_ok());
        assert_eq!(signed_up.count(), sign_ups, "{waiting}");
    }
}

/// Signs up 30 people, each from its own network: 100, 101 …
async fn sign_ups(world: &World, turns: &Turns) -> Vec<Result<(), SignUpError>> {
    let password = Password::new("a password of somebody new");
    join_all((0..30).map(async |n: u32| {
        let signed_up = at(world, 100 + n).sign_up(&format!("person-{n}"), &password).await;
        turns.other();
        signed_up.map(drop)
    }))
    .await
}

#[test]
fn sign_ups_take_half_of_the_turns() {
    let (signed_up, before) = run_beside(world(1, 100), async |mut world| {
        let turns = Turns::of(&mut world);
        let honest = async {
            let mut before = 0;
            for n in 0..5 {
                let came = turns.others();
                log_in(&world, 200 + n, "alice").await.unwrap();
                before += turns.before_last_login() - came;
            }
            before
        };
        join(sign_ups(&world, &turns), honest).await
    });
    assert!(before <= 12, "{before} sign-ups before five logins");
    assert!(signed_up.iter().all(Result::is_ok), "{signed_up:?}");
}

#[tokio::test]
async fn sign_ups_leave_half_of_the_places_to_logins() {
    let world = world(1, 8).await;
    let password = Password::new(PASSWORD);
    let sign_ups = join_all((0..20).map(async |n: u32| {
        let signed_up = at(&world, 100 + n).sign_up(&format!("person-{n}"), &password).await;
        signed_up.is_ok()
    }));
    let logins = join_all((0..4).map(|n| log_in(&world, 200 + n, "alice")));
    let (signed_up, logins) = join(sign_ups, logins).await;
    assert!(logins.iter().all(Result::is_ok), "{logins:?}");
    let signed_up = signed_up.into_iter().filter(|done| *done).count();
    assert!(signed_up >= 4, "{signed_up}");
}

#[test]
fn a_login_does_not_wait_behind_a_sign_up_of_its_network() {
    let before = run_beside(world(1, 100), async |mut world| {
        let turns = Turns::of(&mut world);
        // The last sign-up comes from the network of the login.
        let (_, honest) = join(sign_ups(&world, &turns), log_in(&world, 129, "alice")).await;
        honest.unwrap();
        turns.before_last_login()
    });
    assert!(before <= 5, "{before} sign-ups came first");
}

#[tokio::test]
async fn a_password_matches_only_its_own_hash() {
    let world = world(1, 8).await;
    log_in(&world, 1, "alice").await.unwrap();
    for (name, wrong) in [
        ("alice", "correct house"),
        ("nobody", "nobody's password"),
        ("nobody", PASSWORD),
    ] {
        let password = Password::new(wrong);
        let login = world
            .service
            .log_in(name, &password, ClientId::first_party(), Device::default());
        assert!(
            matches!(login.await, Err(LoginError::InvalidCredentials)),
            "{name} {wrong}"
        );
    }
    let name = &world.user.username;
    let stored = world.service.ports().users.credentials(name).await.unwrap().unwrap();
    let stored = stored.password_hash.expose_secret();
    assert!(stored.starts_with("$argon2id$v=19$m=4096,t=1,p=1$"), "{stored}");
    // A hash of "password", made elsewhere with other settings.
    let foreign = "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA";
    let foreign = rescind_session::PasswordHash::new(foreign);
    let _ = world
        .service
        .ports()
        .users
        .set_password(&world.user.id, foreign)
        .await
        .unwrap();
    let password = Password::new("password");
    let login = world
        .service
        .log_in("alice", &password, ClientId::first_party(), Device::default());
    login.await.unwrap();
}

#[test]
fn a_new_password_is_checked_for_length_and_commonness_only() {
    for (length, fits) in [(0, false), (14, false), (15, true), (256, true), (257, false)] {
        // Two bytes each.
        let password = Password::new("ä".repeat(length));
        let expected = if fits { Ok(()) } else { Err(InvalidPassword::Length) };
        assert_eq!(password.check_rules(), expected, "{length}");
    }
}

/// ASVS 5, 6.2.4: at least the 3,000 most common passwords that satisfy the rules.
#[test]
fn common_passwords_are_refused_in_any_case_and_width() {
    let list = include_str!("../../src/common_passwords/list.txt");
    assert!(list.lines().count() >= 3_000);
    for common in list.lines() {
        let refused = Password::new(common).check_rules();
        assert_eq!(refused, Err(InvalidPassword::Common), "{common}");
    }
    for typed in [
        "PASSWORDPASSWORD",
        "passwordPassword",
        "ｐａｓｓｗｏｒｄpassword",
        "123456789123456789",
    ] {
        assert_eq!(
            Password::new(typed).check_rules(),
            Err(InvalidPassword::Common),
            "{typed}"
        );
    }
    for rare in [PASSWORD, "passwordpassworx", "a password that is long"] {
        assert_eq!(Password::new(rare).check_rules(), Ok(()), "{rare}");
    }
}

async fn stored_hash(world: &World) -> String {
    let name = &world.user.username;
    let stored = world.service.ports().users.credentials(name).await.unwrap().unwrap();
    stored.password_hash.expose_secret().to_owned()
}

async fn log_in_with(world: &World, password: &str) -> Result<(), LoginError> {
    let password = Password::new(password);
    let login = world
        .service
        .log_in("alice", &password, ClientId::first_party(), Device::default());
    login.await.map(drop)
}

async fn store(world: &World, hash: &str) {
    let hash = rescind_session::PasswordHash::new(hash);
    let _ = world
        .service
        .ports()
        .users
        .set_password(&world.user.id, hash)
        .await
        .unwrap();
}

/// The same password in the four forms in which keyboards send it.
const SPELLINGS: [&str; 4] = [
    "mot de passe: \u{e9}\u{e9}1\u{fb01}",
    "mot de passe: e\u{301}\u{e9}1\u{fb01}",
    "mot de passe: e\u{301}e\u{301}1fi",
    "mot de passe: \u{e9}\u{e9}\u{ff11}\u{ff46}i",
];

#[tokio::test]
async fn a_password_is_the_same_in_every_spelling() {
    for set in SPELLINGS {
        let world = world(1, 8).await;
        let (old, new) = (Password::new(PASSWORD), Password::new(set));
        let session = world.log_in().await.claims.session_id;
        world
            .service
            .change_password(&world.user, &old, &new, session)
            .await
            .unwrap();
        for typed in SPELLINGS {
            log_in_with(&world, typed).await.unwrap();
        }
        let other = log_in_with(&world, "mot de passe: ee1fi").await;
        assert!(matches!(other, Err(LoginError::InvalidCredentials)));
    }
}

/// Argon2id of the third spelling as it is typed, made by the program before it normalised passwords.
#[tokio::test]
async fn a_hash_of_a_raw_password_is_accepted_once_and_replaced() {
    let world = world(1, 8).await;
    let raw = SPELLINGS[2];
    let old = raw_hash(raw);
    store(&world, &old).await;
    for typed in [SPELLINGS[0], SPELLINGS[1], SPELLINGS[3]] {
        let refused = log_in_with(&world, typed).await;
        assert!(matches!(refused, Err(LoginError::InvalidCredentials)), "{typed}");
        assert_eq!(stored_hash(&world).await, old);
    }
    log_in_with(&world, raw).await.unwrap();
    let new = stored_hash(&world).await;
    assert!(new.starts_with("$argon2id$") && new != old, "{new}");
    for typed in SPELLINGS {
        log_in_with(&world, typed).await.unwrap();
    }
    assert_eq!(stored_hash(&world).await, new, "replaced once");
}

fn raw_hash(password: &str) -> String {
    use argon2::{Argon2, password_hash::phc};
    let (salt, argon2) = ([7; 16], Argon2::default());
    let mut output = [0; 32];
    argon2
        .hash_password_into(password.as_bytes(), &salt, &mut output)
        .unwrap();
    phc::PasswordHash {
        algorithm: argon2::ARGON2ID_IDENT,
        version: Some(0x13),
        params: argon2.params().try_into().unwrap(),
        salt: Some(phc::Salt::new(&salt).unwrap()),
        hash: Some(phc::Output::new(&output).unwrap()),
    }
    .to_string()
}
