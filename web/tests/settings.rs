//! Settings, keys and commands of the real program: refused starts, and their messages.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers included")]

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use rescind_testkit::{Ended, Program};

const ALICE: (&str, &str) = ("alice", "correct horse battery staple");
const CAROL: (&str, &str) = ("carol", "a password of her own");

/// The program with a store timeout for a busy machine.
fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_rescind")).env("RESCIND_STORE_TIMEOUT", "10s")
}

/// Runs a command on the data of another program.
async fn command(data: &Path, words: &[&str]) -> Ended {
    let program = program().env("RESCIND_DATA_DIR", data);
    words
        .iter()
        .fold(program, |program, word| program.arg(word))
        .run_to_exit()
        .await
        .unwrap()
}

fn code(ended: &Ended) -> Option<i32> {
    ended.status.code()
}

/// The key files and what is in them.
fn keys(data: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(data.join("keys")).unwrap().map(Result::unwrap);
    let keys = entries.filter(|entry| entry.file_name() != ".lock" && entry.file_name() != "high-water.json");
    keys.map(|entry| {
        (
            entry.file_name().into_string().unwrap(),
            fs::read(entry.path()).unwrap(),
        )
    })
    .collect()
}

#[tokio::test]
async fn a_wrong_setting_stops_the_start_and_is_named() {
    for (variable, value) in [
        ("RESCIND_BIND", "everywhere"),
        ("RESCIND_PUBLIC_URL", "https://tokens.example/app"),
        ("DATABASE_URL", "mysql://somebody:secret@127.0.0.1/rescind"),
        ("DATABASE_URL", "postgres://somebody:sec#ret@127.0.0.1/rescind"),
        (
            "DATABASE_URL",
            "postgres://somebody:secret@127.0.0.1/rescind?options=-csynchronous_commit%3Doff",
        ),
        ("DATABASE_URL", "sqlite::memory:"),
        ("REDIS_URL", "http://:secret@127.0.0.1"),
        ("REDIS_URL", "redis://:secret@127.0.0.1:port"),
        ("REDIS_URL", "redis+sentinel://:secret@127.0.0.1"),
        ("RESCIND_REDIS_NAMESPACE", "without-redis"),
        ("RESCIND_POLICY", "none"),
        ("RESCIND_GRACE", "1h"),
        ("RESCIND_COOKIE_PREFIX", "__Host-mine"),
        ("RESCIND_COOKIE_PREFIX", "my cookie"),
        ("RESCIND_COOKIE_PREFIX", "a=b;c"),
        // Added to an instant it would overflow.
        ("RESCIND_STORE_TIMEOUT", "500000000000years"),
        ("RESCIND_ALGORITHM", "none"),
        ("RESCIND_DEMO", "maybe"),
        ("RESCIND_DEMO_PEERS", "127.0.0.1:8082"),
        ("RESCIND_DEMO_PEERS", "http://127.0.0.1:8082/api/me"),
        ("RESCIND_DEMO_PEERS", "http://127.0.0.1:8082,"),
        ("RESCIND_DEMO_PEERS", "http://somebody:secret@127.0.0.1:8082"),
        ("RESCIND_DEMO_PEERS", &["http://127.0.0.1:8082"; 9].join(",")),
        ("RUST_LOG", "rescind=loud"),
    ] {
        let ended = program().env(variable, value).run_to_exit().await.unwrap();
        assert_eq!(code(&ended), Some(2), "{variable}={value}: {}", ended.stderr);
        assert!(ended.stderr.contains(variable), "{variable}={value}: {}", ended.stderr);
        assert!(!ended.stderr.contains("secret"), "{}", ended.stderr);
        assert_eq!(ended.stdout, "", "{variable}={value}");
        assert_eq!(
            fs::read_dir(ended.program.data_dir()).unwrap().count(),
            0,
            "{variable}={value} left something behind"
        );
    }
}

#[tokio::test]
async fn all_wrong_settings_are_reported_at_once() {
    let wrong = ["RESCIND_BIND", "RESCIND_DEMO", "RESCIND_LEEWAY"];
    let program = wrong
        .iter()
        .fold(program(), |program, variable| program.env(variable, "x"));
    let said = program.run_to_exit().await.unwrap().stderr;
    for told in wrong.iter().chain(&["--bind", "--demo", "--leeway"]) {
        assert!(said.contains(told), "{said}");
    }
    assert_eq!(said.lines().count(), 3, "{said}");
}

