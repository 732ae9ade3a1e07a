//! The adapters in memory pass the suite that every adapter must pass.

use std::sync::Arc;

use rescind_session::memory::{MemoryBlacklist, MemorySessions, MemoryUsers};

mod users {
    use super::*;

    async fn empty() -> (Arc<MemoryUsers>, ()) {
        (Arc::new(MemoryUsers::new()), ())
    }

    rescind_conformance::user_store_conformance!(empty);
}

mod sessions {
    use super::*;

    async fn empty() -> (Arc<MemorySessions>, ()) {
        (Arc::new(MemorySessions::new()), ())
    }

    rescind_conformance::session_store_conformance!(empty);

    rescind_conformance::status_list_conformance!(empty);
}

mod blacklist {
    use super::*;

    async fn empty() -> (Arc<MemoryBlacklist>, ()) {
        (Arc::new(MemoryBlacklist::new()), ())
    }

    rescind_conformance::blacklist_conformance!(empty);
}
