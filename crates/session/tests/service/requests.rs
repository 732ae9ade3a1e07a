//! Services bound to a request's deadline, and sealed texts.

use std::time::Duration;

use rescind_session::{EndReason, Unavailable};

use crate::{
    faulty::{Fault, Gate},
    world::{World, refresh_keys},
};

#[tokio::test]
async fn work_after_the_reply_has_its_own_deadline() {
    tokio::time::pause();
    let world = World::new().await;
    let id = world.log_in().await.claims.session_id;
    let request = world.service.for_request();
    world.sessions.faults.set("find", Fault::Hangs);
    assert!(matches!(request.session(id).await, Err(Unavailable::Store(_))));

    let gate = Gate::new();
    world.sessions.faults.set("find", Fault::Waits(gate.clone()));
    assert!(
        matches!(request.session(id).await, Err(Unavailable::Store(_))),
        "its time was over"
    );
    gate.arrival().await;
    let detached = request.detached();
    let found = tokio::spawn(async move { detached.session(id).await });
    gate.arrival().await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    gate.let_go();
    assert_eq!(found.await.unwrap().unwrap().unwrap().id, id);
}

#[tokio::test]
async fn only_a_sealed_text_is_unsealed() {
    let world = World::new().await;
    let sealed = world.service.seal("the password is changed");
    assert_eq!(world.service.unseal(&sealed), Some("the password is changed"));
    assert_ne!(sealed, world.service.seal("the password is change"));
    for forged in ["", "the password is changed", &sealed[1..], &format!("{sealed}A")] {
        assert_eq!(world.service.unseal(forged), None, "{forged}");
    }
    assert_eq!(refresh_keys(2).unseal(&sealed), Some("the password is changed"));
    assert_eq!(refresh_keys(3).unseal(&sealed), None);
}

#[tokio::test]
async fn ending_no_session_needs_no_blacklist() {
    let world = World::new().await;
    world.blacklist.faults.set("insert", Fault::Fails);
    world
        .service
        .end_all_sessions(&world.user.id, EndReason::Administrator)
        .await
        .unwrap();
    world.log_in().await;
    world
        .service
        .end_all_sessions(&world.user.id, EndReason::Administrator)
        .await
        .unwrap_err();
}

#[tokio::test]
async fn a_node_that_may_have_lost_its_lock_is_not_ready() {
    let world = World::new().await;
    for (fault, reason) in [(Fault::LosesLock, "lock"), (Fault::Fails, "blacklist")] {
        world.blacklist.faults.set("check", fault);
        assert_eq!(world.service.ready().await.unwrap_err().reason(), reason);
    }
    world.blacklist.faults.clear();
    world.service.ready().await.unwrap();
}