/// Peers are refused where the demo is off. Another fault keeps the program from starting where it is on.
#[tokio::test]
async fn the_demo_is_on_by_default_only_on_loopback() {
    let is_on = async |given: &[(&str, &str)]| {
        let program = program().env("RESCIND_DEMO_PEERS", "http://127.0.0.1:8082, http://[::1]:8083");
        let program = program.env("RESCIND_LEEWAY", "x");
        let program = given
            .iter()
            .fold(program, |program, (name, value)| program.env(name, value));
        let said = program.run_to_exit().await.unwrap().stderr;
        assert!(said.contains("RESCIND_LEEWAY"), "{said}");
        !said.contains("RESCIND_DEMO_PEERS")
    };
    let public = ("RESCIND_DEMO", "public");
    for url in [
        "https://tokens.example",
        "http://tokens.example",
        "https://localhost",
        "http://127.0.0.1.example",
    ] {
        assert!(!is_on(&[("RESCIND_PUBLIC_URL", url)]).await, "{url}");
        assert!(is_on(&[("RESCIND_PUBLIC_URL", url), public]).await, "{url}");
    }
    for url in ["http://localhost:8080", "http://[::1]", "http://127.0.0.2:1"] {
        assert!(is_on(&[("RESCIND_PUBLIC_URL", url)]).await, "{url}");
    }
    let elsewhere = ("RESCIND_BIND", "192.0.2.1:80");
    assert!(is_on(&[]).await && is_on(&[("RESCIND_BIND", "[::1]:0")]).await);
    assert!(!is_on(&[elsewhere]).await && is_on(&[elsewhere, public]).await);
    assert!(!is_on(&[("RESCIND_DEMO", "off")]).await);
}

#[tokio::test]
async fn the_demo_cannot_be_on_at_a_public_address() {
    for elsewhere in [
        ("RESCIND_BIND", "192.0.2.1:80"),
        ("RESCIND_PUBLIC_URL", "http://tokens.example"),
    ] {
        let program = program().env("RESCIND_DEMO", "on").env(elsewhere.0, elsewhere.1);
        let said = program.run_to_exit().await.unwrap().stderr;
        assert!(
            said.contains("RESCIND_DEMO (or --demo)") && said.lines().count() == 1,
            "{said}"
        );
    }
}

#[tokio::test]
async fn a_flag_overrides_the_environment_and_that_the_env_file() {
    let started = |program: Program| async {
        fs::write(
            program.data_dir().join(".env"),
            "RESCIND_AUDIENCE=from-the-file\nRESCIND_POLICY=nonsense\n",
        )
        .unwrap();
        program.env("RESCIND_POLICY", "stored").start().await.unwrap()
    };
    let audience = async |running: &rescind_testkit::Running| {
        let client = running.api_client();
        let tokens = client.log_in(ALICE.0, ALICE.1).await.expect_status(200).tokens();
        claims(&tokens)["aud"].as_str().unwrap().to_owned()
    };
    let file = started(program()).await;
    assert_eq!(audience(&file).await, "from-the-file");
    let environment = started(program().env("RESCIND_AUDIENCE", "from-the-environment")).await;
    assert_eq!(audience(&environment).await, "from-the-environment");
    let flag = program()
        .env("RESCIND_AUDIENCE", "from-the-environment")
        .arg("--audience")
        .arg("from-the-flag");
    assert_eq!(audience(&started(flag).await).await, "from-the-flag");
}

