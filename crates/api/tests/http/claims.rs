//! The application's own claims, over HTTP.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use rescind_session::{
    ports::{ClaimsSource, StoreError},
    token::{ClientId, ExtraClaims, UserId},
};
use tokio::time::Instant;

use crate::world::{PASSWORD, World};

#[derive(Debug, Clone, Copy)]
enum Roles {
    Few,
    TooLarge,
    Fail,
    Hang,
}

struct Source(Mutex<Roles>);

impl Source {
    fn now(&self, roles: Roles) {
        *self.0.lock().unwrap() = roles;
    }
}

#[async_trait]
impl ClaimsSource for Source {
    async fn claims(&self, _: &UserId, _: &ClientId) -> Result<ExtraClaims, StoreError> {
        let roles = *self.0.lock().unwrap();
        let role = match roles {
            Roles::Few => "r".to_owned(),
            Roles::TooLarge => "r".repeat(4_000),
            Roles::Fail => return Err(StoreError::unavailable("the table of roles is locked")),
            Roles::Hang => std::future::pending().await,
        };
        Ok(ExtraClaims::new().with_roles([role]))
    }
}

/// The store timeout is 500 ms; a timer may be a few late.
#[tokio::test(start_paused = true)]
async fn without_its_claims_a_call_is_refused_in_time_and_nothing_is_rotated() {
    let mut world = World::new().await;
    let source = Arc::new(Source(Mutex::new(Roles::Few)));
    world.service = world.service.with_claims(source.clone());
    world.rescind = world.rescind.with_service(world.service.clone());
    let tokens = world.login().await;
    let rows = [world.row(tokens.session).await];
    for (roles, status, code) in [
        (Roles::Hang, 503, "store_unavailable"),
        (Roles::Fail, 503, "store_unavailable"),
        (Roles::TooLarge, 500, "claims_too_large"),
    ] {
        source.now(roles);
        let began = Instant::now();
        world.refresh(&tokens.refresh).await.is_problem(status, code);
        assert!(
            began.elapsed() <= Duration::from_millis(510),
            "a refresh beside {roles:?}"
        );
        let began = Instant::now();
        world.try_login("alice", PASSWORD).await.is_problem(status, code);
        assert!(
            began.elapsed() <= Duration::from_millis(510),
            "a login beside {roles:?}"
        );
        let after = world.service.sessions(&rows[0].user).await.unwrap();
        assert_eq!(after, rows, "{roles:?}");
    }
    source.now(Roles::Few);
    world.refresh(&tokens.refresh).await.tokens();
}
