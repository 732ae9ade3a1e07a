//! The conformance suite on SQLite, with a file of its own for each case.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use rescind_store::{SqlSettings, SqlStore};
use tempfile::TempDir;

async fn empty() -> (Arc<SqlStore>, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqlStore::open_file(&directory.path().join("rescind.db"), &SqlSettings::default())
        .await
        .unwrap();
    store.migrate_up().await.unwrap();
    (Arc::new(store), directory)
}

mod users {
    rescind_conformance::user_store_conformance!(super::empty);
}

mod sessions {
    rescind_conformance::session_store_conformance!(super::empty);
    rescind_conformance::status_list_conformance!(super::empty);
}
