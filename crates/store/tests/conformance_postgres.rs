//! The conformance suite on Postgres, with a database of its own for each case: once with the default settings, and
//! once under each of the isolation levels that an administrator may choose. REPEATABLE READ runs only in the second
//! tier: SERIALIZABLE undoes the same transactions and more.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use rescind_store::{SqlSettings, SqlStore};
use rescind_testkit::{PostgresServer, Tool, needs};

/// An empty store in a database with that default isolation level.
async fn empty_under(isolation: &str) -> Option<(Arc<SqlStore>, ())> {
    needs(Tool::Postgres)?;
    let server = PostgresServer::shared().await;
    let url = server.fresh_database().await;
    let (_, name) = url.rsplit_once('/').unwrap();
    let set = format!("ALTER DATABASE {name} SET default_transaction_isolation = '{isolation}'");
    server.sql(&set).await;
    let store = SqlStore::connect(&url, &SqlSettings::default()).await.unwrap();
    store.migrate_up().await.unwrap();
    Some((Arc::new(store), ()))
}

mod read_committed {
    use super::*;

    async fn empty() -> Option<(Arc<SqlStore>, ())> {
        empty_under("read committed").await
    }

    mod users {
        rescind_conformance::user_store_conformance!(super::empty);
    }

    mod sessions {
        rescind_conformance::session_store_conformance!(super::empty);
        rescind_conformance::status_list_conformance!(super::empty);
    }
}

mod repeatable_read {
    use super::*;

    async fn empty() -> Option<(Arc<SqlStore>, ())> {
        match rescind_testkit::rounds(0, 1) {
            0 => None,
            _ => empty_under("repeatable read").await,
        }
    }

    mod users {
        rescind_conformance::user_store_conformance!(super::empty);
    }

    mod sessions {
        rescind_conformance::session_store_conformance!(super::empty);
        rescind_conformance::status_list_conformance!(super::empty);
    }
}

mod serializable {
    use super::*;

    async fn empty() -> Option<(Arc<SqlStore>, ())> {
        empty_under("serializable").await
    }

    mod users {
        rescind_conformance::user_store_conformance!(super::empty);
    }

    mod sessions {
        rescind_conformance::session_store_conformance!(super::empty);
        rescind_conformance::status_list_conformance!(super::empty);
    }
}
