//! Postgres: from a URL to sessions that keep what they promise.
//!
//! **Each new session is questioned before it is used**, not only the first: a server may be configured anew, or another
//! one may take its address. Commits have to survive a power cut, and it has to be the primary: a standby answers from the
//! past, and would let a session in that was closed a second ago. Sessions are replaced every few minutes, so that what was
//! turned off since is found out. `synchronous_commit` is pinned besides, to what it was when the session began; neither an
//! administrator nor a setting of the role can weaken it underneath.
//!
//! **Bounds on the server's side**: on the wait for a lock, on a statement, and on a transaction whose client has fallen
//! silent. Whoever gave up waiting here may have left a statement running there, with locks that all nodes want.
//!
//! **A connection that was left in the middle of a sentence** is asked, before anybody else gets it, whether it has come to
//! an end, and is closed if not, or if it does not answer. sqlx queues a ROLLBACK when a transaction is dropped and reads
//! away the rest of an answer; but a caller who leaves while BEGIN is on its way leaves a session in a transaction of which
//! sqlx knows nothing (0.9: it counts the transaction once BEGIN was answered). The next reader would read in there, and
//! under REPEATABLE READ it would see the same past for ever.
//!
//! The pool is made here and handed to sea-orm. Rejected: sea-orm's own way to connect, which at trace level logs the URL
//! with its password.

use std::{error::Error, time::Duration};

use sea_orm::{
    DatabaseConnection, SqlxPostgresConnector,
    sqlx::{
        self, AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _,
        postgres::{PgConnectOptions, PgConnection, PgPoolOptions},
    },
};
use tokio::time::timeout;

use super::{ConnectError, Patience, SqlSettings, SqlStore};

/// The first version that makes random UUIDs by itself (13.0).
const OLDEST: i32 = 130_000;
/// When a session is replaced, and its successor questioned.
const SESSION_LIFE: Duration = Duration::from_secs(10 * 60);
/// What Postgres waits for at least, even where callers do not: it sends its complaint, and they may be slow to hear.
const SHORTEST_BOUND: Duration = Duration::from_millis(100);

/// What may stand in a URL: where the server is, who asks, and how the way there is protected. Nothing that changes a
/// session, as `options` would.
const PARAMETERS: [&str; 16] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];

/// What has to be `on` for a commit to survive a power cut. (`synchronous_commit` has several good values.)
const PROMISES: [&str; 2] = ["fsync", "full_page_writes"];

/// How long a session lets things take.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    lock: Duration,
    statement: Duration,
    silence: Duration,
}

impl Bounds {
    fn of(settings: &SqlSettings) -> Self {
        let lock = settings.busy_timeout.max(SHORTEST_BOUND);
        let statement = lock.saturating_add(settings.acquire_timeout);
        Self {
            lock,
            statement,
            silence: statement,
        }
    }

    /// Everything that a new session is told and asked, in one round trip.
    fn as_question(self) -> String {
        // Postgres counts milliseconds in an `i32`.
        let millis = |bound: Duration| bound.as_millis().min(i32::MAX as u128);
        format!(
            "SELECT current_setting('server_version_num')::int AS version,
                pg_is_in_recovery() AS is_standby,
                current_setting('fsync') AS fsync,
                current_setting('full_page_writes') AS full_page_writes,
                set_config('synchronous_commit', current_setting('synchronous_commit'), false) AS synchronous_commit,
                set_config('client_min_messages', 'error', false),
                set_config('lock_timeout', '{}', false),
                set_config('statement_timeout', '{}', false),
                set_config('idle_in_transaction_session_timeout', '{}', false)",
            millis(self.lock),
            millis(self.statement),
            millis(self.silence),
        )
    }
}

