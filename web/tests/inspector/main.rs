//! The inspector, from outside: it decodes every token, and verifies only the visitor's own.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers included")]

mod in_a_browser;
mod tampering;

use std::collections::BTreeSet;

use rescind_testkit::{CookieClient, ExposeSecret, Program, Reply, Running};
use scraper::{Html, Selector};

const PASSWORD: &str = "correct horse battery staple";

async fn open(program: Program) -> Running {
    let running = program.start().await.unwrap();
    running.ready().await.unwrap();
    running
}

fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_rescind"))
        .env("RESCIND_ACCESS_TTL", "10m")
        .env("RESCIND_STORE_TIMEOUT", "10s")
        .env("RESCIND_LOGIN_LIMIT", "off")
}

async fn log_in(running: &Running, name: &str) -> CookieClient {
    let client = running.cookie_client();
    client.log_in(name, PASSWORD).await.expect_status(303);
    client
}

fn access(client: &CookieClient) -> String {
    client.cookie("rescind_access").unwrap().expose_secret().to_owned()
}

async fn paste(client: &CookieClient, token: &str) -> Reply {
    client
        .post("/inspector", &[("which", "pasted"), ("token", token)])
        .await
}

fn words(html: &str, css: &str) -> String {
    let page = Html::parse_document(html);
    let text: Vec<_> = page
        .select(&Selector::parse(css).unwrap())
        .flat_map(|found| found.text())
        .collect();
    text.join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The section, byte for byte.
fn section(html: &str, css: &str) -> String {
    let page = Html::parse_document(html);
    page.select(&Selector::parse(css).unwrap()).next().unwrap().html()
}

fn with_a_broken_signature(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{signed}.{first}{}", &signature[1..])
}

#[tokio::test]
async fn your_own_token_is_decoded_and_verified_check_by_check() {
    let running = open(program()).await;
    let alice = log_in(&running, "alice").await;
    let reply = alice
        .post("/inspector", &[("which", "access")])
        .await
        .expect_status(200);
    assert_eq!(reply.header("cache-control"), "no-store");
    assert!(words(&reply.text, "#verified .verdict").contains("Accepted: 15 checks passed"));
    assert_eq!(words(&reply.text, "#verified li em"), ["passed"; 15].join(" "));
    let verified = Html::parse_document(&reply.text);
    let each = |part: &str| {
        let part = Selector::parse(&format!("#verified li {part}")).unwrap();
        let found = verified.select(&part).map(|found| found.text().collect::<String>());
        found.filter(|text| !text.is_empty()).collect::<Vec<_>>()
    };
    assert_eq!(each("strong").into_iter().collect::<BTreeSet<_>>().len(), 15);
    assert_eq!(each("div > span").len(), 15);
    let decoded = words(&reply.text, "#decoded");
    for said in [
        "at+jwt",
        "RFC 7519 §4.1.4",
        "RFC 9068 §2.1",
        "Front-Channel Logout",
        "UTC",
    ] {
        assert!(decoded.contains(said), "{said}");
    }
    let pasted = paste(&alice, &access(&alice)).await;
    assert!(words(&pasted.text, "#verified .verdict").contains("Accepted: 15 checks passed"));
    // A pasted token is inspected, with any choice beside it.
    let form = [("which", "access"), ("token", "eyJraWQiOiJ4In0.e30.AAAA")];
    let pasted = alice.post("/inspector", &form).await.expect_status(200);
    assert!(words(&pasted.text, "#verified").contains("was not checked"));
}

#[tokio::test]
async fn a_strangers_token_is_decoded_but_not_checked() {
    let running = open(program()).await;
    let (alice, bob) = (log_in(&running, "alice").await, log_in(&running, "bob").await);
    let genuine = access(&bob);
    let revoked = log_in(&running, "bob").await;
    let dead = access(&revoked);
    revoked.log_out().await.expect_status(303);
    let told = section(&paste(&alice, &genuine).await.expect_status(200).text, "#verified");
    assert!(told.contains("was not checked") && !told.contains("<li"), "{told}");
    for token in [&with_a_broken_signature(&genuine), &dead, "eyJraWQiOiJ4In0.e30.AAAA"] {
        let reply = paste(&alice, token).await.expect_status(200);
        assert_eq!(section(&reply.text, "#verified"), told);
        assert!(!reply.text.contains("id=\"tamper\""));
    }
    let nobody = running.cookie_client();
    assert_eq!(section(&paste(&nobody, &genuine).await.text, "#verified"), told);
    // Neither a change to it nor choosing it as one's own reveals that.
    let asked = [("which", "pasted"), ("token", genuine.as_str()), ("change", "letter")];
    assert_eq!(section(&alice.post("/inspector", &asked).await.text, "#verified"), told);
}

/// A sandbox's clock can be moved: its tokens are from the future of the program's own.
#[tokio::test]
async fn a_sandboxs_keys_and_clock_check_its_token_for_its_owner_alone() {
    let running = open(program()).await;
    let learner = running.cookie_client();
    let press = async |answer: &str, actions: &[&str]| {
        for action in actions {
            let pressed = learner.post(&format!("/lab/{answer}/do"), &[("action", action)]).await;
            pressed.expect_status(303);
        }
    };
    let page = async |client: &CookieClient, form: &[(&str, &str)]| {
        client.post("/inspector", form).await.expect_status(200).text
    };
    let verdict = async |form: &[(&str, &str)]| words(&page(&learner, form).await, "#verified .verdict");
    press("blacklist", &["wait-5m", "log-in", "copy-access"]).await;
    let yours = [("which", "blacklist-yours")];
    assert_eq!(verdict(&yours).await, "Accepted: 15 checks passed");
    let token: String = words(&page(&learner, &yours).await, "#decoded .long").replace(' ', ".");
    press("blacklist", &["blacklist-stops"]).await;
    assert_eq!(verdict(&yours).await, "The server cannot tell now");
    press("blacklist", &["blacklist-well", "log-out"]).await;
    for form in [("which", "blacklist-stolen"), ("token", token.as_str())] {
        assert_eq!(verdict(&[form]).await, "Refused by check 15 of 15");
    }
    press("client-delete", &["log-in"]).await;
    let unasked = verdict(&[("which", "client-delete-yours")]).await;
    assert_eq!(unasked, "Accepted: 14 checks passed");

    let stranger = running.cookie_client();
    let own = stranger.open("/inspector").await.expect_status(200).text;
    assert!(!own.contains("name=\"which\""));
    let told = page(&stranger, &[("token", &token)]).await;
    assert!(words(&told, "#verified").contains("was not checked"));
    let gone = stranger.post("/inspector", &yours).await.expect_status(422);
    assert!(!words(&gone.text, "#token-error").is_empty());
}

#[tokio::test]
async fn a_changed_token_is_refused_by_the_first_check_that_it_fails() {
    let running = open(program()).await;
    let alice = log_in(&running, "alice").await;
    for (button, member, value, question) in [
        ("later", "", "", "Does the signature fit?"),
        ("somebody", "", "", "Does the signature fit?"),
        ("letter", "", "", "Does the signature fit?"),
        ("none", "", "", "Is the algorithm the key’s?"),
        ("member", "header.typ", "JWT", "Is it an access token?"),
        ("member", "header.kid", "", "Do we know the key?"),
    ] {
        let form = [
            ("which", "access"),
            ("change", button),
            ("member", member),
            ("value", value),
        ];
        let page = alice.post("/inspector", &form).await.expect_status(200).text;
        assert!(words(&page, "#verified .verdict").starts_with("Refused"), "{button}");
        assert!(
            words(&page, "#verified li.refused").starts_with(question),
            "{button} {member}"
        );
        assert!(words(&page, "#decoded").contains("changed"), "{button}");
    }
}

#[tokio::test]
async fn what_is_no_token_is_reported_beside_the_field_and_not_repeated() {
    let running = open(program()).await;
    let nobody = running.cookie_client();
    for (text, says) in [
        (String::new(), "is missing"),
        ("x".repeat(9_000), "longer than 8 KiB"),
        ("x".repeat(60_000), "longer than 8 KiB"),
        ("rrt_secret".to_owned(), "refresh token"),
        ("hello-there".to_owned(), "no dot"),
        ("a.b.c.d.e".to_owned(), "has 5 parts"),
        // `{"alg":"dir","enc":"A256GCM"}`
        (
            "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0.b.c.d.e".to_owned(),
            "it is encrypted",
        ),
        ("a.b.c".to_owned(), "the first is not JSON in base64url"),
        // An array and an object.
        ("W10.e30.c2lnbmF0dXJl".to_owned(), "the first is no JSON object"),
    ] {
        let reply = paste(&nobody, &text).await.expect_status(422);
        assert!(words(&reply.text, "#token-error").contains(says), "{says}");
        assert!(text.is_empty() || !reply.text.contains(&text));
    }
}

#[tokio::test]
async fn a_whole_header_line_or_a_quoted_value_can_be_pasted() {
    let running = open(program()).await;
    let alice = log_in(&running, "alice").await;
    let own = access(&alice);
    let quoted = format!("\"{own}\"");
    for line in [
        format!("Bearer {own}"),
        format!("Authorization: bearer  {own}\n"),
        quoted,
    ] {
        let reply = paste(&alice, &line).await.expect_status(200);
        assert!(words(&reply.text, "#verified .verdict").contains("15 checks passed"));
    }
    let reply = paste(&alice, &format!("{own} {own}")).await.expect_status(422);
    assert!(words(&reply.text, "#token-error").contains("in one piece"));
}

#[tokio::test]
async fn a_pasted_token_without_a_signature_is_explained() {
    let running = open(program()).await;
    let nobody = running.cookie_client();
    // {"alg":"none"} and {"sub":"alice"}
    let reply = paste(&nobody, "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.").await;
    let page = reply.expect_status(200).text;
    let told = words(&page, "#says-none");
    assert!(
        told.contains("alg: none") && told.contains("Anybody can write such a token"),
        "{told}"
    );
    // Below it reads the same: there is no signature, and the token would be refused.
    let signature = words(&page, ".part.signature");
    assert!(
        signature.contains("There is no signature") && !signature.contains("Bytes"),
        "{signature}"
    );
    let verified = words(&page, "#verified");
    assert!(
        verified.contains("would refuse it") && !verified.contains("same answer"),
        "{verified}"
    );
    let signed = paste(&nobody, "eyJraWQiOiJ4In0.e30.AAAA").await.expect_status(200);
    assert_eq!(words(&signed.text, "#says-none"), "");
}

#[tokio::test]
async fn the_inspector_opens_with_an_example() {
    let running = open(program()).await;
    let nobody = running.cookie_client();
    let page = nobody.open("/inspector").await.expect_status(200).text;
    assert!(words(&page, "#example").contains("RFC 7519"));
    let decoded = words(&page, "#decoded");
    assert!(decoded.contains("HS256") && decoded.contains("joe"), "{decoded}");
    assert!(words(&page, "#verified").contains("was not checked"));
}

#[tokio::test]
async fn markup_in_a_token_is_escaped() {
    let running = open(program()).await;
    let nobody = running.cookie_client();
    // {"alg":"none"} and {"<script>":"<script>"}
    let reply = paste(&nobody, "eyJhbGciOiJub25lIn0.eyI8c2NyaXB0PiI6IjxzY3JpcHQ-In0.")
        .await
        .expect_status(200);
    assert!(words(&reply.text, "#decoded dt").contains("<script>"));
    assert!(!section(&reply.text, "#decoded").contains("<script>"));
}

#[tokio::test]
async fn no_part_of_a_pasted_token_is_in_the_log() {
    let running = open(program().env("RUST_LOG", "trace")).await;
    let (alice, bob) = (log_in(&running, "alice").await, log_in(&running, "bob").await);
    let tokens = [access(&alice), access(&bob), with_a_broken_signature(&access(&bob))];
    for token in &tokens {
        paste(&alice, token).await.expect_status(200);
        paste(&alice, &format!("{token}.x")).await.expect_status(422);
        let form = [("which", "pasted"), ("token", token), ("change", "none")];
        alice.post("/inspector", &form).await.expect_status(200);
    }
    let logs = running.terminate().await.unwrap().program.logs().to_owned();
    assert!(logs.contains("/inspector") && logs.contains("TRACE"));
    for token in &tokens {
        for part in token.split('.').skip(1) {
            assert!(!logs.contains(part), "a part of {} letters is in the log", part.len());
        }
    }
}

#[tokio::test]
async fn with_the_demo_off_there_is_no_inspector() {
    let running = open(program().env("RESCIND_DEMO", "off")).await;
    let nobody = running.cookie_client();
    nobody.open("/inspector").await.expect_status(404);
    paste(&nobody, "e30.e30.").await.expect_status(404);
    assert!(!nobody.open("/").await.text.contains("/inspector"));
}
