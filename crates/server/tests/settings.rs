//! Which settings are used, and which are refused.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers included"
)]

use std::{ffi::OsString, time::Duration};

use rescind_server::{
    CommandLine,
    clap::{Args, Command, CommandFactory, FromArgMatches},
    settings::{BlacklistRead, Database, Given, Settings},
};
use rescind_session::{Preset, token::Algorithm};

fn command() -> Command {
    Given::augment_args(Command::new("rescind"))
}

/// What was given: `with(&[("RESCIND_GRACE", "5s")])`.
fn with(given: &[(&str, &str)]) -> Given {
    let flag = |variable: &str| variable.trim_start_matches("RESCIND_").to_lowercase().replace('_', "-");
    let line = given
        .iter()
        .map(|(variable, value)| format!("--{}={value}", flag(variable)).into());
    parsed(line)
}

fn parsed(line: impl IntoIterator<Item = OsString>) -> Given {
    let matches = command().get_matches_from(std::iter::once("rescind".into()).chain(line));
    Given::from_arg_matches(&matches).unwrap()
}

fn judged(given: &[(&str, &str)]) -> Settings {
    Settings::judge(&with(given)).unwrap()
}

fn refused(given: &[(&str, &str)]) -> String {
    match Settings::judge(&with(given)) {
        Ok(settings) => panic!("{given:?} should have been refused: {settings:?}"),
        Err(faults) => faults.to_string(),
    }
}

#[test]
fn without_settings_it_is_a_node_for_this_machine_alone() {
    let settings = judged(&[]);
    assert_eq!(settings.listening.bind, "127.0.0.1:8080".parse().unwrap());
    assert!(settings.listening.is_local());
    assert_eq!(settings.storage.database, Database::Embedded("data/rescind.db".into()));
    assert_eq!(settings.storage.keys, std::path::Path::new("data/keys"));
    assert_eq!(settings.storage.algorithm, None);
    assert_eq!(settings.tokens.policy.preset, Preset::Blacklist);
    assert_eq!(settings.tokens.policy.access_ttl, Duration::from_secs(5 * 60));
    assert_eq!(settings.tokens.audience, "rescind-api");
    assert_eq!(settings.limits.login_limit.to_string(), "10/min");
    assert_eq!(settings.limits.signup_limit.to_string(), "10/min");
    assert_eq!(settings.limits.sessions_per_user.map(|count| count.get()), Some(100));
    assert_eq!(settings.limits.max_connections, None);
    assert_eq!(settings.limits.store_timeout, Duration::from_millis(500));
}

