//! Opens a Postgres database, and checks that each session keeps its guarantees.
//!
//! **Each new session is checked before it is used**, not only the first: a server may be reconfigured, or another one
//! may take over its address. Commits must survive a power cut, and the server must be the primary: a standby reads old
//! data, and would accept a session that was closed a second ago. Sessions are replaced every few minutes, so that a
//! setting that was turned off since is noticed. `synchronous_commit` is also pinned to its value at the session's
//! start; then neither an administrator nor a setting of the role can weaken it underneath.
//!
//! **Bounds on the server's side**: on the wait for a lock, on a statement, and on a transaction whose client has
//! fallen silent. A caller that gave up waiting may have left a statement running on the server, with locks that all
//! nodes want.
//!
//! **A connection with an unfinished operation** is checked before its next use, and is closed if the operation has not
//! ended or the server does not answer. So are the others that are given back soon after it, since it is not known which
//! one it was; as long as every operation ends, none is checked ([`Abandoned`]). sqlx queues a ROLLBACK when a
//! transaction is dropped, and reads the rest of a reply; but a caller who is cancelled while BEGIN is being sent leaves a session in a transaction that sqlx does not
//! know (0.9: it counts the transaction once BEGIN was answered). The next reader would read inside it, and under
//! REPEATABLE READ it would see the same old state for ever.
//!
//! The pool is made here and passed to sea-orm. Rejected: sea-orm's own way to connect, which at trace level logs the
//! URL with its password.

use std::{error::Error, time::Duration};

use sea_orm::{
    DatabaseConnection, SqlxPostgresConnector,
    sqlx::{
        self, AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _,
        postgres::{PgConnectOptions, PgConnection, PgPoolOptions},
    },
};
use tokio::time::timeout;

use super::{ConnectError, Patience, SqlSettings, SqlStore, abandoned::Abandoned};

/// The first version that has a built-in function for random UUIDs (13.0).
const OLDEST: i32 = 130_000;
/// The age at which a session is replaced; its successor is checked.
const SESSION_LIFE: Duration = Duration::from_secs(10 * 60);
/// The shortest wait of Postgres, even where callers wait less: its error message must be able to reach a slow caller.
const SHORTEST_BOUND: Duration = Duration::from_millis(100);

/// The allowed parameters of a URL: the server, the user, and the protection of the connection. No parameter that
/// changes a session, such as `options`.
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

/// The parameter that names the schema of the tables; without it, it is the first of the role's `search_path`.
const SEARCH_PATH: &str = "search_path";

/// A name that needs no quotes.
fn is_schema(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// The settings that must be `on` for a commit to survive a power cut. (`synchronous_commit` has several good values.)
const PROMISES: [&str; 2] = ["fsync", "full_page_writes"];

/// The time limits of a session.
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

    /// Sets and checks everything for a new session, in one round trip.
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
        // Once without the pool, which would retry and hide the cause.
        let first = async {
            refuse_pooler(&options).await?;
            let mut session = options.connect().await.map_err(unreachable)?;
            question(&mut session, bounds).await?;
            // Later sessions are not checked for it: reads go on, and [`SessionStore::try_write`] reports that writes
            // fail.
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

        let abandoned = Abandoned::default();
        let pool = pool(options, settings, bounds, abandoned.clone());
        Ok(Self {
            readers: pool.clone(),
            writer: pool,
            abandoned,
            patience: Patience {
                altogether: settings.busy_timeout,
                each: Some(settings.acquire_timeout.saturating_add(bounds.statement)),
            },
            lock_timeout: bounds.lock,
            keep_entries: settings.keep_entries,
            event_retention: settings.event_retention,
            guard: None,
        })
    }
}

fn pool(options: PgConnectOptions, settings: &SqlSettings, bounds: Bounds, abandoned: Abandoned) -> DatabaseConnection {
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
        .after_release(move |session, _| {
            let is_suspect = abandoned.suspects_a_release();
            Box::pin(async move { Ok(!is_suspect || is_at_rest(session, bounds.statement).await?) })
        })
        .connect_lazy_with(options);
    SqlxPostgresConnector::from_sqlx_postgres_pool(pool)
}

/// Sets the bounds of a new session, and refuses it if it does not keep the guarantees.
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
        return Err(not_durable("synchronous_commit", "another value", found));
    }
    Ok(())
}

/// Refuses a pooler that assigns the server's sessions per transaction or per statement. If it is idle, it gives the
/// next client the session of the last one; if it is busy, it gives the first client another one. A session that is the
/// client's own is neither shared nor changed.
pub(crate) async fn refuse_pooler(options: &PgConnectOptions) -> Result<(), ConnectError> {
    let mut one = options.connect().await.map_err(unreachable)?;
    let mut other = options.connect().await.map_err(unreachable)?;
    let before = process(&mut one).await?;
    let is_pooled = match sqlx::raw_sql("BEGIN").execute(&mut other).await {
        Ok(_) => process(&mut other).await? == before || process(&mut one).await? != before,
        // With pooling per statement there are no transactions.
        Err(sqlx::Error::Database(_)) => true,
        Err(error) => return Err(unreachable(error)),
    };
    if is_pooled {
        return Err(ConnectError::Pooler);
    }
    one.close().await.and(other.close().await).map_err(unreachable)
}

/// The server process that answers.
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

/// Whether a connection that was given back is outside of any transaction. The query first reads the rest of earlier
/// replies; inside of a transaction `now()` is the time of its beginning.
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

/// Parses a URL that begins with `postgres:` or `postgresql:`. Its errors do not quote the URL.
pub(crate) fn read_url(url: &str) -> Result<PgConnectOptions, ConnectError> {
    let (_, rest) = url.split_once("://").ok_or(ConnectError::PostgresUrl)?;
    // A `#` in a password would cut off the rest of the URL.
    if rest.contains('#') {
        return Err(ConnectError::PostgresUrl);
    }
    let (server, parameters) = url.split_once('?').unwrap_or((url, ""));
    let (mut schema, mut others) = (None, Vec::new());
    for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
        match parameter.split_once('=').unwrap_or((parameter, "")) {
            (SEARCH_PATH, name) if is_schema(name) => schema = Some(name),
            (SEARCH_PATH, _) => return Err(ConnectError::SearchPath),
            (name, _) if PARAMETERS.contains(&name) => others.push(parameter),
            (name, _) => return Err(ConnectError::PostgresParameter(name.to_owned())),
        }
    }
    let url = format!("{server}?{}", others.join("&"));
    let options: PgConnectOptions = url.parse().map_err(|_| ConnectError::PostgresUrl)?;
    // Set when a session begins, so that every session of the program has it: also the one that holds the lock.
    // Without a name nothing is sent: PgBouncer refuses a client that sends any option.
    let options = match schema {
        Some(schema) => options.options([(SEARCH_PATH, schema)]),
        None => options,
    };
    // The program reads no floats, and PgBouncer refuses a client that sets their digits.
    let options = options.extra_float_digits(None);
    let options = match options.get_application_name() {
        Some(_) => options,
        None => options.application_name("rescind"),
    };
    // Statements carry salts and password hashes. sqlx logs no bound values today; this code does not rely on that.
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
    async fn a_session_keeps_synchronous_commit_when_the_server_changes_it() {
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
        // Once the session has this value, it has read the new settings.
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
