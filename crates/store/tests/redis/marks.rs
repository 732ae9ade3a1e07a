//! The mark, and which pages a copy accepts.

use rescind_session::{
    Position,
    life::LogPosition,
    ports::{Blacklist, ClaimOutcome, RebuildStep, RevocationStatus},
};
use rescind_testkit::{Tool, needs};

use super::fixture::{new_token, revocation, session_of, whole};

fn place(position: u64) -> LogPosition {
    LogPosition {
        position: Position::new(position),
        entry: None,
    }
}

/// The mark names the log, the life and the place, and moves with each page that leaves no gap.
#[tokio::test]
async fn a_page_after_a_gap_is_refused() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (_server, node, mut log) = whole().await;
    log.goes_on(&node).await;
    let (_, next) = log.append();
    let end = next.position.get();
    let claim = log.claim();
    let ClaimOutcome::CompleteTo(mark) = node.claim(claim).await.unwrap() else {
        panic!("the copy was complete");
    };
    // A page that begins beyond the mark, as if an earlier one had been lost.
    let beyond = node
        .advance(
            claim,
            Position::new(end + 1),
            place(end + 2),
            std::slice::from_ref(&next),
        )
        .await;
    assert_eq!(beyond.unwrap(), RebuildStep::ClaimLost);
    let standing = node.check(new_token(), session_of(&next)).await.unwrap();
    assert_eq!(standing, RevocationStatus::NotRevoked, "nothing of it was added");
    // The same page from the mark, and again, and one that begins below.
    for from in [mark.position.get(), mark.position.get(), 0] {
        let page = [next.clone()];
        let taken = node.advance(claim, Position::new(from), place(end), &page).await;
        assert_eq!(taken.unwrap(), RebuildStep::Accepted);
    }
    assert_eq!(
        node.complete_to(claim, place(end)).await.unwrap(),
        RebuildStep::Accepted
    );
    assert_eq!(
        node.claim(log.claim()).await.unwrap(),
        ClaimOutcome::CompleteTo(place(end))
    );
    log.assert_all_is_well(&node).await;
}

/// A flush between two pages: the second page is refused, and the sync fails.
#[tokio::test]
async fn a_flush_between_two_pages_leaves_no_gap() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, node, mut log) = whole().await;
    log.goes_on(&node).await;
    let (_, next) = log.append();
    let (claim, end) = (log.claim(), next.position.get());
    let ClaimOutcome::CompleteTo(mark) = node.claim(claim).await.unwrap() else {
        panic!("the copy was complete");
    };
    server.flush_all().await;
    let taken = node.advance(claim, mark.position, place(end), &[next]).await;
    assert_eq!(taken.unwrap(), RebuildStep::ClaimLost);
    assert_eq!(
        node.complete_to(claim, place(end)).await.unwrap(),
        RebuildStep::ClaimLost
    );
    log.assert_no_session_passes(&node).await;
    log.rebuild(&node).await;
}

/// A copy of another log is not pruned by this node's clock.
#[tokio::test]
async fn under_another_mark_pruning_removes_no_entry() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, node, log) = whole().await;
    let mark = server.command(&["GET", "{test}:mark"]).await;
    let late = revocation(session_of(&log.entries[0])).until + std::time::Duration::from_secs(1);
    server
        .command(&["SET", "{test}:mark", "another log and-life 7 -"])
        .await;
    assert_eq!(node.prune(late, 100).await.unwrap(), 0);
    server.command(&["SET", "{test}:mark", &mark]).await;
    assert_eq!(node.prune(late, 100).await.unwrap(), log.entries.len() as u64);
}
