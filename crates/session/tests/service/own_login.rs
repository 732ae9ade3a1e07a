//! Users that the application authenticates itself, and users with hashes of another program.

use std::{
    error::Error,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use rescind_session::{
    Credentials, Device, EndReason, IssuedTokens, LoginError, OpenSessionError, Password, PasswordHash,
    PasswordVerifier, Policy, Ports, ReauthenticateError, RefreshError, SessionState, SignUpError, Unavailable, User,
    Username,
    decorate::{Answer, Around, Call},
    ports::{StoreError, UserStore},
    token::{ClientId, UserId},
};

use crate::world::{PASSWORD, World, config, noon, seconds};

/// A table of another application: integer ids, and only the method that has to be written.
struct Members;

#[async_trait]
impl UserStore for Members {
    async fn find(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        let name = Username::from_normalized(format!("member {id}")).unwrap();
        Ok((id.as_str() != "13").then(|| User::new(id.clone(), name)))
    }
}

async fn with_members() -> World {
    let mut world = World::new().await;
    let ports = Ports {
        users: Arc::new(Members),
        ..world.service.ports().clone()
    };
    world.service = world.service.with_ports(ports).unwrap();
    world
}

async fn open(world: &World, user: i64) -> Result<IssuedTokens, OpenSessionError> {
    let attempt = world.service.begin_login(UserId::from(user)).await.unwrap();
    attempt.open_session(ClientId::new("till"), Device::default()).await
}

#[tokio::test]
async fn a_user_of_another_table_logs_in_refreshes_and_logs_out() {
    let world = with_members().await;
    let first = open(&world, 42).await.unwrap();
    let second = world.refresh(&first).await.unwrap();
    let claims = world.me(&second).await.unwrap();
    assert_eq!((claims.subject.as_str(), claims.client_id.as_str()), ("42", "till"));
    world.log_out(&second).await.unwrap();
    world.assert_refused(&[first, second]).await;
}

#[tokio::test]
async fn an_attempt_that_began_before_all_sessions_were_ended_opens_none() {
    let world = with_members().await;
    let user = UserId::from(42);
    let attempt = world.service.begin_login(user.clone()).await.unwrap();
    world
        .service
        .end_all_sessions(&user, EndReason::Disabled)
        .await
        .unwrap();
    let refused = attempt.open_session(ClientId::first_party(), Device::default()).await;
    assert!(matches!(refused, Err(OpenSessionError::Superseded)));
    assert_eq!(world.service.sessions(&user).await.unwrap(), []);
    open(&world, 42).await.unwrap();
}

#[tokio::test]
async fn the_next_refresh_of_a_disabled_user_ends_all_their_sessions() {
    let world = with_members().await;
    let (one, other) = (open(&world, 13).await.unwrap(), open(&world, 13).await.unwrap());
    assert!(matches!(world.refresh(&one).await, Err(RefreshError::Closed)));
    for issued in [&one, &other] {
        let state = world.row(issued.claims.session_id).await.state;
        assert!(
            matches!(
                state,
                SessionState::Closed {
                    cause: EndReason::Disabled,
                    ..
                }
            ),
            "{state:?}"
        );
    }
    world.assert_refused(&[one, other]).await;
}

/// A table whose lookup by name does not know who is disabled.
struct Forgetful(Arc<dyn UserStore>);

#[async_trait]
impl UserStore for Forgetful {
    async fn find(&self, _: &UserId) -> Result<Option<User>, StoreError> {
        Ok(None)
    }

    async fn credentials(&self, username: &Username) -> Result<Option<Credentials>, StoreError> {
        self.0.credentials(username).await
    }
}

#[tokio::test]
async fn a_user_who_may_not_log_in_is_refused_with_the_right_password() {
    let mut world = World::new().await;
    let ports = Ports {
        users: Arc::new(Forgetful(world.users.clone())),
        ..world.service.ports().clone()
    };
    world.service = world.service.with_ports(ports).unwrap();
    let refused = world.try_log_in(PASSWORD).await;
    assert!(matches!(refused, Err(LoginError::InvalidCredentials)), "{refused:?}");
    assert_eq!(world.service.sessions(&world.user.id).await.unwrap(), []);
}

#[tokio::test]
async fn a_store_without_passwords_offers_no_password_login() {
    let world = with_members().await;
    let login = world.try_log_in(PASSWORD).await;
    let unsupported = |error: &Unavailable| matches!(error, Unavailable::Store(StoreError::Unsupported(_)));
    assert!(matches!(&login, Err(LoginError::Unavailable(error)) if unsupported(error)));
    let sign_up = world.service.sign_up("ann", &Password::new(PASSWORD)).await;
    assert!(matches!(&sign_up, Err(SignUpError::Unavailable(error)) if unsupported(error)));
}

/// Text with a prefix, as some home-made programs store it.
struct Reversed;

impl PasswordVerifier for Reversed {
    fn verify(&self, password: &[u8], hash: &str) -> Option<Result<bool, Box<dyn Error + Send + Sync>>> {
        let hash = hash.strip_prefix("{reversed}")?;
        Some(Ok(hash.bytes().rev().eq(password.iter().copied())))
    }
}

async fn stored_hash(world: &World) -> String {
    let found = world.users.credentials(&world.user.username).await.unwrap();
    let Some(Credentials { password_hash, .. }) = found else {
        panic!("the user is gone")
    };
    password_hash.expose_secret().to_owned()
}

// Made with Python's crypt (libxcrypt), hashlib.scrypt and hashlib.pbkdf2_hmac.
const BCRYPT: &str = include_str!("hashes/bcrypt.txt");
const SCRYPT: &str = include_str!("hashes/scrypt.txt");
const PBKDF2: &str = include_str!("hashes/pbkdf2.txt");

#[tokio::test]
async fn a_hash_of_another_program_is_checked_and_replaced_by_argon2id() {
    let mut reversed = "{reversed}".to_owned();
    reversed.extend(PASSWORD.chars().rev());
    for hash in [BCRYPT.trim(), SCRYPT.trim(), PBKDF2.trim(), &reversed] {
        let mut world = World::new().await;
        world.service = world.service.with_password_verifier(Arc::new(Reversed));
        let stored = world.users.set_password(&world.user.id, PasswordHash::new(hash)).await;
        let _ = stored.unwrap();
        let wrong = world.try_log_in("wrong password, really").await;
        assert!(
            matches!(wrong, Err(LoginError::InvalidCredentials)),
            "{hash}: {wrong:?}"
        );
        assert_eq!(stored_hash(&world).await, hash, "a wrong password replaces nothing");
        world.log_in().await;
        assert!(stored_hash(&world).await.starts_with("$argon2id$"), "{hash}");
        world.log_in().await;
    }
}

#[tokio::test]
async fn a_store_that_keeps_old_hashes_is_asked_once_to_replace_one() {
    let mut world = World::new().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let users = Counting(world.users.clone(), asked.clone());
    let ports = Ports {
        users: Arc::new(users),
        ..world.service.ports().clone()
    };
    world.service = world.service.with_ports(ports).unwrap();
    let hash = PasswordHash::new(BCRYPT.trim());
    let _ = world.users.set_password(&world.user.id, hash).await.unwrap();
    for _ in 0..3 {
        world.log_in().await;
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    assert_eq!(stored_hash(&world).await, BCRYPT.trim());
}

/// Counts the calls of `replace_hash`, which it does not have.
struct Counting(Arc<dyn UserStore>, Arc<AtomicUsize>);

impl Around<dyn UserStore> for Counting {
    fn inner(&self) -> impl Deref<Target = dyn UserStore> + Send + Sync {
        &*self.0
    }

    async fn around<T: Answer>(
        &self,
        call: Call<'_>,
        next: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        if let Call::ReplaceHash(_) = call {
            self.1.fetch_add(1, Ordering::Relaxed);
            return Err(StoreError::Unsupported("UserStore::replace_hash"));
        }
        next.await
    }
}

#[tokio::test]
async fn an_unknown_form_of_hash_is_an_error_and_no_login() {
    let world = World::new().await;
    let hash = PasswordHash::new("{reversed}elpats");
    let _ = world.users.set_password(&world.user.id, hash).await.unwrap();
    assert!(matches!(world.try_log_in("staple").await, Err(LoginError::Hashing(_))));
}

#[tokio::test]
async fn a_proof_from_before_the_login_is_as_old_as_it_is() {
    let world = with_members().await;
    let user = UserId::from(42);
    let begin = async || world.service.begin_login(user.clone()).await.unwrap();
    for (proved, auth_time) in [
        (noon() - seconds(3600), noon() - seconds(3600)),
        (noon() + seconds(60), noon()),
    ] {
        let attempt = begin().await.authenticated_at(proved);
        let opened = attempt
            .open_session(ClientId::first_party(), Device::default())
            .await
            .unwrap();
        assert_eq!(opened.claims.auth_time, Some(auth_time));
        assert_eq!(world.row(opened.claims.session_id).await.auth_time, auth_time);

        // A proof again counts from when it was given, and an older one takes nothing back.
        let session = opened.claims.session_id;
        world.clock.advance(seconds(10));
        let newer = begin().await.authenticated_at(noon() + seconds(5));
        let renewed = newer.renew_session(session).await.unwrap();
        assert_eq!(renewed.claims.auth_time, Some(noon() + seconds(5)));
        let older = begin().await.authenticated_at(proved.min(noon()));
        let renewed = older.renew_session(session).await.unwrap();
        assert_eq!(renewed.claims.auth_time, Some(noon() + seconds(5)));
        world.clock.set(noon());
    }
}

#[tokio::test]
async fn the_password_again_renews_auth_time_and_keeps_the_session() {
    let world = World::new().await;
    let first = world.log_in().await;
    world.clock.advance(seconds(60));
    let second = world.refresh(&first).await.unwrap();
    assert_eq!(second.claims.auth_time, first.claims.auth_time);
    let renewed = world
        .service
        .reauthenticate(&second.claims, &Password::new(PASSWORD))
        .await
        .unwrap();
    assert_eq!(renewed.claims.session_id, first.claims.session_id);
    assert_eq!(
        renewed.claims.auth_time.unwrap(),
        first.claims.auth_time.unwrap() + seconds(60)
    );
    world.me(&renewed).await.unwrap();
    let third = world.refresh(&renewed).await.unwrap();
    assert_eq!(third.claims.auth_time, renewed.claims.auth_time);
    world.log_out(&third).await.unwrap();
    world.assert_refused(&[first, second, renewed, third]).await;
}

#[tokio::test]
async fn a_wrong_password_or_a_closed_session_renews_nothing() {
    let world = World::new().await;
    let issued = world.log_in().await;
    let wrong = world
        .service
        .reauthenticate(&issued.claims, &Password::new("wrong password, really"))
        .await;
    assert!(matches!(wrong, Err(ReauthenticateError::InvalidCredentials)));
    assert_eq!(world.row(issued.claims.session_id).await.auth_time, issued.at);
    world.log_out(&issued).await.unwrap();
    let late = world
        .service
        .reauthenticate(&issued.claims, &Password::new(PASSWORD))
        .await;
    assert!(matches!(late, Err(ReauthenticateError::Closed)));
}

#[tokio::test]
async fn a_policy_without_rows_cannot_renew_auth_time() {
    let world = World::with(config(Policy::short_lived())).await;
    let issued = world.log_in().await;
    let refused = world
        .service
        .reauthenticate(&issued.claims, &Password::new(PASSWORD))
        .await;
    assert!(matches!(refused, Err(ReauthenticateError::PolicyKeepsNoSession)));
}
