//! [`UserStore`] in SQL.

use async_trait::async_trait;
use rescind_session::{
    Credentials, ListedUser, NewUser, PasswordHash, User, Username,
    ports::{Inserted, PasswordSet, StoreError, UserChanged, UserStore},
    token::UserId,
};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set,
    sea_query::{Expr, OnConflict},
};

use super::{
    SqlStore, commit,
    entities::user,
    error::Failure,
    rows::{DISABLED, PERSON, hash_column, listed_user, new_user_row, only},
};

#[async_trait]
impl UserStore for SqlStore {
    async fn find(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        self.retry(|| async {
            let may_log_in = user::Entity::find_by_id(id.as_str()).filter(user::Column::Kind.ne(DISABLED));
            let row = only(may_log_in, &self.readers).await?;
            Ok(row
                .map(Credentials::try_from)
                .transpose()?
                .map(|credentials| credentials.user))
        })
        .await
    }

    async fn credentials(&self, username: &Username) -> Result<Option<Credentials>, StoreError> {
        self.retry(|| self.credentials_once(username, Condition::all())).await
    }

    async fn login_credentials(&self, username: &Username) -> Result<Option<Credentials>, StoreError> {
        let enabled = || Condition::all().add(user::Column::Kind.ne(DISABLED));
        self.retry(|| self.credentials_once(username, enabled())).await
    }

    async fn insert(&self, new: &NewUser) -> Result<Inserted, StoreError> {
        self.retry(|| async {
            let transaction = self.begin().await?;
            // One statement checks that the name is free and takes it. A taken *id* is no outcome but an error.
            let rows = user::Entity::insert(new_user_row(new))
                .on_conflict(OnConflict::column(user::Column::Username).do_nothing().to_owned())
                .exec_without_returning(&transaction)
                .await?;
            commit(transaction).await?;
            Ok(if rows == 0 {
                Inserted::NameTaken
            } else {
                Inserted::Created
            })
        })
        .await
    }

    async fn set_password(&self, id: &UserId, password_hash: PasswordHash) -> Result<PasswordSet, StoreError> {
        self.retry(|| async {
            let transaction = self.begin().await?;
            let update = user::Entity::update_many()
                .set(user::ActiveModel {
                    password_hash: Set(hash_column(&password_hash)),
                    ..user::ActiveModel::default()
                })
                .filter(user::Column::Id.eq(id.as_str()));
            let rows = update.exec(&transaction).await?.rows_affected;
            commit(transaction).await?;
            Ok(if rows == 0 {
                PasswordSet::NoSuchUser
            } else {
                PasswordSet::Set
            })
        })
        .await
    }

    async fn replace_hash(&self, id: &UserId, old: &PasswordHash, new: PasswordHash) -> Result<(), StoreError> {
        self.retry(|| async {
            let transaction = self.begin().await?;
            let replace = user::Entity::update_many()
                .col_expr(user::Column::PasswordHash, Expr::val(new.expose_secret()))
                .filter(user::Column::Id.eq(id.as_str()))
                .filter(user::Column::PasswordHash.eq(hash_column(old)));
            replace.exec(&transaction).await?;
            commit(transaction).await
        })
        .await
    }

    async fn list(&self, after: Option<&Username>, limit: u32) -> Result<Vec<ListedUser>, StoreError> {
        self.retry(|| async {
            let mut users = user::Entity::find()
                .order_by_asc(user::Column::Username)
                .limit(u64::from(limit));
            if let Some(after) = after {
                users = users.filter(user::Column::Username.gt(after.as_str()));
            }
            let rows = users.all(&self.readers).await?;
            Ok(rows.into_iter().map(listed_user).collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn set_disabled(&self, id: &UserId, disabled: bool) -> Result<UserChanged, StoreError> {
        self.retry(|| async {
            let transaction = self.begin().await?;
            let update = user::Entity::update_many()
                .col_expr(user::Column::Kind, Expr::val(if disabled { DISABLED } else { PERSON }))
                .filter(user::Column::Id.eq(id.as_str()))
                .filter(user::Column::Kind.is_in([DISABLED, PERSON]));
            let rows = update.exec(&transaction).await?.rows_affected;
            commit(transaction).await?;
            Ok(if rows == 0 {
                UserChanged::NoSuchUser
            } else {
                UserChanged::Changed
            })
        })
        .await
    }

    async fn delete(&self, id: &UserId) -> Result<(), StoreError> {
        self.retry(|| async {
            let transaction = self.begin().await?;
            let delete = user::Entity::delete_many().filter(user::Column::Id.eq(id.as_str()));
            delete.exec(&transaction).await?;
            commit(transaction).await
        })
        .await
    }
}

/// One attempt at each operation.
impl SqlStore {
    async fn credentials_once(&self, username: &Username, which: Condition) -> Result<Option<Credentials>, Failure> {
        let named = user::Entity::find().filter(which.add(user::Column::Username.eq(username.as_str())));
        let row = only(named, &self.readers).await?;
        Ok(row.map(Credentials::try_from).transpose()?)
    }
}
