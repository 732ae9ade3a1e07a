//! Decorators of the ports see every call once, and change nothing by default.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers included")]

use std::{
    future::Future,
    ops::Deref,
    sync::{Arc, Mutex},
};

use jiff::Timestamp;
use rescind_session::{
    EndReason, LogId, Position,
    decorate::{Answer, Around, Call, Reply},
    life::LogPosition,
    memory::{MemoryBlacklist, MemorySessions, MemoryUsers},
    ports::{Blacklist, Closing, RebuildClaim, Rotated, SessionStore, StoreError, UserStore},
    token::UserId,
};
use uuid::Uuid;

/// Records the name of each method.
struct Noting<P: ?Sized> {
    inner: Arc<P>,
    calls: Mutex<Vec<&'static str>>,
}

impl<P: ?Sized> Noting<P> {
    fn new(inner: Arc<P>) -> Arc<Self> {
        let calls = Mutex::default();
        Arc::new(Self { inner, calls })
    }

    fn calls(&self) -> Vec<&'static str> {
        self.calls.lock().unwrap().clone()
    }
}

impl<P: ?Sized + Send + Sync> Around<P> for Noting<P> {
    fn inner(&self) -> impl Deref<Target = P> + Send + Sync {
        &*self.inner
    }

    async fn around<T: Answer>(
        &self,
        call: Call<'_>,
        next: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.calls.lock().unwrap().push(call.method());
        next.await
    }
}

mod users {
    use super::*;

    async fn empty() -> (Arc<Noting<dyn UserStore>>, ()) {
        (Noting::<dyn UserStore>::new(Arc::new(MemoryUsers::new())), ())
    }

    rescind_conformance::user_store_conformance!(empty);
}

mod sessions {
    use super::*;

    async fn empty() -> (Arc<Noting<dyn SessionStore>>, ()) {
        (Noting::<dyn SessionStore>::new(Arc::new(MemorySessions::new())), ())
    }

    rescind_conformance::session_store_conformance!(empty);

    rescind_conformance::status_list_conformance!(empty);
}

mod blacklist {
    use super::*;

    async fn empty() -> (Arc<Noting<dyn Blacklist>>, ()) {
        (Noting::<dyn Blacklist>::new(Arc::new(MemoryBlacklist::new())), ())
    }

    rescind_conformance::blacklist_conformance!(empty);
}

/// An adapter's own version of a method with a default must not be hidden by the default.
#[tokio::test]
async fn methods_with_a_default_are_forwarded_too() {
    let inner = Noting::<dyn SessionStore>::new(Arc::new(MemorySessions::new()));
    let outer = Noting::<dyn SessionStore>::new(inner.clone());
    let closing = Closing {
        cause: EndReason::LostCommit,
        at: Timestamp::UNIX_EPOCH,
        margin: std::time::Duration::ZERO,
    };
    let log = LogId::from_uuid(Uuid::nil());
    outer.snapshot(Position::START).await.unwrap();
    let _ = outer.begin_again_after_loss(log, &closing).await;
    outer.try_write().await.unwrap();
    assert_eq!(outer.calls(), ["snapshot", "begin_again_after_loss", "try_write"]);
    assert_eq!(inner.calls(), outer.calls());
    assert!(!outer.is_shared(), "as the adapter says");

    let inner = Noting::<dyn Blacklist>::new(Arc::new(MemoryBlacklist::new()));
    let outer = Noting::<dyn Blacklist>::new(inner.clone());
    let nonce = Uuid::nil();
    let claim = RebuildClaim { log, nonce };
    let _ = outer
        .advance(claim, Position::START, LogPosition::START, &[])
        .await
        .unwrap();
    let _ = outer.complete_to(claim, LogPosition::START).await.unwrap();
    outer.renew().await.unwrap();
    assert_eq!(outer.calls(), ["advance", "complete_to", "renew"]);
    assert_eq!(inner.calls(), outer.calls());
    assert!(!outer.is_shared(), "as the adapter says");
}

/// Answers instead of the adapter, and changes what the adapter answers.
struct Lying(MemorySessions);

impl Around<dyn SessionStore> for Lying {
    fn inner(&self) -> impl Deref<Target = dyn SessionStore> + Send + Sync {
        &self.0 as &dyn SessionStore
    }

    async fn around<T: Answer>(
        &self,
        call: Call<'_>,
        next: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        if let Call::ListOpen(_) = call {
            assert!(T::from_other(Rotated::Won).is_none(), "a list is no rotation");
            return Ok(T::from_other(Vec::<rescind_session::Session>::new()).unwrap());
        }
        let mut answer = next.await?;
        if let Reply::LogId(log) = answer.reply() {
            *log = LogId::from_uuid(Uuid::max());
        }
        Ok(answer)
    }
}

#[tokio::test]
async fn a_decorator_may_answer_itself_or_change_an_answer() {
    let lying = Lying(MemorySessions::new());
    assert_eq!(lying.list_open(&UserId::from(Uuid::nil())).await.unwrap(), []);
    assert_eq!(lying.log().await.unwrap(), LogId::from_uuid(Uuid::max()));
}