#[test]
fn each_wrong_value_is_refused_by_name() {
    for (variable, value) in [
        ("RESCIND_BIND", "localhost"),
        ("RESCIND_BIND", "127.0.0.1"),
        ("RESCIND_PUBLIC_URL", "tokens.example"),
        ("RESCIND_PUBLIC_URL", "ftp://tokens.example"),
        ("RESCIND_PUBLIC_URL", "https://tokens.example/app"),
        ("RESCIND_PUBLIC_URL", "https://tokens.example/?x"),
        ("RESCIND_PUBLIC_URL", "https://tokens.example/#x"),
        ("RESCIND_PUBLIC_URL", "https://someone@tokens.example"),
        ("DATABASE_URL", "mysql://somebody:secret@db/rescind"),
        ("DATABASE_URL", "rescind.db"),
        ("RESCIND_DATABASE_CONNECTIONS", "0"),
        ("RESCIND_DATABASE_CONNECTIONS", "many"),
        ("REDIS_URL", "http://:secret@cache"),
        ("REDIS_URL", "redis+magic://:secret@cache"),
        ("REDIS_URL", "cache.example:6379"),
        ("RESCIND_REDIS_CONNECTIONS", "8"),
        ("RESCIND_REDIS_NAMESPACE", "mine"),
        ("RESCIND_METRICS_BIND", "9090"),
        ("RESCIND_METRICS_BIND", "127.0.0.1:8080"),
        ("RESCIND_NODE", "two words"),
        ("RESCIND_NODE", "a_name_that_is_longer_than_any_name"),
        ("RESCIND_POLICY", "Blacklist"),
        ("RESCIND_ACCESS_TTL", "300"),
        ("RESCIND_ACCESS_TTL", "0s"),
        ("RESCIND_ACCESS_TTL", "1500ms"),
        ("RESCIND_REFRESH_TTL", "a week"),
        ("RESCIND_SESSION_MAX", "-1d"),
        ("RESCIND_GRACE", "10"),
        ("RESCIND_LEEWAY", "5m 1s"),
        ("RESCIND_AUDIENCE", "two words"),
        ("RESCIND_ALGORITHM", "none"),
        ("RESCIND_TOKEN_CACHE", "many"),
        ("RESCIND_TOKEN_CACHE", "10000001"),
        ("RESCIND_OAUTH_CLIENTS", "app:secret"),
        ("RESCIND_OAUTH_CLIENTS", &format!("rescind:sha256:{}", "0".repeat(64))),
        (
            "RESCIND_OAUTH_CLIENTS",
            &format!("a:sha256:{};b:secret", "0".repeat(64)),
        ),
        ("RESCIND_LOGIN_LIMIT", "many"),
        ("RESCIND_LOGIN_LIMIT", "0/min"),
        ("RESCIND_SIGNUP_LIMIT", "10"),
        ("RESCIND_SESSIONS_PER_USER", "0"),
        ("RESCIND_MAX_CONNECTIONS", "0"),
        ("RESCIND_TRUSTED_PROXIES", "proxy.example"),
        ("RESCIND_STATUS_LIST", "yes"),
        ("RESCIND_FORWARD_AUTH", "nginx"),
        ("RESCIND_STORE_TIMEOUT", "0s"),
        ("RESCIND_EVENT_RECEIVERS", "shop"),
        ("RESCIND_EVENT_RECEIVERS", "http://shop.example/events"),
        ("RESCIND_EVENT_RECEIVERS", "ftp://shop.example/events"),
        ("RESCIND_EVENT_RECEIVERS", "https://shop.example/events?key=secret"),
        ("RESCIND_EVENT_RECEIVERS", "https://me:secret@shop.example/events"),
        ("RESCIND_EVENT_RECEIVERS", "https://shop.example/events#secret"),
        ("RESCIND_EVENT_RECEIVERS", "https://shop.example/events secret"),
        ("RESCIND_EVENT_RECEIVERS", "https://shop.example/events bearer="),
        (
            "RESCIND_EVENT_RECEIVERS",
            "https://shop.example/events bearer=secret! audience=a",
        ),
        (
            "RESCIND_EVENT_RECEIVERS",
            "https://shop.example/events bearer=secret bearer=secret",
        ),
        (
            "RESCIND_EVENT_RECEIVERS",
            "https://shop.example/events, https://shop.example/events audience=a",
        ),
        ("RESCIND_EVENT_RECEIVERS", "https://shop.example/events,"),
        ("RESCIND_EVENT_RETENTION", "7"),
        ("RESCIND_EVENT_RETENTION", "59s"),
    ] {
        let said = refused(&[(variable, value)]);
        assert!(
            said.starts_with(variable) && said.lines().count() == 1,
            "{variable}={value}: {said}"
        );
        assert!(!said.contains("secret"), "{said}");
    }
}

#[test]
fn no_setting_prints_the_password_in_a_url() {
    let settings = judged(&[
        ("DATABASE_URL", "postgres://somebody:secret@db/rescind"),
        ("REDIS_URL", "rediss+sentinel://:secret@a,b/primary"),
    ]);
    let printed = format!("{settings:?}");
    assert!(
        printed.contains("postgres") && printed.contains("rediss+sentinel"),
        "{printed}"
    );
    assert!(!printed.contains("secret"), "{printed}");
}

