//! Another process holds the database's write lock. An operation that cannot be written is not confirmed.

use std::{fs::File, path::Path, time::Duration};

use rescind_testkit::Reply;
use rustix::fs::{FlockOperation, fcntl_lock};
use tokio::time::{Instant, interval, timeout};

use crate::stage::{DEMO_PASSWORD, Stage, program};

/// The default of `RESCIND_STORE_TIMEOUT`.
const STORE_TIMEOUT: &str = "500ms";
/// With a busy machine's delay; less than the five seconds for which SQLite itself would wait.
const SOON: Duration = Duration::from_secs(4);

/// Keeps every writer out until it is dropped, and lets readers in: what an open write transaction of another process does.
///
/// A writer takes an exclusive lock on one byte of the WAL index (sqlite.org/walformat.html, section 2.3.1). A shared lock on
/// all its bytes blocks it, but not readers, whose locks are shared too.
struct Held(#[expect(dead_code, reason = "holds the lock as long as it is open")] File);

impl Held {
    fn of(data_dir: &Path) -> Self {
        let index = File::open(data_dir.join("rescind.db-shm")).unwrap();
        fcntl_lock(&index, FlockOperation::LockShared).unwrap();
        Self(index)
    }
}

async fn assert_unavailable_soon(answer: impl Future<Output = Reply>) -> Reply {
    let begun = Instant::now();
    let reply = answer.await;
    let took = begun.elapsed();
    assert!(took < SOON, "answered only after {took:?}: {reply:?}");
    assert!(!reply.header("retry-after").is_empty(), "{reply:?}");
    reply.expect_problem(503, "store_unavailable")
}

/// Repeats the request until it is done, after each `Retry-After`.
async fn until(status: u16, what: impl AsyncFn() -> Reply) -> Reply {
    let mut again = interval(Duration::from_millis(100));
    let done = async {
        loop {
            again.tick().await;
            let reply = what().await;
            if reply.status == status {
                return reply;
            }
            reply.expect_problem(503, "store_unavailable");
        }
    };
    timeout(Duration::from_secs(30), done).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_locked_writes_are_503_and_a_repeat_does_them() {
    let stage = Stage::with(program().env("RESCIND_STORE_TIMEOUT", STORE_TIMEOUT)).await;
    let (leaving, staying) = (stage.log_in().await, stage.log_in().await);
    let visitor = stage.running.cookie_client();
    visitor.log_in("bob", DEMO_PASSWORD).await.expect_status(303);
    let cookie = visitor.cookie("rescind_access").unwrap();

    let held = Held::of(&stage.running.data_dir());
    assert_unavailable_soon(stage.api.log_out(leaving.access())).await;
    assert_unavailable_soon(stage.api.log_out_everywhere(leaving.access())).await;
    assert_unavailable_soon(stage.api.refresh(staying.refresh())).await;
    let page = assert_unavailable_soon(visitor.log_out()).await;
    assert_eq!(
        page.header_values("set-cookie").count(),
        0,
        "without its cookies nobody can repeat the logout"
    );
    assert!(visitor.cookie("rescind_access").is_some() && visitor.cookie("rescind_refresh").is_some());
    let login = stage.api.log_in("alice", DEMO_PASSWORD).await;
    login.expect_problem(503, "store_unavailable");
    drop(held);

    until(204, async || stage.api.log_out(leaving.access()).await).await;
    stage.assert_dead(&leaving).await;
    until(303, async || visitor.log_out().await).await;
    assert!(visitor.cookie("rescind_access").is_none());
    stage.api.me(&cookie).await.expect_problem(401, "token_revoked");
}
