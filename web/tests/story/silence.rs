//! No secret is logged: not at the most verbose level, not after errors.
//!
//! The story runs twice, as JSON and as forms, with every mistake that puts a secret in a wrong place. Then each token,
//! password and key is searched for in all output of the program: complete, and in the parts that would be enough for a thief
//! or for a guess.

use std::{collections::BTreeSet, fs};

use rescind_testkit::{
    ApiClient, CookieClient, ExposeSecret, Provenance, Reply, Running, SecretString, Tokens, cookie_name,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::stage::{DEMO_PASSWORD, Stage, program};

/// The texts that must not be in the log, and those that must.
#[derive(Default)]
struct Record {
    secrets: BTreeSet<String>,
    requests: Vec<String>,
}

impl Record {
    /// A token, complete and in its parts.
    fn token(&mut self, token: &SecretString) {
        let token = token.expose_secret();
        self.secrets.insert(token.to_owned());
        if let Some(opaque) = token.strip_prefix("rrt_") {
            self.secrets.insert(opaque.to_owned());
        }
        self.secrets
            .extend(token.split('.').filter(|part| part.len() > 8).map(str::to_owned));
    }

    fn tokens(&mut self, tokens: &Tokens) {
        self.token(tokens.access());
        self.token(tokens.refresh());
    }

    /// Passwords, as typed and as encoded in forms and addresses.
    fn passwords(&mut self, passwords: &[&str]) {
        for space in [" ", "+", "%20"] {
            self.secrets
                .extend(passwords.iter().map(|password| password.replace(' ', space)));
        }
    }

    fn cookies(&mut self, visitor: &CookieClient) {
        for name in ["rescind_access", "rescind_refresh"] {
            self.token(&visitor.cookie(name).unwrap());
        }
    }

    /// The keys, line by line.
    fn keys(&mut self, running: &Running) {
        let before = self.secrets.len();
        for entry in fs::read_dir(running.data_dir().join("keys")).unwrap() {
            let Ok(text) = fs::read_to_string(entry.unwrap().path()) else {
                continue;
            };
            let lines = text.lines().filter(|line| !line.starts_with("-----") && line.len() > 8);
            self.secrets.extend(lines.map(str::to_owned));
        }
        assert!(
            self.secrets.len() >= before + 2,
            "a signing key and a refresh key were expected"
        );
    }

    fn heard(&mut self, reply: &Reply) {
        self.requests.push(reply.header("x-request-id").to_owned());
    }

    /// The log contains the requests.
    fn assert_complete(&self, logs: &str) {
        assert!(self.requests.len() > 40, "only {} requests", self.requests.len());
        for request in &self.requests {
            assert!(
                !request.is_empty() && logs.contains(request),
                "request {request} is not in the log"
            );
        }
    }

    fn assert_silent(&self, logs: &str) {
        assert!(self.secrets.len() > 60, "only {} secrets", self.secrets.len());
        for secret in &self.secrets {
            let said: Vec<_> = logs.lines().filter(|line| line.contains(secret.as_str())).collect();
            assert!(
                said.is_empty(),
                "a secret of {} letters is in the log: {said:#?}",
                secret.len()
            );
        }
        assert!(!logs.contains("$argon2"), "a password's hash is in the log");
    }
}

/// A JSON client's requests, with every possible mistake.
async fn json_story(stage: &Stage, record: &mut Record) {
    let api = &stage.api;
    let (password, typo, in_the_wrong_field) =
        ("carol's first password", "carol's frist password", "typed as a name 1");
    record.passwords(&[password, typo, in_the_wrong_field]);
    record.heard(&api.sign_up("carol", password).await.expect_status(201));
    record.heard(&api.sign_up("carol", typo).await.expect_problem(409, "username_taken"));
    record.heard(
        &api.log_in("carol", typo)
            .await
            .expect_problem(401, "invalid_credentials"),
    );
    record.heard(
        &api.log_in(in_the_wrong_field, password)
            .await
            .expect_problem(401, "invalid_credentials"),
    );

    let stale = api.log_in("carol", password).await.tokens();
    let first = api.log_in("carol", password).await.tokens();
    let second = api.refresh(first.refresh()).await.tokens();
    let third = api.refresh(second.refresh()).await.tokens();
    let last = api.log_in("carol", password).await.tokens();
    for tokens in [&stale, &first, &second, &third, &last] {
        record.tokens(tokens);
    }
    record.heard(&api.me(third.access()).await.expect_status(200));
    mistakes(api, record, &last).await;
    record.heard(&api.refresh(first.refresh()).await.expect_problem(401, "refresh_reused"));
    record.heard(&api.me(third.access()).await.expect_problem(401, "token_revoked"));
    record.heard(&api.log_out(last.access()).await.expect_status(204));
    record.heard(&api.refresh(last.refresh()).await.expect_problem(401, "session_closed"));
    record.heard(&api.log_out_everywhere(stale.access()).await.expect_status(204));
}

/// Genuine tokens in wrong places, and forged tokens in the right ones.
async fn mistakes(api: &ApiClient, record: &mut Record, tokens: &Tokens) {
    let (access, refresh) = (tokens.access().expose_secret(), tokens.refresh().expose_secret());
    let forged: Vec<SecretString> = [access, refresh].map(|token| format!("{token}A").into()).into();
    for forgery in &forged {
        record.token(forgery);
        record.heard(&api.me(forgery).await.expect_problem(401, "token_invalid"));
        record.heard(&api.refresh(forgery).await.expect_problem(401, "refresh_invalid"));
        record.heard(
            &api.log_out_by_refresh_token(forgery)
                .await
                .expect_problem(401, "refresh_invalid"),
        );
    }
    let post = |media_type: &str, body: String| {
        api.send(
            api.request("POST", "/api/refresh")
                .header("Content-Type", media_type)
                .body(body),
        )
    };
    let padding = "x".repeat(20_000);
    for (status, media_type, body) in [
        (400, "application/json", format!(r#"{{"refresh_token": "{refresh}"#)),
        (400, "application/json", format!(r#"{{"refresh_token": {refresh}}}"#)),
        (422, "application/json", format!(r#"["{refresh}"]"#)),
        (
            422,
            "application/json",
            json!({"refresh_token": [refresh, access]}).to_string(),
        ),
        (
            413,
            "application/json",
            json!({"refresh_token": refresh, "x": padding}).to_string(),
        ),
        (415, "text/plain", refresh.to_owned()),
        (
            415,
            "application/x-www-form-urlencoded",
            format!("refresh_token={refresh}"),
        ),
    ] {
        record.heard(&post(media_type, body).await.expect_status(status));
    }
    let get = |path: &str| api.request("GET", path);
    let base = get("/").build().unwrap().url().to_string();
    let [access_cookie, refresh_cookie] = ["rescind_access", "rescind_refresh"].map(|name| cookie_name(&base, name));
    for (status, request) in [
        (401, get(&format!("/api/me?access_token={access}"))),
        (404, get(&format!("/api/nothing?refresh_token={refresh}"))),
        (404, get(&format!("/api/nothing/{access}"))),
        (404, get(&format!("/{refresh}"))),
        (404, get(&format!("/lab/{access}/x"))),
        (
            404,
            api.request("DELETE", &format!("/api/sessions/{refresh}"))
                .bearer_auth(access),
        ),
        (
            400,
            get("/api/me").header("Authorization", format!("Bearer {access} {access}")),
        ),
        (
            400,
            get("/api/me")
                .header("Authorization", format!("Bearer {access}"))
                .header("Authorization", "Bearer x"),
        ),
        (401, get("/api/me").header("Authorization", format!("Token {access}"))),
        (
            401,
            get("/api/me")
                .header("X-Access-Token", access)
                .header("Referer", format!("http://x/?t={access}")),
        ),
        (
            401,
            get("/api/me").header(
                "Cookie",
                format!("{access_cookie}={refresh}; {refresh_cookie}={access}"),
            ),
        ),
        (
            400,
            get("/api/me").header("Cookie", format!("{access_cookie}={access}; {access_cookie}={access}")),
        ),
        (200, get("/api/me").bearer_auth(access).header("User-Agent", "somebody")),
        (
            403,
            api.request("POST", "/api/logout")
                .bearer_auth(access)
                .header("Cookie", format!("{access_cookie}={access}"))
                .header("Origin", "http://elsewhere.example"),
        ),
    ] {
        record.heard(&api.send(request).await.expect_status(status));
    }
}

/// Requests that are not HTTP: the parser answers them.
async fn garbage(running: &Running, tokens: &Tokens) {
    let (access, refresh) = (tokens.access().expose_secret(), tokens.refresh().expose_secret());
    let address = running.base_url().trim_start_matches("http://");
    for lines in [
        format!("{access}\r\n\r\n"),
        format!("GET /api/me?t={access} HTTP/9.9\r\nHost: {address}\r\n\r\n"),
        format!("GET /api/me HTTP/1.1\r\nHost: {address}\r\nAuthorization Bearer {access}\r\n\r\n"),
        format!("GET /api/me HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {access}\u{1}\r\n\r\n"),
        format!("POST /api/refresh HTTP/1.1\r\nHost: {address}\r\nContent-Length: no\r\n\r\n{refresh}"),
        format!("POST /api/refresh HTTP/1.1\r\nHost: {address}\r\nTransfer-Encoding: chunked\r\n\r\n{refresh}\r\n"),
        format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{access}{refresh}"),
    ] {
        let mut connection = TcpStream::connect(address).await.unwrap();
        connection.write_all(lines.as_bytes()).await.unwrap();
        connection.shutdown().await.unwrap();
        let mut answer = Vec::new();
        // It may be cut off instead; only the log matters.
        let _ = connection.read_to_end(&mut answer).await;
    }
}

/// A browser's requests, with access tokens that expire.
async fn form_story(stage: &Stage, record: &mut Record) {
    let visitor = stage.running.cookie_client();
    let (password, typo) = ("dave's only password", "dave's olny password");
    record.passwords(&[password, typo]);
    let dave = [("username", "dave"), ("password", password)];
    record.heard(&visitor.post("/signup", &dave).await.expect_status(303));
    record.cookies(&visitor);
    record.heard(&visitor.post("/signup", &dave).await.expect_status(409));
    record.heard(&visitor.log_in("dave", typo).await.expect_status(401));
    record.heard(&visitor.log_in(password, "dave").await.expect_status(401));
    record.heard(&visitor.log_in("dave", password).await.expect_status(303));
    record.cookies(&visitor);
    record.heard(&visitor.open("/account").await);

    let expired = visitor.cookie("rescind_access").unwrap();
    stage.api.until_expired(&expired).await;
    let bounced = visitor.open("/account").await.expect_status(303);
    assert!(bounced.header("location").starts_with("/refresh"), "{bounced:?}");
    record.heard(&visitor.follow(&bounced).await.expect_status(303));
    record.cookies(&visitor);
    stage
        .api
        .until_expired(&visitor.cookie("rescind_access").unwrap())
        .await;
    let renewed = visitor
        .post("/logout-everywhere", &[("note", password)])
        .await
        .expect_status(200);
    assert!(renewed.text.contains("press again"), "{renewed:?}");
    record.heard(&renewed);
    record.cookies(&visitor);
    record.heard(&visitor.refresh().await.expect_status(303));
    record.cookies(&visitor);

    let access = visitor.cookie("rescind_access").unwrap();
    let path = format!(
        "/login?next=/account%3Ft={}&password={}",
        access.expose_secret(),
        "dave's+only+password"
    );
    record.heard(&visitor.open(&path).await.expect_status(200));
    let elsewhere = visitor.with_provenance(Provenance::OtherOrigin("http://elsewhere.example".to_owned()));
    record.heard(&elsewhere.log_in("dave", password).await.expect_status(403));
    record.heard(&visitor.log_out().await.expect_status(303));

    let (mut another, demo) = (
        stage.running.cookie_client(),
        [("username", "alice"), ("password", DEMO_PASSWORD)],
    );
    record.passwords(&[DEMO_PASSWORD]);
    record.heard(&another.post("/login", &demo).await.expect_status(303));
    record.cookies(&another);
    record.heard(&another.post("/logout-everywhere", &[]).await);
    another = stage.running.cookie_client();
    record.heard(
        &another
            .post("/login", &[("username", DEMO_PASSWORD)])
            .await
            .expect_status(422),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_password_or_key_is_in_the_log_at_trace_level() {
    let mut record = Record::default();
    let stage = Stage::with(program().env("RUST_LOG", "trace")).await;
    json_story(&stage, &mut record).await;
    let tokens = stage.log_in().await;
    record.tokens(&tokens);
    garbage(&stage.running, &tokens).await;
    record.keys(&stage.running);
    let again = stage.running.terminate().await.unwrap().program;

    let stage = Stage::with(again.env("RESCIND_ACCESS_TTL", "2s")).await;
    form_story(&stage, &mut record).await;
    let ended = stage.running.terminate().await.unwrap();
    let logs = ended.program.logs();
    record.assert_complete(logs);
    record.assert_silent(logs);
    assert_only_ours_below_info(logs);
}

/// Below `info` libraries log what passes through them. None logs a secret today, but the filter does not rely on that.
fn assert_only_ours_below_info(logs: &str) {
    let lines = logs.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let (mut ours, mut others) = (0, Vec::new());
    for line in lines.filter(|line| line["level"] == "TRACE" || line["level"] == "DEBUG") {
        match line["target"].as_str() {
            Some(target) if target.starts_with("rescind") => ours += 1,
            _ => others.push(line),
        }
    }
    assert!(ours > 0, "this is no log at trace level:\n{logs}");
    assert!(others.is_empty(), "{others:#?}");
}
