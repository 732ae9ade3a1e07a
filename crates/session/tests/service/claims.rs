//! The application's own claims.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use rescind_session::{
    Device, LoginError, Password, Policy, RefreshError, Unavailable,
    ports::{ClaimsSource, StoreError},
    token::{ClientId, ExtraClaims, UserId},
};

use crate::world::{PASSWORD, World, config, refresh_token, seconds};

/// Roles that a test changes; an error while there are none.
#[derive(Default)]
struct Roles {
    roles: Mutex<Option<Vec<String>>>,
    calls: AtomicUsize,
}

impl Roles {
    fn set(&self, roles: Option<&[&str]>) {
        *self.roles.lock().unwrap() = roles.map(|roles| roles.iter().map(|&role| role.to_owned()).collect());
    }
}

#[async_trait]
impl ClaimsSource for Roles {
    async fn claims(&self, _: &UserId, client: &ClientId) -> Result<ExtraClaims, StoreError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        assert_eq!(client, &ClientId::first_party());
        let roles = self.roles.lock().unwrap().clone();
        let roles = roles.ok_or_else(|| StoreError::unavailable("the table of roles is locked"))?;
        Ok(ExtraClaims::new().with_roles(roles))
    }
}

async fn world() -> (World, Arc<Roles>) {
    let roles = Arc::new(Roles::default());
    let mut world = World::new().await;
    world.service = world.service.with_claims(roles.clone());
    (world, roles)
}

#[tokio::test]
async fn a_changed_role_is_in_the_next_token_and_not_in_the_last() {
    let (world, roles) = world().await;
    roles.set(Some(&["editor"]));
    let first = world.log_in().await;
    roles.set(Some(&["editor", "admin"]));
    let second = world.refresh(&first).await.unwrap();
    let again = world.refresh(&first).await.unwrap();
    for (issued, is_admin) in [(&first, false), (&second, true), (&again, true)] {
        let claims = world.me(issued).await.unwrap();
        assert!(claims.extra.has_role("editor"));
        assert_eq!(claims.extra.has_role("admin"), is_admin);
    }
}

/// The hook runs before the compare-and-swap.
#[tokio::test]
async fn a_failed_claims_source_is_unavailable_and_changes_nothing() {
    let (world, roles) = world().await;
    roles.set(Some(&[]));
    let issued = world.log_in().await;
    let row = world.row(issued.claims.session_id).await;
    roles.set(None);
    let refused = world.refresh(&issued).await;
    assert!(
        matches!(refused, Err(RefreshError::Unavailable(Unavailable::Store(_)))),
        "{refused:?}"
    );
    assert_eq!(world.row(issued.claims.session_id).await, row);
    let refused = world.try_log_in(PASSWORD).await;
    assert!(
        matches!(refused, Err(LoginError::Unavailable(Unavailable::Store(_)))),
        "{refused:?}"
    );
    assert_eq!(world.service.sessions(&world.user.id).await.unwrap(), [row]);
    roles.set(Some(&[]));
    world.refresh(&issued).await.unwrap();
}

#[tokio::test]
async fn a_token_too_large_for_a_cookie_is_not_issued() {
    let (world, roles) = world().await;
    let bytes = async |role: usize| {
        roles.set(Some(&[&"r".repeat(role)]));
        match world.try_log_in(PASSWORD).await {
            Ok(issued) => Ok(issued.access_token.expose_secret().len()),
            Err(LoginError::Unavailable(Unavailable::ClaimsTooLarge { bytes })) => Err(bytes),
            Err(error) => panic!("{error:?}"),
        }
    };
    // In base64 three bytes are four characters.
    let edge = (3_800 - bytes(0).await.unwrap()) / 4 * 3;
    let mut seen = Vec::new();
    for role in edge - 1..edge + 5 {
        seen.push(bytes(role).await);
    }
    let (issued, refused): (Vec<_>, Vec<_>) = seen.iter().partition(|bytes| bytes.is_ok());
    assert_eq!(issued.last(), Some(&Ok(3_800)), "{seen:?}");
    assert_eq!(refused.first(), Some(&Err(3_801)), "{seen:?}");
    let sessions = world.service.sessions(&world.user.id).await.unwrap();
    assert_eq!(sessions.len(), 1 + issued.len());
}

#[tokio::test]
async fn every_policy_puts_the_claims_in_its_tokens() {
    for policy in [
        Policy::stored(),
        Policy::client_delete(),
        Policy::short_lived(),
        Policy::rotation(),
    ] {
        let roles = Arc::new(Roles::default());
        let world = World::with(config(policy)).await;
        roles.set(Some(&["admin"]));
        let service = world.service.with_claims(roles.clone());
        let password = Password::new(PASSWORD);
        let login = service.log_in("alice", &password, ClientId::first_party(), Device::default());
        let issued = login.await.unwrap();
        let claims = service.authenticate(issued.access_token.expose_secret()).await.unwrap();
        assert!(claims.extra.has_role("admin"));
        assert_eq!(roles.calls.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn a_refused_refresh_token_does_not_reach_the_claims_source() {
    let (world, roles) = world().await;
    roles.set(Some(&[]));
    let issued = world.log_in().await;
    world.refresh(&issued).await.unwrap();
    world.clock.advance(seconds(11));
    let calls = roles.calls.load(Ordering::SeqCst);
    assert!(matches!(world.refresh(&issued).await, Err(RefreshError::Reused)));
    assert!(matches!(
        world
            .service
            .refresh(&refresh_token(&issued)[1..], Device::default())
            .await,
        Err(RefreshError::Invalid)
    ));
    assert_eq!(roles.calls.load(Ordering::SeqCst), calls);
}
