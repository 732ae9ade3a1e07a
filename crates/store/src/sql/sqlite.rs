//! Opens an SQLite database, and checks that it keeps its guarantees.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr, Statement,
    sqlx::{
        Connection,
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
    },
};

use super::{ConnectError, Patience, SqlSettings, SqlStore, abandoned::Abandoned, error::is_busy};

/// What each connection must answer so that a commit survives a power cut.
const PROMISES: [(&str, &str); 4] = [
    ("journal_mode", "wal"),
    ("synchronous", "2"),
    ("fullfsync", "1"),
    ("foreign_keys", "1"),
];

impl SqlStore {
    /// Opens the file that the URL names.
    pub(super) async fn connect_sqlite(url: &str, settings: &SqlSettings) -> Result<Self, ConnectError> {
        match read_url(url)? {
            (file, IfMissing::Make) => Self::open_file(&file, settings).await,
            (file, IfMissing::Refuse) => Self::open(&file, settings).await,
        }
    }

    /// Opens the SQLite database in that file, like [`connect`](Self::connect), for a path that is not written as a
    /// URL.
    pub async fn open_file(path: &Path, settings: &SqlSettings) -> Result<Self, ConnectError> {
        let file = path.to_owned();
        let made = tokio::task::spawn_blocking(move || make_file(&file))
            .await
            .map_err(io::Error::other);
        made.flatten().map_err(|source| ConnectError::File {
            path: path.to_owned(),
            source,
        })?;
        Self::open(path, settings).await
    }

    async fn open(path: &Path, settings: &SqlSettings) -> Result<Self, ConnectError> {
        let failed = |source: DbErr| ConnectError::Open {
            path: path.to_owned(),
            source: source.into(),
        };
        // Absolute, since SQLite takes a relative path that begins with `file:` for a URL.
        let file = std::path::absolute(path).map_err(|source| ConnectError::File {
            path: path.to_owned(),
            source,
        })?;
        let writer = open_writer(&file, settings).await.map_err(failed)?;
        if let Some((pragma, wanted, found)) = broken_promise(&writer).await.map_err(failed)? {
            let setting = format!("PRAGMA {pragma}");
            return Err(ConnectError::NotDurable { setting, wanted, found });
        }
        let readers = Database::connect(reader_options(&file, settings))
            .await
            .map_err(failed)?;
        Ok(Self {
            readers,
            writer,
            abandoned: Abandoned::default(),
            patience: Patience {
                altogether: settings.busy_timeout,
                each: None,
            },
            lock_timeout: settings.busy_timeout,
            keep_entries: Duration::ZERO,
            event_retention: settings.event_retention,
            guard: None,
        })
    }
}

/// The file that a `DATABASE_URL` names, for a caller that has to lock, copy or name it.
///
/// # Errors
/// [`ConnectError`] if [`SqlStore::connect`] does not accept the URL.
pub fn sqlite_file(url: &str) -> Result<PathBuf, ConnectError> {
    read_url(url).map(|(file, _)| file)
}

/// Whether [`SqlStore::connect`] creates the file that this URL names.
pub(crate) fn makes_missing_file(url: &str) -> Result<bool, ConnectError> {
    read_url(url).map(|(_, if_missing)| matches!(if_missing, IfMissing::Make))
}

/// What to do if the file does not exist.
enum IfMissing {
    Make,
    Refuse,
}

fn read_url(url: &str) -> Result<(PathBuf, IfMissing), ConnectError> {
    let (scheme, rest) = url.split_once(':').ok_or(ConnectError::UnknownScheme)?;
    if scheme != "sqlite" {
        return Err(ConnectError::UnknownScheme);
    }
    let (path, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    if path.trim_start_matches("//").starts_with(":memory:") {
        return Err(ConnectError::InMemory);
    }
    let if_missing = match parameters {
        "" | "mode=rwc" => IfMissing::Make,
        "mode=rw" => IfMissing::Refuse,
        "mode=memory" => return Err(ConnectError::InMemory),
        other => return Err(ConnectError::Parameter(other.to_owned())),
    };
    Ok((decoded(path)?, if_missing))
}

/// The path in a URL, decoded as sqlx decodes it.
fn decoded(path: &str) -> Result<PathBuf, ConnectError> {
    let options: SqliteConnectOptions = format!("sqlite:{path}").parse().map_err(|_| ConnectError::NoFile)?;
    match options.get_filename() {
        file if file.as_os_str().is_empty() => Err(ConnectError::NoFile),
        file => Ok(file.to_owned()),
    }
}

/// Creates the file, and its directory, for their owner only: the file holds password hashes. SQLite gives the files
/// beside it the same mode. An existing file keeps its mode, and is not opened: the process may have it open already.
pub(crate) fn make_file(path: &Path) -> io::Result<()> {
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(directory)?;
    }
    let mut options = std::fs::OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.write(true).create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    }
}

