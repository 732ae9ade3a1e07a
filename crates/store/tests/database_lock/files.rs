//! SQLite: a lock on the database file.

use rescind_store::{DatabaseLock, DatabaseLockError, LockMode};
use tempfile::TempDir;

fn url(directory: &TempDir, path: &str) -> String {
    format!("sqlite:{}", directory.path().join(path).display())
}

#[tokio::test]
async fn an_exclusive_lock_excludes_all_and_shared_locks_exclude_an_exclusive_one() {
    let directory = tempfile::tempdir().unwrap();
    let url = url(&directory, "new/rescind.db");
    let is_in_use = async |lock_mode| matches!(DatabaseLock::claim(&url, lock_mode).await, Err(DatabaseLockError::InUse { asked, lock: Some(_) }) if asked == lock_mode);

    let alone = DatabaseLock::claim(&url, LockMode::Exclusive).await.unwrap();
    assert!(alone.holds());
    assert!(is_in_use(LockMode::Exclusive).await);
    assert!(is_in_use(LockMode::Shared).await);
    drop(alone);

    let one = DatabaseLock::claim(&url, LockMode::Shared).await.unwrap();
    let another = DatabaseLock::claim(&url, LockMode::Shared).await.unwrap();
    assert!(one.holds() && another.holds());
    assert!(is_in_use(LockMode::Exclusive).await);
    drop(one);
    assert!(is_in_use(LockMode::Exclusive).await);
    drop(another);
    assert!(DatabaseLock::claim(&url, LockMode::Exclusive).await.unwrap().holds());
}

#[cfg(unix)]
#[tokio::test]
async fn two_names_of_one_file_share_a_lock_and_two_files_do_not() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.db"), "").unwrap();
    std::os::unix::fs::symlink("a.db", directory.path().join("b.db")).unwrap();
    let _a = DatabaseLock::claim(&url(&directory, "a.db"), LockMode::Exclusive)
        .await
        .unwrap();
    let b = DatabaseLock::claim(&url(&directory, "b.db"), LockMode::Exclusive).await;
    assert!(matches!(b, Err(DatabaseLockError::InUse { .. })), "{b:?}");
    DatabaseLock::claim(&url(&directory, "c.db"), LockMode::Exclusive)
        .await
        .unwrap();
}

#[tokio::test]
async fn locking_does_not_create_a_file_that_must_exist() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("{}?mode=rw", url(&directory, "new/rescind.db"));
    let refused = DatabaseLock::claim(&url, LockMode::Exclusive).await;
    assert!(refused.is_err(), "{refused:?}");
    assert!(!directory.path().join("new").exists());
}