#[test]
fn each_receiver_of_events_has_an_audience_and_perhaps_a_bearer_token() {
    let settings = judged(&[(
        "RESCIND_EVENT_RECEIVERS",
        "https://shop.example/events bearer=the.secret~1== audience=shop, http://127.0.0.1:9/events,http://localhost/",
    )]);
    let receivers: Vec<_> = settings
        .events
        .receivers
        .iter()
        .map(|one| (one.url.as_str(), one.audience.as_str(), one.bearer.is_some()))
        .collect();
    assert_eq!(
        receivers,
        [
            ("https://shop.example/events", "shop", true),
            ("http://127.0.0.1:9/events", "http://127.0.0.1:9/events", false),
            ("http://localhost/", "http://localhost/", false),
        ]
    );
    assert!(!format!("{settings:?}").contains("secret"));
    assert_eq!(settings.events.retention, Duration::from_secs(7 * 24 * 60 * 60));
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    for (given, named) in [
        ("RESCIND_ACCESS_TTL=5s RESCIND_GRACE=6s", "RESCIND_GRACE"),
        ("RESCIND_SESSION_MAX=1d RESCIND_REFRESH_TTL=2d", "RESCIND_REFRESH_TTL"),
        ("RESCIND_REFRESH_TTL=31d", "RESCIND_REFRESH_TTL"),
        ("RESCIND_ACCESS_TTL=1h RESCIND_REFRESH_TTL=30m", "RESCIND_REFRESH_TTL"),
        ("RESCIND_ACCESS_TTL=1h RESCIND_SESSION_MAX=30m", "RESCIND_SESSION_MAX"),
        ("RESCIND_SESSION_MAX=20years", "RESCIND_SESSION_MAX"),
        ("RESCIND_POLICY=stored RESCIND_REFRESH_TTL=1d", "RESCIND_REFRESH_TTL"),
        ("RESCIND_POLICY=short_lived RESCIND_GRACE=1s", "RESCIND_GRACE"),
        (
            "RESCIND_POLICY=client_delete RESCIND_SESSION_MAX=1d",
            "RESCIND_SESSION_MAX",
        ),
        (
            "RESCIND_POLICY=short_lived RESCIND_STATUS_LIST=on",
            "RESCIND_STATUS_LIST",
        ),
        ("RESCIND_BIND=0.0.0.0:8080", "RESCIND_PUBLIC_URL"),
        (
            "RESCIND_POLICY=short_lived RESCIND_EVENT_RECEIVERS=https://shop.example/",
            "RESCIND_EVENT_RECEIVERS",
        ),
        (
            "REDIS_URL=redis://cache RESCIND_REDIS_CONNECTIONS=1001",
            "RESCIND_REDIS_CONNECTIONS",
        ),
        (
            "REDIS_URL=redis://cache RESCIND_REDIS_NAMESPACE={mine}",
            "RESCIND_REDIS_NAMESPACE",
        ),
        ("RESCIND_BLACKLIST_READ=replicated", "RESCIND_BLACKLIST_READ"),
        (
            "REDIS_URL=redis://cache RESCIND_BLACKLIST_READ=cached",
            "RESCIND_BLACKLIST_READ",
        ),
        ("REDIS_URL=redis://cache RESCIND_LEASE=100ms", "RESCIND_LEASE"),
        (
            "REDIS_URL=redis://cache RESCIND_BLACKLIST_READ=replicated RESCIND_STORE_TIMEOUT=399ms",
            "RESCIND_LEASE",
        ),
        (
            "REDIS_URL=redis://cache RESCIND_BLACKLIST_READ=replicated RESCIND_LEASE=2s RESCIND_STORE_TIMEOUT=5s",
            "RESCIND_LEASE",
        ),
    ] {
        let settings: Vec<_> = given.split(' ').filter_map(|setting| setting.split_once('=')).collect();
        let said = refused(&settings);
        assert!(said.starts_with(named) && said.lines().count() == 1, "{given}: {said}");
    }
}

#[test]
fn defaults_adapt_to_what_is_set() {
    let short = judged(&[("RESCIND_ACCESS_TTL", "3s")]).tokens.policy;
    assert_eq!(short.refresh.unwrap().grace, Duration::from_secs(3));
    let young = judged(&[("RESCIND_SESSION_MAX", "1d")]).tokens.policy;
    assert_eq!(young.refresh.unwrap().ttl, Duration::from_secs(24 * 60 * 60));
    let long = judged(&[("RESCIND_POLICY", "stored"), ("RESCIND_ACCESS_TTL", "60d")])
        .tokens
        .policy;
    assert_eq!(long.session_max, long.access_ttl);
}