/// Opens the writing connection. Switching a new database to WAL needs exclusive access, and SQLite does not wait for
/// that as it does for a writer: of two programs that start at once on a new file, one has to try again.
async fn open_writer(file: &Path, settings: &SqlSettings) -> Result<DatabaseConnection, DbErr> {
    const BETWEEN_TRIES: Duration = Duration::from_millis(20);
    let begun = tokio::time::Instant::now();
    loop {
        match Database::connect(writer_options(file, settings)).await {
            Err(error) if is_busy(&error) && begun.elapsed() < settings.busy_timeout => {
                tokio::time::sleep(BETWEEN_TRIES).await;
            }
            done => return done,
        }
    }
}

fn writer_options(file: &Path, settings: &SqlSettings) -> ConnectOptions {
    let mut options = common_options(settings);
    options.max_connections(1);
    let with_file = with_file(file, settings);
    options.map_sqlx_sqlite_opts(move |options| {
        with_file(options)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // macOS keeps written data in the drive's cache without this pragma.
            .pragma("fullfsync", "ON")
            .pragma("checkpoint_fullfsync", "ON")
            .foreign_keys(true)
    });
    // An error such as a full disk makes SQLite roll back by itself. sqlx does not notice, counts one transaction too
    // many from then on, and would begin the next one as a savepoint, without the write lock. Such a connection is
    // replaced.
    options.map_sqlx_sqlite_before_acquire(|connection, _| {
        let is_whole = !connection.is_in_transaction();
        Box::pin(async move { Ok(is_whole) })
    });
    options
}

fn reader_options(file: &Path, settings: &SqlSettings) -> ConnectOptions {
    let mut options = common_options(settings);
    options.max_connections(settings.max_connections.max(1));
    let with_file = with_file(file, settings);
    // A reader that writes by mistake is refused. Otherwise it would write out of turn.
    options.map_sqlx_sqlite_opts(move |options| with_file(options).pragma("query_only", "ON"));
    options
}

fn common_options(settings: &SqlSettings) -> ConnectOptions {
    // The path is given to sqlx as a path, so that no part of it can be taken for a part of a URL.
    let mut options = ConnectOptions::new("sqlite:");
    options
        .acquire_timeout(settings.acquire_timeout)
        .idle_timeout(None)
        .max_lifetime(None)
        // Statements carry salts and password hashes. sqlx logs no bound values today; this code does not rely on that.
        .sqlx_logging(false);
    options
}

fn with_file(
    file: &Path,
    settings: &SqlSettings,
) -> impl Fn(SqliteConnectOptions) -> SqliteConnectOptions + Send + Sync + 'static {
    // sqlx panics on a timeout above the limit of SQLite, which counts milliseconds in an `i32`.
    let busy_timeout = settings.busy_timeout.min(Duration::from_millis(i32::MAX as u64));
    let file = file.to_owned();
    move |options| {
        options
            .filename(&file)
            .create_if_missing(false)
            .busy_timeout(busy_timeout)
    }
}

/// The first guarantee that a connection does not keep: its name, the required value, and the actual one.
async fn broken_promise(database: &DatabaseConnection) -> Result<Option<(&'static str, &'static str, String)>, DbErr> {
    for (pragma, wanted) in PROMISES {
        let found = read_pragma(database, pragma).await?;
        if found != wanted {
            return Ok(Some((pragma, wanted, found)));
        }
    }
    Ok(None)
}

async fn read_pragma(database: &DatabaseConnection, pragma: &str) -> Result<String, DbErr> {
    let statement = Statement::from_string(database.get_database_backend(), format!("PRAGMA {pragma}"));
    let Some(row) = database.query_one_raw(statement).await? else {
        return Ok(String::new());
    };
    match row.try_get_by_index::<String>(0) {
        Ok(word) => Ok(word),
        Err(_) => row.try_get_by_index::<i64>(0).map(|number| number.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_writing_connection_keeps_the_guarantees() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqlStore::open_file(&directory.path().join("promises.db"), &SqlSettings::default())
            .await
            .unwrap();
        assert_eq!(broken_promise(&store.writer).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_connection_that_could_lose_commits_is_detected() {
        let in_memory = Database::connect("sqlite::memory:").await.unwrap();
        assert_eq!(
            broken_promise(&in_memory).await.unwrap(),
            Some(("journal_mode", "wal", "memory".to_owned())),
            "a database in memory is not durable"
        );

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("promises.db");
        let store = SqlStore::open_file(&path, &SqlSettings::default()).await.unwrap();
        for (pragma, wanted) in [("synchronous", "2"), ("fullfsync", "1"), ("foreign_keys", "1")] {
            store
                .writer
                .execute_unprepared(&format!("PRAGMA {pragma} = 0"))
                .await
                .unwrap();
            assert_eq!(
                broken_promise(&store.writer).await.unwrap(),
                Some((pragma, wanted, "0".to_owned()))
            );
            store
                .writer
                .execute_unprepared(&format!("PRAGMA {pragma} = {wanted}"))
                .await
                .unwrap();
        }
    }

    #[tokio::test]
    async fn a_reader_cannot_write() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqlStore::open_file(&directory.path().join("readers.db"), &SqlSettings::default())
            .await
            .unwrap();
        store.migrate_up().await.unwrap();
        let refused = store.readers.execute_unprepared("DELETE FROM rescind_log_head").await;
        assert!(refused.unwrap_err().to_string().contains("readonly"));
    }
}
