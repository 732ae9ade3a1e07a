//! The shop's own table, as it was before: integer ids, e-mail addresses, bcrypt hashes, roles.

use sqlx::{FromRow, SqlitePool};

#[derive(FromRow)]
pub struct Member {
    pub id: i64,
    pub email: String,
    pub hash: String,
    pub role: String,
}

#[derive(Clone)]
pub struct Members(SqlitePool);

impl Members {
    pub async fn open(url: &str) -> sqlx::Result<Self> {
        let pool = SqlitePool::connect(url).await?;
        let table = "CREATE TABLE IF NOT EXISTS members (id INTEGER PRIMARY KEY, email TEXT UNIQUE NOT NULL,
            hash TEXT NOT NULL, role TEXT NOT NULL, disabled BOOLEAN NOT NULL DEFAULT FALSE)";
        sqlx::query(table).execute(&pool).await?;
        Ok(Self(pool))
    }

    pub async fn by_id(&self, id: i64) -> sqlx::Result<Option<Member>> {
        let query = sqlx::query_as("SELECT * FROM members WHERE id = ? AND NOT disabled");
        query.bind(id).fetch_optional(&self.0).await
    }

    /// `email` is in lower case.
    pub async fn by_email(&self, email: &str) -> sqlx::Result<Option<Member>> {
        let query = sqlx::query_as("SELECT * FROM members WHERE lower(email) = ? AND NOT disabled");
        query.bind(email).fetch_optional(&self.0).await
    }
}