#[tokio::test]
async fn an_env_file_that_cannot_be_read_stops_the_start_and_is_not_repeated() {
    let program = program();
    fs::write(program.data_dir().join(".env"), "REDIS_URL=redis://:se cret@cache\n").unwrap();
    let ended = program.run_to_exit().await.unwrap();
    assert_eq!(code(&ended), Some(2), "{}", ended.stderr);
    assert!(
        ended.stderr.contains(".env") && !ended.stderr.contains("cret"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn standard_output_is_only_the_address() {
    let running = program().start().await.unwrap();
    let url = running.base_url().to_owned();
    let ended = running.terminate().await.unwrap();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(ended.stdout, format!("Rescind listens on {url}\n"));
}

#[cfg(unix)]
#[tokio::test]
async fn keys_are_made_once_for_their_owner_alone_and_kept() {
    use std::os::unix::fs::PermissionsExt;

    let running = program().start().await.unwrap();
    let data = running.data_dir();
    let made = keys(&data);
    assert_eq!(made.keys().collect::<Vec<_>>(), ["access-0001.pem", "refresh-0001.key"]);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for name in made.keys() {
        assert_eq!(mode(&data.join("keys").join(name)), 0o600, "{name}");
    }
    assert_eq!(mode(&data.join("keys")), 0o700);
    let tokens = running
        .api_client()
        .log_in(ALICE.0, ALICE.1)
        .await
        .expect_status(200)
        .tokens();
    let running = running.restart().await.unwrap();
    assert_eq!(keys(&data), made);
    running.api_client().me(tokens.access()).await.expect_status(200);
}

#[cfg(unix)]
#[tokio::test]
async fn a_key_file_that_others_can_read_stops_the_start_and_is_named() {
    use std::os::unix::fs::PermissionsExt;

    let stopped = program().start().await.unwrap().terminate().await.unwrap().program;
    let key = stopped.data_dir().join("keys/access-0001.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let ended = stopped.run_to_exit().await.unwrap();
    assert_eq!(code(&ended), Some(1), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("access-0001.pem") && ended.stderr.contains("RESCIND_KEYS"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn a_second_node_on_the_same_database_is_refused() {
    let first = program().start().await.unwrap();
    let second = first.second_node().run_to_exit().await.unwrap();
    assert_eq!(code(&second), Some(1), "{}", second.stderr);
    assert!(
        second.stderr.contains("rescind.db") && second.stderr.contains("DATABASE_URL"),
        "{}",
        second.stderr
    );
    // By another name of the same file, too.
    let url = format!("sqlite:{}", first.data_dir().join("../data/rescind.db").display());
    let aliased = program().env("DATABASE_URL", url).run_to_exit().await.unwrap();
    assert_eq!(code(&aliased), Some(1), "{}", aliased.stderr);
    assert!(aliased.stderr.contains("rescind.db"), "{}", aliased.stderr);
    let moved = command(&first.data_dir(), &["migrate", "fresh", "--yes"]).await;
    assert_eq!(
        code(&moved),
        Some(1),
        "tables were moved under a running program: {}",
        moved.stderr
    );
    first.api_client().log_in(ALICE.0, ALICE.1).await.expect_status(200);
    // The lock ends with its holder's process, for any cause.
    first.kill_9().await.start().await.unwrap();
}

#[tokio::test]
async fn keys_that_are_not_the_databases_are_refused_until_they_are_adopted() {
    let running = program().start().await.unwrap();
    let tokens = running
        .api_client()
        .log_in(ALICE.0, ALICE.1)
        .await
        .expect_status(200)
        .tokens();
    let stopped = running.terminate().await.unwrap().program;
    let data = stopped.data_dir();
    fs::remove_file(data.join("keys/access-0001.pem")).unwrap();
    let refused = stopped.run_to_exit().await.unwrap();
    assert_eq!(code(&refused), Some(1), "{}", refused.stderr);
    for word in ["RESCIND_KEYS", "rescind keys adopt", "rescind keys rotate"] {
        assert!(refused.stderr.contains(word), "{}", refused.stderr);
    }
    let rotated = command(&data, &["keys", "rotate"]).await;
    assert_eq!(
        code(&rotated),
        Some(1),
        "rotating adopted foreign keys: {}",
        rotated.stdout
    );
    assert_eq!(code(&command(&data, &["keys", "adopt"]).await), Some(0));
    let running = refused.program.start().await.unwrap();
    running
        .api_client()
        .me(tokens.access())
        .await
        .expect_problem(401, "token_invalid");
}

#[tokio::test]
async fn rotating_the_keys_ends_no_session() {
    let running = program().start().await.unwrap();
    let old = running
        .api_client()
        .log_in(ALICE.0, ALICE.1)
        .await
        .expect_status(200)
        .tokens();
    let rotate = ["keys", "rotate", "--algorithm", "ES256", "--jwks-max-age", "1s"];
    let rotated = command(&running.data_dir(), &rotate).await;
    assert_eq!(code(&rotated), Some(0), "{}", rotated.stderr);
    assert!(rotated.stdout.contains("access-0002.pem"), "{}", rotated.stdout);
    let running = running.restart().await.unwrap();
    let client = running.api_client();
    client.me(old.access()).await.expect_status(200);
    assert_eq!(header(&old)["alg"].as_str(), Some("EdDSA"));
    let mut new = client.refresh(old.refresh()).await.expect_status(200).tokens();
    // Far longer than it takes.
    for _ in 0..300 {
        if header(&new)["alg"].as_str() == Some("ES256") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        new = client.refresh(new.refresh()).await.expect_status(200).tokens();
    }
    assert_eq!(header(&new)["alg"].as_str(), Some("ES256"));
    client.me(new.access()).await.expect_status(200);
}

/// The procedure of web/README.md, without its shell command.
#[cfg(unix)]
#[tokio::test]
async fn a_refresh_key_added_by_hand_ends_no_session() {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};

    let running = program().start().await.unwrap();
    let (data, client) = (running.data_dir(), running.api_client());
    let old = client.log_in(ALICE.0, ALICE.1).await.expect_status(200).tokens();
    let kept = client.log_in(ALICE.0, ALICE.1).await.expect_status(200).tokens();
    let stopped = running.terminate().await.unwrap().program;
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600);
    let mut file = file.open(data.join("keys/refresh-0002.key")).unwrap();
    file.write_all("BwcH".repeat(11).get(..43).unwrap().as_bytes()).unwrap();
    let refused = stopped.run_to_exit().await.unwrap();
    assert!(refused.stderr.contains("rescind keys adopt"), "{}", refused.stderr);
    assert_eq!(code(&command(&data, &["keys", "adopt"]).await), Some(0));

    let running = refused.program.start().await.unwrap();
    let new = running
        .api_client()
        .refresh(old.refresh())
        .await
        .expect_status(200)
        .tokens();
    let stopped = running.terminate().await.unwrap().program;
    // Without the old key its tokens are forgeries; those of the new one count.
    fs::remove_file(data.join("keys/refresh-0001.key")).unwrap();
    assert_eq!(code(&command(&data, &["keys", "adopt"]).await), Some(0));
    let running = stopped.start().await.unwrap();
    let client = running.api_client();
    client.refresh(new.refresh()).await.expect_status(200);
    client
        .refresh(kept.refresh())
        .await
        .expect_problem(401, "refresh_invalid");
}

#[tokio::test]
async fn after_the_database_was_emptied_no_older_token_is_accepted() {
    let running = program().start().await.unwrap();
    let client = running.api_client();
    let revoked = client.log_in(ALICE.0, ALICE.1).await.expect_status(200).tokens();
    let live = client.log_in(ALICE.0, ALICE.1).await.expect_status(200).tokens();
    client.log_out(revoked.access()).await.expect_status(204);
    let stopped = running.terminate().await.unwrap().program;
    let emptied = command(&stopped.data_dir(), &["migrate", "fresh", "--yes"]).await;
    assert_eq!(code(&emptied), Some(0), "{}", emptied.stderr);
    let running = stopped.start().await.unwrap();
    let client = running.api_client();
    for tokens in [&revoked, &live] {
        client.me(tokens.access()).await.expect_problem(401, "token_invalid");
        client
            .refresh(tokens.refresh())
            .await
            .expect_problem(401, "refresh_invalid");
    }
    client.log_in(ALICE.0, ALICE.1).await.expect_status(200);
}

#[tokio::test]
async fn an_algorithm_other_than_the_active_keys_stops_the_start() {
    let stopped = program().start().await.unwrap().terminate().await.unwrap().program;
    let ended = stopped.env("RESCIND_ALGORITHM", "HS256").run_to_exit().await.unwrap();
    assert_eq!(code(&ended), Some(2), "{}", ended.stderr);
    for word in ["RESCIND_ALGORITHM", "EdDSA", "rescind keys rotate"] {
        assert!(ended.stderr.contains(word), "{}", ended.stderr);
    }
    let rotated = command(&ended.program.data_dir(), &["keys", "rotate", "--algorithm", "HS256"]).await;
    assert_eq!(code(&rotated), Some(0), "{}", rotated.stderr);
    let running = ended.program.start().await.unwrap();
    running.api_client().log_in(ALICE.0, ALICE.1).await.expect_status(200);
}

#[tokio::test]
async fn with_the_demo_off_its_accounts_are_refused_and_their_sessions_closed() {
    let running = program().start().await.unwrap();
    let tokens = running
        .api_client()
        .log_in(ALICE.0, ALICE.1)
        .await
        .expect_status(200)
        .tokens();
    let stopped = running.terminate().await.unwrap().program;
    let running = stopped.env("RESCIND_DEMO", "off").start().await.unwrap();
    let client = running.api_client();
    client.me(tokens.access()).await.expect_problem(401, "token_revoked");
    client
        .log_in(ALICE.0, ALICE.1)
        .await
        .expect_problem(401, "invalid_credentials");
    client.sign_up(CAROL.0, CAROL.1).await.expect_status(201);
    client.log_in(CAROL.0, CAROL.1).await.expect_status(200);
    let page = running.cookie_client().open("/login").await.expect_status(200);
    assert!(
        !page.text.contains(ALICE.1),
        "the login page offers the demo's password"
    );
}

#[tokio::test]
async fn a_public_url_that_is_not_loopback_turns_the_demo_off() {
    // The bind address stays loopback: a proxy or a tunnel is in front.
    let elsewhere = || program().env("RESCIND_PUBLIC_URL", "http://tokens.example");
    let running = elsewhere().start().await.unwrap();
    let client = running.api_client();
    client
        .log_in(ALICE.0, ALICE.1)
        .await
        .expect_problem(401, "invalid_credentials");
    let refused = elsewhere().env("RESCIND_DEMO", "on").run_to_exit().await.unwrap();
    assert_eq!(code(&refused), Some(2), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("RESCIND_DEMO") && refused.stderr.contains("RESCIND_PUBLIC_URL"),
        "{}",
        refused.stderr
    );
    let public = elsewhere().env("RESCIND_DEMO", "public").start().await.unwrap();
    public.api_client().log_in(ALICE.0, ALICE.1).await.expect_status(200);
}

#[tokio::test]
async fn without_the_demo_no_page_shows_a_tokens_signature() {
    let running = program().env("RESCIND_DEMO", "off").start().await.unwrap();
    let browser = running.cookie_client();
    browser
        .post("/signup", &[("username", CAROL.0), ("password", CAROL.1)])
        .await
        .expect_status(303);
    let page = browser.open("/account").await.expect_status(200);
    let token = browser.cookie("rescind_access").unwrap();
    let parts: Vec<_> = rescind_testkit::ExposeSecret::expose_secret(&token)
        .split('.')
        .collect();
    assert_eq!(parts.len(), 3);
    assert!(!page.text.contains(parts[2]), "the page shows the signature");
    assert!(page.text.contains("Signature"), "{}", page.text);
}

#[tokio::test]
async fn a_chosen_database_is_migrated_by_hand_and_the_embedded_one_by_itself() {
    let elsewhere = program();
    let url = format!("sqlite:{}", elsewhere.data_dir().join("chosen.db").display());
    let on_it = |words: &[&str]| {
        words
            .iter()
            .fold(program().env("DATABASE_URL", &url), |program, word| program.arg(word))
    };
    let run = |words: &'static [&'static str]| async { on_it(words).run_to_exit().await.unwrap() };

    let refused = run(&[]).await;
    assert_eq!(code(&refused), Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("rescind migrate up"), "{}", refused.stderr);

    let pending = run(&["migrate", "status"]).await.stdout;
    assert!(pending.contains("pending") && !pending.contains("applied"), "{pending}");
    let applied = run(&["migrate", "up"]).await.stdout;
    assert!(applied.contains("applied") && !applied.contains("pending"), "{applied}");
    let running = on_it(&[]).start().await.unwrap();
    running.api_client().sign_up(CAROL.0, CAROL.1).await.expect_status(201);
    running.terminate().await.unwrap();

    let down = run(&["migrate", "down"]).await.stdout;
    assert_eq!(
        down.lines().filter(|line| line.starts_with("pending")).count(),
        1,
        "{down}"
    );
    assert_eq!(code(&run(&["migrate", "up"]).await), Some(0));

    let unsure = run(&["migrate", "fresh"]).await;
    assert_eq!(code(&unsure), Some(2), "{}", unsure.stderr);
    assert!(unsure.stderr.contains("--yes"), "{}", unsure.stderr);
    assert_eq!(code(&run(&["migrate", "fresh", "--yes"]).await), Some(0));
    let running = on_it(&[]).start().await.unwrap();
    running
        .api_client()
        .log_in(CAROL.0, CAROL.1)
        .await
        .expect_problem(401, "invalid_credentials");
}

fn header(tokens: &rescind_testkit::Tokens) -> serde_json::Value {
    part(tokens, 0)
}

fn claims(tokens: &rescind_testkit::Tokens) -> serde_json::Value {
    part(tokens, 1)
}

/// A part of an access token, decoded without a key.
fn part(tokens: &rescind_testkit::Tokens, n: usize) -> serde_json::Value {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    let token = rescind_testkit::ExposeSecret::expose_secret(tokens.access());
    let part = token.split('.').nth(n).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}