#[test]
fn an_empty_value_counts_as_not_set() {
    let command = command();
    let variables = command
        .get_arguments()
        .filter_map(|argument| argument.get_env()?.to_str());
    let given: Vec<_> = variables.map(|variable| (variable, "")).collect();
    assert!(given.len() > 20, "{given:?}");
    assert_eq!(judged(&given).listening, judged(&[]).listening);
    assert_eq!(judged(&given).storage, judged(&[]).storage);
    assert_eq!(judged(&given).tokens, judged(&[]).tokens);
}

#[test]
fn what_is_set_is_used() {
    let settings = judged(&[
        ("RESCIND_DATA_DIR", "/srv/rescind"),
        ("DATABASE_URL", "sqlite:/srv/db/rescind.db"),
        ("RESCIND_DATABASE_CONNECTIONS", "3"),
        ("REDIS_URL", "redis+cluster://a:1,b:2"),
        ("RESCIND_REDIS_CONNECTIONS", "4"),
        ("RESCIND_REDIS_NAMESPACE", "shop:tokens"),
        ("RESCIND_BLACKLIST_READ", "replicated"),
        ("RESCIND_LEASE", "150ms"),
        ("RESCIND_KEYS", "/srv/keys"),
        ("RESCIND_ALGORITHM", "ES256"),
        ("RESCIND_AUDIENCE", "my-api"),
        ("RESCIND_LEEWAY", "2s"),
        ("RESCIND_LOGIN_LIMIT", "5/hour"),
        ("RESCIND_SIGNUP_LIMIT", "off"),
        ("RESCIND_SESSIONS_PER_USER", "off"),
        ("RESCIND_MAX_CONNECTIONS", "200"),
        ("RESCIND_TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.7,2001:db8::/32"),
        ("RESCIND_STORE_TIMEOUT", "2s"),
        (
            "RESCIND_OAUTH_CLIENTS",
            &format!("{0}, b{0}\n a{0},", ":sha256:".to_owned() + &"0".repeat(64)).replacen(':', "a:", 1),
        ),
    ]);
    let clients: Vec<_> = settings
        .oauth_clients
        .iter()
        .map(|client| client.id().as_str())
        .collect();
    assert_eq!(clients, ["a", "b", "a"]);
    assert_eq!(
        settings.storage.database,
        Database::Chosen("sqlite:/srv/db/rescind.db".to_owned())
    );
    assert_eq!(settings.storage.database_connections, 3);
    let redis = settings.storage.redis.unwrap();
    assert_eq!(
        (redis.url.as_str(), redis.connections, redis.namespace.as_str()),
        ("redis+cluster://a:1,b:2", 4, "shop:tokens")
    );
    let lease = Duration::from_millis(150);
    assert_eq!(redis.read, BlacklistRead::Replicated { lease });
    assert_eq!(settings.storage.keys, std::path::Path::new("/srv/keys"));
    assert_eq!(settings.storage.algorithm, Some(Algorithm::Es256));
    assert_eq!(
        (settings.tokens.audience.as_str(), settings.tokens.leeway),
        ("my-api", Duration::from_secs(2))
    );
    let proxies: Vec<_> = settings
        .limits
        .trusted_proxies
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(proxies, ["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32"]);
    assert_eq!(settings.limits.login_limit.to_string(), "5/hour");
    assert_eq!(settings.limits.signup_limit.to_string(), "off");
    assert_eq!(settings.limits.sessions_per_user, None);
    assert_eq!(settings.limits.max_connections.map(|count| count.get()), Some(200));
    assert_eq!(settings.limits.store_timeout, Duration::from_secs(2));
}

#[cfg(unix)]
#[test]
fn a_text_setting_that_is_not_utf8_is_refused() {
    use std::os::unix::ffi::OsStringExt;
    let given = parsed([OsString::from_vec(b"--audience=\xff".to_vec())]);
    let said = Settings::judge(&given).unwrap_err().to_string();
    assert!(said.starts_with("RESCIND_AUDIENCE"), "{said}");
}

#[test]
fn the_command_line_passes_claps_checks() {
    CommandLine::command().debug_assert();
}

#[test]
fn a_flag_is_named_like_its_variable() {
    for argument in command().get_arguments() {
        let (flag, variable) = (
            argument.get_long().unwrap(),
            argument.get_env().unwrap().to_str().unwrap(),
        );
        let expected = variable.trim_start_matches("RESCIND_").to_lowercase().replace('_', "-");
        assert_eq!(flag, expected);
    }
}
