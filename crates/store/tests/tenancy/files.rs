//! SQLite: a lock on the database file.

use rescind_store::{Tenancy, TenancyError, Tenant};
use tempfile::TempDir;

fn url(directory: &TempDir, path: &str) -> String {
    format!("sqlite:{}", directory.path().join(path).display())
}

#[tokio::test]
async fn an_exclusive_lock_excludes_all_and_shared_locks_exclude_an_exclusive_one() {
    let directory = tempfile::tempdir().unwrap();
    let url = url(&directory, "new/rescind.db");
    let is_in_use = async |tenancy| matches!(Tenant::claim(&url, tenancy).await, Err(TenancyError::InUse { asked, lock: Some(_) }) if asked == tenancy);

    let alone = Tenant::claim(&url, Tenancy::Alone).await.unwrap();
    assert!(alone.holds());
    assert!(is_in_use(Tenancy::Alone).await);
    assert!(is_in_use(Tenancy::Shared).await);
    drop(alone);

    let one = Tenant::claim(&url, Tenancy::Shared).await.unwrap();
    let another = Tenant::claim(&url, Tenancy::Shared).await.unwrap();
    assert!(one.holds() && another.holds());
    assert!(is_in_use(Tenancy::Alone).await);
    drop(one);
    assert!(is_in_use(Tenancy::Alone).await);
    drop(another);
    assert!(Tenant::claim(&url, Tenancy::Alone).await.unwrap().holds());
}

#[cfg(unix)]
#[tokio::test]
async fn two_names_of_one_file_share_a_lock_and_two_files_do_not() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.db"), "").unwrap();
    std::os::unix::fs::symlink("a.db", directory.path().join("b.db")).unwrap();
    let _a = Tenant::claim(&url(&directory, "a.db"), Tenancy::Alone).await.unwrap();
    let b = Tenant::claim(&url(&directory, "b.db"), Tenancy::Alone).await;
    assert!(matches!(b, Err(TenancyError::InUse { .. })), "{b:?}");
    Tenant::claim(&url(&directory, "c.db"), Tenancy::Alone).await.unwrap();
}

#[tokio::test]
async fn locking_does_not_create_a_file_that_must_exist() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("{}?mode=rw", url(&directory, "new/rescind.db"));
    let refused = Tenant::claim(&url, Tenancy::Alone).await;
    assert!(refused.is_err(), "{refused:?}");
    assert!(!directory.path().join("new").exists());
}