impl SqlStore {
    /// Opens the Postgres database that the URL names.
    pub(super) async fn connect_postgres(url: &str, settings: &SqlSettings) -> Result<Self, ConnectError> {
        let options = read_url(url)?;
        let bounds = Bounds::of(settings);
        // Once without the pool, which would hide why it fails behind its own patience.
        let first = async {
            refuse_pooler(&options).await?;
            let mut session = options.connect().await.map_err(unreachable)?;
            question(&mut session, bounds).await?;
            // Of later sessions it is not asked: reads go on, and [`SessionStore::try_write`] tells that writes do not.
            let read_only = sqlx::raw_sql("SELECT current_setting('default_transaction_read_only') = 'on'");
            let read_only = read_only.fetch_one(&mut session).await.map_err(unreachable)?;
            if read_only.try_get(0).map_err(unreachable)? {
                return Err(ConnectError::ReadOnly);
            }
            session.close().await.map_err(unreachable)
        };
        match timeout(settings.acquire_timeout.max(SHORTEST_BOUND), first).await {
            Ok(outcome) => outcome?,
            Err(_) => return Err(ConnectError::Unreachable("it did not answer in time".into())),
        }

        let pool = pool(options, settings, bounds);
        Ok(Self {
            readers: pool.clone(),
            writer: pool,
            patience: Patience {
                altogether: settings.busy_timeout,
                each: Some(settings.acquire_timeout.saturating_add(bounds.statement)),
            },
            lock_timeout: bounds.lock,
            keep_entries: settings.keep_entries,
            guard: None,
        })
    }
}

fn pool(options: PgConnectOptions, settings: &SqlSettings, bounds: Bounds) -> DatabaseConnection {
    let pool = PgPoolOptions::new()
        .max_connections(settings.max_connections.max(1))
        .acquire_timeout(settings.acquire_timeout)
        .idle_timeout(None)
        .max_lifetime(SESSION_LIFE)
        .after_connect(move |session, _| {
            Box::pin(async move {
                let questioned = question(session, bounds).await;
                questioned.map_err(|broken| sqlx::Error::Configuration(broken.into()))
            })
        })
        .after_release(move |session, _| Box::pin(is_at_rest(session, bounds.statement)))
        .connect_lazy_with(options);
    SqlxPostgresConnector::from_sqlx_postgres_pool(pool)
}

/// Tells a new session its bounds, and refuses it if it does not keep the promises.
async fn question(session: &mut PgConnection, bounds: Bounds) -> Result<(), ConnectError> {
    let question = sqlx::raw_sql(AssertSqlSafe(bounds.as_question()));
    let answers = question.fetch_one(session).await.map_err(unreachable)?;
    let version: i32 = answers.try_get("version").map_err(unreachable)?;
    if version < OLDEST {
        return Err(ConnectError::TooOld {
            found: (version / 10_000).to_string(),
        });
    }
    if answers.try_get("is_standby").map_err(unreachable)? {
        return Err(ConnectError::Standby);
    }
    for setting in PROMISES {
        let found: String = answers.try_get(setting).map_err(unreachable)?;
        if found != "on" {
            return Err(not_durable(setting, "on", found));
        }
    }
    let found: String = answers.try_get("synchronous_commit").map_err(unreachable)?;
    if found == "off" {
        return Err(not_durable("synchronous_commit", "anything else", found));
    }
    Ok(())
}

/// Refuses a pooler that hands out the server's sessions by the transaction or the statement. An idle one gives the next
/// client the session that it gave the last one; a busy one gives the first client another one. A session that is the
/// client's own is neither shared nor changed.
pub(crate) async fn refuse_pooler(options: &PgConnectOptions) -> Result<(), ConnectError> {
    let mut one = options.connect().await.map_err(unreachable)?;
    let mut other = options.connect().await.map_err(unreachable)?;
    let before = process(&mut one).await?;
    let is_pooled = match sqlx::raw_sql("BEGIN").execute(&mut other).await {
        Ok(_) => process(&mut other).await? == before || process(&mut one).await? != before,
        // Pooled by the statement, there is no transaction to be had.
        Err(sqlx::Error::Database(_)) => true,
        Err(error) => return Err(unreachable(error)),
    };
    if is_pooled {
        return Err(ConnectError::Pooler);
    }
    one.close().await.and(other.close().await).map_err(unreachable)
}

/// The process of the server that answers.
async fn process(session: &mut PgConnection) -> Result<i32, ConnectError> {
    let answer = sqlx::raw_sql("SELECT pg_backend_pid()").fetch_one(session).await;
    answer.and_then(|row| row.try_get(0)).map_err(unreachable)
}

