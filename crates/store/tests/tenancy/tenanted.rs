//! A blacklist behind the database lock.

use std::sync::Arc;

use rescind_session::{
    LogId,
    memory::MemoryBlacklist,
    ports::{Blacklist, Claim, Copied, Filling, LockLost, Standing, StoreError},
    token::{SessionId, TokenId},
};
use rescind_store::{Tenancy, Tenant, Tenanted};
use rescind_testkit::{PostgresServer, Tool, needs};
use uuid::Uuid;

use crate::patience::until;

fn a_claim() -> Claim {
    Claim {
        log: LogId::from_uuid(Uuid::nil()),
        nonce: Uuid::nil(),
    }
}

async fn check(blacklist: &Tenanted) -> Result<Standing, StoreError> {
    let nobody = Uuid::nil();
    blacklist
        .check(TokenId::from_uuid(nobody), SessionId::from_uuid(nobody))
        .await
}

#[track_caller]
fn assert_lock_lost<T: std::fmt::Debug>(answer: Result<T, StoreError>) {
    match answer {
        Err(StoreError::Unavailable(source)) if source.is::<LockLost>() => {}
        other => panic!("without the lock: {other:?}"),
    }
}

#[tokio::test]
async fn without_the_lock_every_blacklist_call_is_unavailable() {
    let Some(_) = needs(Tool::Postgres) else { return };
    let postgres = PostgresServer::start().await;
    let tenant = Arc::new(Tenant::claim(&postgres.url(), Tenancy::Alone).await.unwrap());
    tenant.settled().await;
    let own = Arc::new(MemoryBlacklist::new());
    let blacklist = Tenanted::new(own, Arc::clone(&tenant));
    assert_eq!(blacklist.claim(a_claim()).await.unwrap(), Copied::ToBeFilled);
    assert_eq!(blacklist.complete(a_claim()).await.unwrap(), Filling::Stands);
    assert_eq!(check(&blacklist).await.unwrap(), Standing::Clear);

    postgres.kill_9();
    until("it stops believing", || !tenant.holds()).await;
    assert_lock_lost(check(&blacklist).await);
    assert_lock_lost(blacklist.insert(&[]).await);
    assert_lock_lost(blacklist.claim(a_claim()).await);
    assert_lock_lost(blacklist.fill(a_claim(), &[]).await);
    assert_lock_lost(blacklist.complete(a_claim()).await);

    postgres.start_again().await;
    until("it is back", || tenant.holds()).await;
    assert_eq!(check(&blacklist).await.unwrap(), Standing::Clear);
}
