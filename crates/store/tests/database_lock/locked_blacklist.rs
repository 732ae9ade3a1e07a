//! A blacklist behind the database lock.

use std::sync::Arc;

use rescind_session::{
    LogId,
    memory::MemoryBlacklist,
    ports::{Blacklist, ClaimOutcome, LockLost, RebuildClaim, RebuildStep, RevocationStatus, StoreError},
    token::{SessionId, TokenId},
};
use rescind_store::{DatabaseLock, LockMode, LockedBlacklist};
use rescind_testkit::{PostgresServer, Tool, needs};
use uuid::Uuid;

use crate::patience::until;

fn a_claim() -> RebuildClaim {
    RebuildClaim {
        log: LogId::from_uuid(Uuid::nil()),
        nonce: Uuid::nil(),
    }
}

async fn check(blacklist: &LockedBlacklist) -> Result<RevocationStatus, StoreError> {
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
    let database_lock = Arc::new(DatabaseLock::claim(&postgres.url(), LockMode::Exclusive).await.unwrap());
    database_lock.settled().await;
    let own = Arc::new(MemoryBlacklist::new());
    let blacklist = LockedBlacklist::new(own, Arc::clone(&database_lock));
    assert_eq!(blacklist.claim(a_claim()).await.unwrap(), ClaimOutcome::Granted);
    assert_eq!(blacklist.complete(a_claim()).await.unwrap(), RebuildStep::Accepted);
    assert_eq!(check(&blacklist).await.unwrap(), RevocationStatus::NotRevoked);

    postgres.kill_9();
    until("it stops believing", || !database_lock.holds()).await;
    assert_lock_lost(check(&blacklist).await);
    assert_lock_lost(blacklist.insert(&[]).await);
    assert_lock_lost(blacklist.claim(a_claim()).await);
    assert_lock_lost(blacklist.fill(a_claim(), &[]).await);
    assert_lock_lost(blacklist.complete(a_claim()).await);

    postgres.start_again().await;
    until("it is back", || database_lock.holds()).await;
    assert_eq!(check(&blacklist).await.unwrap(), RevocationStatus::NotRevoked);
}