fn not_durable(setting: &str, wanted: &'static str, found: String) -> ConnectError {
    ConnectError::NotDurable {
        setting: setting.to_owned(),
        wanted,
        found,
    }
}

/// Whether a connection that was given back is outside of any transaction. The question reads away what is left of earlier
/// answers; inside of a transaction `now()` is the time of its beginning.
async fn is_at_rest(session: &mut PgConnection, longest: Duration) -> Result<bool, sqlx::Error> {
    let question = sqlx::raw_sql("SELECT now() = statement_timestamp()");
    match timeout(longest, question.fetch_one(session)).await {
        Ok(answer) => answer?.try_get(0),
        Err(_) => Err(sqlx::Error::PoolTimedOut),
    }
}

fn unreachable(error: sqlx::Error) -> ConnectError {
    let source: Box<dyn Error + Send + Sync> = match error {
        // Without its details.
        sqlx::Error::Database(error) => error.message().to_owned().into(),
        other => other.into(),
    };
    ConnectError::Unreachable(source)
}

/// Reads a URL that begins with `postgres:` or `postgresql:`. What is wrong with it is told without quoting it.
pub(crate) fn read_url(url: &str) -> Result<PgConnectOptions, ConnectError> {
    let (_, rest) = url.split_once("://").ok_or(ConnectError::PostgresUrl)?;
    // A `#` that was meant as a part of the password would cut the URL off.
    if rest.contains('#') {
        return Err(ConnectError::PostgresUrl);
    }
    let (_, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, _) = parameter.split_once('=').unwrap_or((parameter, ""));
        if !PARAMETERS.contains(&name) {
            return Err(ConnectError::PostgresParameter(name.to_owned()));
        }
    }
    let options: PgConnectOptions = url.parse().map_err(|_| ConnectError::PostgresUrl)?;
    // No floats are read here, and PgBouncer refuses a client that asks for their digits.
    let options = options.extra_float_digits(None);
    let options = match options.get_application_name() {
        Some(_) => options,
        None => options.application_name("rescind"),
    };
    // Statements carry salts and password hashes. sqlx logs no bound values today; nothing hangs on that here.
    Ok(options.disable_statement_logging())
}

#[cfg(test)]
mod tests {
    use rescind_testkit::{PostgresServer, Tool, needs};
    use sea_orm::{ConnectionTrait, Statement};

    use super::*;

    async fn shown(store: &SqlStore, setting: &str) -> String {
        let backend = store.readers.get_database_backend();
        let row = store
            .readers
            .query_one_raw(Statement::from_string(backend, format!("SHOW {setting}")))
            .await;
        row.unwrap().unwrap().try_get_by_index(0).unwrap()
    }

    #[tokio::test]
    async fn a_session_keeps_its_commits_durable_whatever_an_administrator_sets_meanwhile() {
        let Some(_) = needs(Tool::Postgres) else { return };
        let server = PostgresServer::start().await;
        let settings = SqlSettings {
            max_connections: 1,
            ..SqlSettings::default()
        };
        let store = SqlStore::connect(&server.url(), &settings).await.unwrap();
        assert_eq!(shown(&store, "synchronous_commit").await, "on");

        server.sql("ALTER SYSTEM SET synchronous_commit = off").await;
        server.sql("ALTER SYSTEM SET checkpoint_timeout = '42min'").await;
        server.sql("SELECT pg_reload_conf()").await;
        // The session has read the new settings once it knows this one.
        while shown(&store, "checkpoint_timeout").await != "42min" {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(shown(&store, "synchronous_commit").await, "on");
    }

    #[tokio::test]
    async fn a_session_is_bounded_by_the_settings() {
        let Some(_) = needs(Tool::Postgres) else { return };
        let url = PostgresServer::shared().await.fresh_database().await;
        let settings = SqlSettings {
            acquire_timeout: Duration::from_secs(2),
            busy_timeout: Duration::from_secs(3),
            ..SqlSettings::default()
        };
        let store = SqlStore::connect(&url, &settings).await.unwrap();
        for (setting, bound) in [
            ("lock_timeout", "3s"),
            ("statement_timeout", "5s"),
            ("idle_in_transaction_session_timeout", "5s"),
        ] {
            assert_eq!(shown(&store, setting).await, bound, "{setting}");
        }
    }
}
