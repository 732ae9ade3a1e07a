//! Connecting by a URL, and the errors of a wrong one.

use std::{error::Error, path::Path, sync::Arc, time::Duration};

use rescind_session::ports::SessionStore;
use rescind_store::{ConnectError, SqlSettings, SqlStore, sqlite_file};
use sea_orm::{ConnectionTrait, TransactionTrait};

use crate::fixture::{Place, opened};

async fn refused(url: &str) -> ConnectError {
    SqlStore::connect(url, &SqlSettings::default()).await.unwrap_err()
}

#[tokio::test]
async fn a_url_of_another_kind_is_refused_without_printing_its_password() {
    for url in ["mysql://u:hunter2@db", "hunter2", "", "SQLITE:x"] {
        let error = refused(url).await;
        assert!(matches!(error, ConnectError::UnknownScheme), "{url}: {error:?}");
        assert!(error.to_string().contains("DATABASE_URL"), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}

#[tokio::test]
async fn a_database_in_memory_is_refused() {
    for url in ["sqlite::memory:", "sqlite://:memory:", "sqlite:x.db?mode=memory"] {
        assert!(matches!(refused(url).await, ConnectError::InMemory), "{url}");
    }
}

#[tokio::test]
async fn a_parameter_that_weakens_a_guarantee_is_refused_by_name() {
    for parameter in [
        "mode=ro",
        "immutable=1",
        "vfs=unix-none",
        "cache=shared",
        "mode=rwc&immutable=1",
    ] {
        let error = refused(&format!("sqlite:x.db?{parameter}")).await;
        assert!(error.to_string().contains(parameter), "{error}");
    }
    assert!(matches!(refused("sqlite:").await, ConnectError::NoFile));
}

#[tokio::test]
async fn a_missing_file_is_created_with_its_directory_unless_mode_rw() {
    let place = Place::new();
    let file = place.file().with_file_name("new").join("deep").join("rescind.db");
    let must_exist = format!("sqlite:{}?mode=rw", file.display());
    assert!(matches!(refused(&must_exist).await, ConnectError::Open { .. }));
    assert!(!file.exists());

    SqlStore::connect(&format!("sqlite:{}", file.display()), &SqlSettings::default())
        .await
        .unwrap();
    assert!(file.exists());
    SqlStore::connect(&must_exist, &SqlSettings::default()).await.unwrap();
}

#[tokio::test]
async fn an_odd_path_is_a_path() {
    let place = Place::new();
    for name in ["a b?mode=memory.db", "file:x#y.db", "100%.db", ":memory:"] {
        let file = place.file().with_file_name(name);
        SqlStore::open_file(&file, &SqlSettings::default()).await.unwrap();
        assert!(std::fs::metadata(&file).unwrap().len() > 0, "{name} was not written");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn created_files_are_readable_by_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::new();
    let file = place.file().with_file_name("data").join("rescind.db");
    let store = SqlStore::open_file(&file, &SqlSettings::default()).await.unwrap();
    store.migrate_up().await.unwrap();

    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(file.parent().unwrap()), 0o700);
    for name in ["rescind.db", "rescind.db-wal", "rescind.db-shm"] {
        assert_eq!(mode(&file.with_file_name(name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_file_that_is_not_a_database_is_an_error_and_unchanged() {
    let place = Place::new();
    let text = "These are the voyages of a file that is not a database. ".repeat(50);
    std::fs::write(place.file(), &text).unwrap();
    let error = refused(&format!("sqlite:{}", place.file().display())).await;
    assert!(
        error.source().unwrap().to_string().contains("not a database"),
        "{error:?}"
    );
    assert_eq!(std::fs::read_to_string(place.file()).unwrap(), text);
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_named() {
    let place = Place::new();
    std::fs::write(place.file(), "").unwrap();
    let error = refused(&format!("sqlite:{}/below/a/file.db", place.file().display())).await;
    assert!(matches!(error, ConnectError::File { .. }), "{error:?}");
    assert!(error.to_string().contains("below/a/file.db"), "{error}");
}

#[tokio::test]
async fn a_file_that_cannot_be_made_is_named() {
    let place = Place::new();
    let file = place.file().with_file_name("x".repeat(300));
    let error = refused(&format!("sqlite:{}", file.display())).await;
    assert!(matches!(error, ConnectError::File { .. }), "{error:?}");
}

/// SQLite refuses the switch to WAL at once while another connection has the write lock.
#[tokio::test]
async fn opening_a_new_file_waits_for_another_writer_for_a_bounded_time() {
    let place = Place::new();
    let file = place.file();
    std::fs::write(&file, "").unwrap();
    let stranger = place.stranger().await;
    let lock = stranger.begin().await.unwrap();
    lock.execute_unprepared("CREATE TABLE theirs (id INTEGER)")
        .await
        .unwrap();

    let patience = |busy_timeout| SqlSettings::default().busy_timeout(busy_timeout);
    let hasty = patience(Duration::from_millis(50));
    let refused = SqlStore::open_file(&file, &hasty);
    let refused = tokio::time::timeout(Duration::from_secs(60), refused)
        .await
        .expect("it waits for ever");
    assert!(matches!(refused, Err(ConnectError::Open { .. })), "{refused:?}");

    let patient = patience(Duration::from_secs(120));
    let opening = SqlStore::open_file(&file, &patient);
    let releasing = async {
        // It opens once the lock is free. The pause only makes it likely that it has tried before.
        tokio::time::sleep(Duration::from_millis(300)).await;
        lock.rollback().await.unwrap();
    };
    let (opened, ()) = tokio::join!(opening, releasing);
    opened.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_that_open_one_new_file_at_once_all_succeed() {
    // The conflict is short: the first of them switches the file to WAL.
    for round in 0..60 {
        let place = Place::new();
        let opening: Vec<_> = (0..8)
            .map(|_| {
                let file = place.file();
                tokio::spawn(async move { SqlStore::open_file(&file, &SqlSettings::default()).await })
            })
            .collect();
        for opened in opening {
            opened
                .await
                .unwrap()
                .unwrap_or_else(|error| panic!("round {round}: {error:?}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_that_open_and_migrate_one_new_file_at_once_all_succeed() {
    let place = Arc::new(Place::new());
    let starting: Vec<_> = (0..8)
        .map(|seed| {
            let place = Arc::clone(&place);
            tokio::spawn(async move {
                let store = place.store().await;
                opened(&store, seed).await
            })
        })
        .collect();
    let store = place.store().await;
    for start in starting {
        let session = start.await.unwrap();
        assert_eq!(store.find(session.id).await.unwrap(), Some(session));
    }
}

#[tokio::test]
async fn connecting_leaves_the_schema_alone() {
    let place = Place::new();
    let store = SqlStore::open_file(&place.file(), &SqlSettings::default())
        .await
        .unwrap();
    assert!(!store.is_current().await.unwrap());
    assert!(
        store.epoch(&crate::fixture::session(1).user).await.is_err(),
        "there is no table to ask"
    );
}

#[tokio::test]
async fn a_wrong_url_and_an_unopenable_file_are_different_errors() {
    for url in ["mysql://db", "sqlite::memory:", "sqlite:x.db?mode=ro", "sqlite:"] {
        let error = refused(url).await;
        assert!(error.is_url_error(), "{url}: {error:?}");
    }
    let place = Place::new();
    let missing = format!("sqlite:{}?mode=rw", place.file().display());
    assert!(!refused(&missing).await.is_url_error());
    // The directory is a file.
    std::fs::write(place.file(), "").unwrap();
    let below_a_file = format!("sqlite:{}/rescind.db", place.file().display());
    assert!(!refused(&below_a_file).await.is_url_error());
}

#[test]
fn a_path_in_a_url_is_decoded_like_in_sqlx() {
    for (url, path) in [
        ("data/rescind.db", "data/rescind.db"),
        ("//data/rescind.db", "data/rescind.db"),
        ("///var/lib/rescind.db", "/var/lib/rescind.db"),
        ("/var/lib/rescind.db", "/var/lib/rescind.db"),
        ("a%3Fb%20c.db", "a?b c.db"),
    ] {
        assert_eq!(sqlite_file(&format!("sqlite:{url}")).unwrap(), Path::new(path), "{url}");
    }
    assert!(matches!(sqlite_file("sqlite:"), Err(ConnectError::NoFile)));
    assert!(matches!(sqlite_file("sqlite://"), Err(ConnectError::NoFile)));
}
