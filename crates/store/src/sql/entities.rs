//! The tables as sea-orm sees them. Private: code outside of this folder knows no rows.
//!
//! The shapes here repeat the migrations on purpose. A migration describes the schema at a date; these describe what
//! the program needs now, and the tests compare the two by running both.
#![expect(unreachable_pub, reason = "sea-orm's derives write `pub` beside what they expand")]

use sea_orm::{DeriveRelation, DeriveValueType, EnumIter};

/// A password hash for a column. Rows print with their columns, so this one prints as redacted.
#[derive(Clone, derive_more::Debug, PartialEq, Eq, DeriveValueType)]
#[debug("[redacted]")]
pub struct HashColumn(pub String);

/// A session's salt for a column; prints as redacted.
#[derive(Clone, derive_more::Debug, PartialEq, Eq, DeriveValueType)]
#[debug("[redacted]")]
pub struct SaltColumn(pub Vec<u8>);

/// No table refers to another one.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

pub mod user {
    use sea_orm::entity::prelude::*;

    use super::Relation;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveActiveModelBehavior)]
    #[sea_orm(table_name = "rescind_users")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        #[sea_orm(unique)]
        pub username: String,
        pub kind: String,
        pub password_hash: super::HashColumn,
        pub created_at: i64,
    }
}

pub mod session {
    use sea_orm::entity::prelude::*;

    use super::Relation;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveActiveModelBehavior)]
    #[sea_orm(table_name = "rescind_sessions")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub user_id: String,
        pub client_id: String,
        pub created_at: i64,
        pub last_seen_at: i64,
        pub expires_at: i64,
        pub access_until: i64,
        pub generation: Option<i64>,
        pub salt: Option<super::SaltColumn>,
        pub idle_until: Option<i64>,
        pub grace_until: Option<i64>,
        pub closed_at: Option<i64>,
        pub closed_cause: Option<String>,
        pub reuse_noticed_at: Option<i64>,
        pub user_agent: Option<String>,
        pub address: Option<String>,
        pub auth_time: i64,
        #[sea_orm(unique)]
        pub status_index: Option<i64>,
    }
}

pub mod user_epoch {
    use sea_orm::entity::prelude::*;

    use super::Relation;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveActiveModelBehavior)]
    #[sea_orm(table_name = "rescind_user_epochs")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub user_id: String,
        pub epoch: i64,
    }
}

pub mod revocation {
    use sea_orm::entity::prelude::*;

    use super::Relation;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveActiveModelBehavior)]
    #[sea_orm(table_name = "rescind_revocations")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub position: i64,
        pub scope_kind: String,
        pub scope_id: Uuid,
        pub user_id: String,
        pub at: i64,
        pub until: i64,
        pub cause: String,
        pub protocol: i64,
    }
}

pub mod log_head {
    use sea_orm::entity::prelude::*;

    use super::Relation;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveActiveModelBehavior)]
    #[sea_orm(table_name = "rescind_log_head")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub last_position: i64,
        pub floor_position: i64,
        pub newest_at: Option<i64>,
        pub log_id: Option<Uuid>,
        pub issue_floor: Option<i64>,
    }
}

pub mod event_receiver {
    use sea_orm::entity::prelude::*;

    use super::Relation;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveActiveModelBehavior)]
    #[sea_orm(table_name = "rescind_event_receivers")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub url: String,
        pub log_id: Uuid,
        pub position: i64,
        pub claimed_by: Option<Uuid>,
        pub claimed_until: i64,
        pub seen_at: i64,
    }
}

pub mod key_ring {
    use sea_orm::entity::prelude::*;

    use super::Relation;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveActiveModelBehavior)]
    #[sea_orm(table_name = "rescind_key_ring")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub fingerprint: String,
    }
}

pub mod key {
    use sea_orm::entity::prelude::*;

    use super::Relation;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveActiveModelBehavior)]
    #[sea_orm(table_name = "rescind_keys")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub algorithm: String,
        pub issues_from: i64,
        pub longest_token: i64,
        pub ended_at: Option<i64>,
    }
}
