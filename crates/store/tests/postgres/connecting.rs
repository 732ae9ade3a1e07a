//! Connecting by a URL, and the errors of a wrong one.

use std::{fs, path::Path};

use rescind_store::{ConnectError, SqlSettings, SqlStore};
use rescind_testkit::{PostgresServer, Tool, make_certificates, needs};

use crate::fixture::{fresh, impatient, opened, own_server, store};

async fn refused(url: &str) -> ConnectError {
    let error = SqlStore::connect(url, &impatient()).await.unwrap_err();
    let printed = format!("{error} {error:?} {}", rescind_session::ErrorChain(&error));
    assert!(!printed.contains("hunter2"), "the password is printed: {printed}");
    error
}

#[tokio::test]
async fn a_parameter_that_would_change_a_session_is_refused_by_name() {
    for (parameter, name) in [
        ("options=-csynchronous_commit%3Doff", "options"),
        ("options[synchronous_commit]=off", "options[synchronous_commit]"),
        ("sslmode=disable&statement-cache-capacity=0", "statement-cache-capacity"),
        ("pasword=hunter2", "pasword"),
    ] {
        let error = refused(&format!("postgres://rescind@127.0.0.1:1/x?{parameter}")).await;
        assert!(
            matches!(&error, ConnectError::PostgresParameter(found) if found == name),
            "{error:?}"
        );
        assert!(error.is_url_error());
    }
}

#[tokio::test]
async fn an_unreadable_url_is_refused_without_quoting_it() {
    for url in [
        "postgres:rescind:hunter2@db/x",
        "postgres://rescind:hunter2@db:port/x",
        "postgres://rescind:hunter2#@db/x",
        "postgresql://rescind:hunter2@db/x?sslmode=hunter2",
    ] {
        let error = refused(url).await;
        assert!(matches!(error, ConnectError::PostgresUrl), "{url}: {error:?}");
    }
}

#[tokio::test]
async fn an_unreachable_server_is_reported_without_the_password() {
    let error = refused("postgres://rescind:hunter2@127.0.0.1:1/x").await;
    assert!(matches!(error, ConnectError::Unreachable(_)), "{error:?}");
    assert!(!error.is_url_error());
}

#[tokio::test]
async fn a_missing_database_is_reported_with_postgres_own_message() {
    let Some(_) = fresh().await else { return };
    let port = PostgresServer::shared().await.port();
    let error = refused(&format!("postgresql://rescind:hunter2@127.0.0.1:{port}/nowhere")).await;
    let told = rescind_session::ErrorChain(&error).to_string();
    assert!(told.contains("\"nowhere\" does not exist"), "{told}");
}

#[tokio::test]
async fn a_session_is_named_rescind_unless_the_url_names_it() {
    let Some(url) = fresh().await else { return };
    let server = PostgresServer::shared().await;
    let _one = store(&url).await;
    let _other = store(&format!("{url}?application_name=node-7&sslmode=disable")).await;
    let names = server
        .sql_in(
            &url,
            "SELECT DISTINCT application_name FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY 1",
        )
        .await;
    assert_eq!(names, "node-7\nrescind");
}

/// Gives the server a certificate. It writes the files itself: it accepts a key only from its own user.
async fn use_tls(server: &PostgresServer, certificates: &Path) {
    let data = server.sql("SHOW data_directory").await;
    for (file, name) in [("server.pem", "server.crt"), ("server.key", "server.key")] {
        let text = fs::read_to_string(certificates.join(file)).unwrap();
        let rows = format!("SELECT unnest(string_to_array('{text}', E'\\n'))");
        let write = format!("COPY ({rows}) TO PROGRAM 'umask 077; cat > {data}/{name}'");
        server.sql(&write).await;
    }
    server.sql("ALTER SYSTEM SET ssl = on").await;
    server.stop().await;
    server.start_again().await;
}

#[tokio::test]
async fn verify_full_accepts_only_a_server_with_a_trusted_certificate() {
    let Some(_) = needs(Tool::OpenSsl) else { return };
    let Some(server) = own_server(&[]).await else { return };
    let certificates = tempfile::tempdir().unwrap();
    make_certificates(certificates.path());
    use_tls(&server, certificates.path()).await;

    let checked = format!("{}?sslmode=verify-full", server.url());
    let error = refused(&checked).await;
    let told = rescind_session::ErrorChain(&error).to_string();
    assert!(told.to_lowercase().contains("certificate"), "{told}");

    let authority = certificates.path().join("ca.pem");
    let _store = store(&format!("{checked}&sslrootcert={}", authority.display())).await;
    let connections = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE application_name = 'rescind'";
    assert_eq!(server.sql(connections).await, "t");
}

#[tokio::test]
async fn connecting_leaves_the_schema_alone() {
    let Some(url) = fresh().await else { return };
    let store = SqlStore::connect(&url, &SqlSettings::default()).await.unwrap();
    assert!(!store.is_current().await.unwrap());
    store.migrate_up().await.unwrap();
    assert!(store.is_current().await.unwrap());
    opened(&store, 1).await;
}

#[tokio::test]
async fn the_database_clock_matches_the_machines() {
    let Some(url) = fresh().await else { return };
    let instants = rescind_session::ports::SessionStore::store_clock(&store(&url).await)
        .await
        .unwrap();
    let machine = rescind_session::MachineClock::wall(&rescind_store::SystemClock::new());
    let apart = machine.duration_since(instants.clock.unwrap()).unsigned_abs();
    assert!(apart < std::time::Duration::from_secs(5), "{apart:?} apart");
}

#[tokio::test]
async fn a_search_path_that_is_not_one_plain_name_is_refused() {
    for path in ["", "a,b", "%22a%22", "A", "1a", "a;b", "$user"] {
        let url = format!("postgres://postgres@127.0.0.1:1/postgres?search_path={path}");
        let error = SqlStore::connect(&url, &SqlSettings::default()).await.unwrap_err();
        assert!(matches!(error, ConnectError::SearchPath), "{path}: {error}");
        assert!(error.is_url_error());
    }
}
