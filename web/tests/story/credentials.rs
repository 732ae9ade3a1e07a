//! Credentials in headers, cookies and forms, over the wire.

use rescind_testkit::{CookieClient, ExposeSecret, Reply, cookie_name};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::stage::{DEMO_PASSWORD, Stage, program};

const CITY: &[u8] = b"; city=Z\xfcrich";

async fn log_in(stage: &Stage) -> CookieClient {
    let visitor = stage.running.cookie_client();
    visitor.log_in("alice", DEMO_PASSWORD).await.expect_status(303);
    visitor
}

/// Sends a request with the visitor's tokens and a neighbour's cookie.
async fn beside_a_neighbours_cookie(stage: &Stage, visitor: &CookieClient, method: &str, path: &str) -> Reply {
    let pair = |name: &str| {
        let value = visitor.cookie(name).unwrap();
        format!(
            "{}={}",
            cookie_name(stage.running.base_url(), name),
            value.expose_secret()
        )
    };
    let mut cookies = [pair("rescind_access"), pair("rescind_refresh")]
        .join("; ")
        .into_bytes();
    cookies.extend(CITY);
    let stranger = stage.running.cookie_client();
    let request = stranger.request(method, path).header("Cookie", cookies);
    stranger.send(request).await
}

#[tokio::test]
async fn a_logout_beside_a_foreign_cookie_ends_the_session() {
    let stage = Stage::open().await;
    let visitor = log_in(&stage).await;
    let page = beside_a_neighbours_cookie(&stage, &visitor, "GET", "/account").await;
    assert!(page.expect_status(200).text.contains("Your devices"));
    let reply = beside_a_neighbours_cookie(&stage, &visitor, "POST", "/logout").await;
    assert_eq!((reply.status, reply.header("location")), (303, "/"));
    let api = &stage.api;
    let token = visitor.cookie("rescind_access").unwrap();
    api.me(&token).await.expect_problem(401, "token_revoked");
    let refresh = visitor.cookie("rescind_refresh").unwrap();
    api.refresh(&refresh).await.expect_problem(401, "session_closed");
}

/// The cookies of demo, lab, theme and course: their sender is recognised, and their choice counts.
#[tokio::test]
async fn a_foreign_cookie_hides_none_of_the_demos() {
    let stage = Stage::open().await;
    let visitor = stage.running.cookie_client();
    visitor
        .post("/theme", &[("theme", "dark"), ("next", "/")])
        .await
        .expect_status(303);
    visitor.open("/demo").await.expect_status(200);
    visitor
        .post("/lab/stored/do", &[("action", "log-in")])
        .await
        .expect_status(303);
    visitor.post("/learn/keys/hint", &[]).await.expect_status(303);
    let names = ["rescind_theme", "rescind_visitor", "rescind_lab"];
    let mut cookies = names
        .map(|name| {
            let value = visitor.cookie(name).unwrap_or_else(|| panic!("no {name}"));
            format!(
                "{}={}",
                cookie_name(stage.running.base_url(), name),
                value.expose_secret()
            )
        })
        .join("; ");
    cookies.push_str(&format!(
        "; {}=11h1",
        cookie_name(stage.running.base_url(), "rescind_course")
    ));
    let mut cookies = cookies.into_bytes();
    cookies.extend(CITY);
    let open = async |path: &str| {
        let stranger = stage.running.cookie_client();
        let request = stranger.request("GET", path).header("Cookie", cookies.clone());
        stranger.send(request).await.expect_status(200)
    };
    let demo = open("/demo").await;
    assert_eq!(demo.header("set-cookie"), "", "the visitor is known");
    assert!(demo.text.contains(r#"data-theme="dark""#));
    assert!(open("/lab/stored").await.text.contains("step 1"));
    let fresh = stage.running.cookie_client().open("/learn/keys").await;
    assert_ne!(
        open("/learn/keys").await.text.matches("hint").count(),
        fresh.text.matches("hint").count()
    );
}

#[tokio::test]
async fn passwords_that_are_not_utf_8_are_refused_and_not_made_alike() {
    let stage = Stage::open().await;
    let visitor = stage.running.cookie_client();
    let send = async |path: &str, password: &str| {
        let request = visitor
            .request("POST", path)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(format!("username=carol&password={password}"));
        visitor.send(request).await
    };
    send("/signup", &"%fe".repeat(20)).await.expect_status(400);
    send("/login", &"%ff".repeat(20)).await.expect_status(400);
    send("/signup", "gr%C3%BC%C3%9Fe+aus+Z%C3%BCrich+im+Winter")
        .await
        .expect_status(303);
}

#[tokio::test]
async fn no_address_makes_a_page_claim_what_was_not_done() {
    let stage = Stage::open().await;
    let visitor = log_in(&stage).await;
    for path in [
        "/account?password=changed",
        "/account?ended=now",
        "/account?ended=2030-01-01T00:00:00Z",
    ] {
        let page = visitor.open(path).await.expect_status(200);
        assert!(!page.text.contains(r#"class="notice""#), "{path}: {}", page.text);
    }
    let nobody = stage.running.cookie_client();
    for path in ["/?logged_out=now", "/?logged_out=2030-01-01T00:00:00Z"] {
        let page = nobody.open(path).await.expect_status(200);
        assert!(!page.text.contains("You are logged out."), "{path}");
    }
}

#[tokio::test]
async fn ending_another_device_is_confirmed_once_to_its_user() {
    let stage = Stage::open().await;
    // Of alice each browser has its own.
    let password = "long enough for anybody";
    stage.api.sign_up("carol", password).await.expect_status(201);
    let other = stage.api.log_in("carol", password).await.tokens();
    let visitor = stage.running.cookie_client();
    visitor.log_in("carol", password).await.expect_status(303);
    let done = visitor
        .post(&format!("/sessions/{}/logout", other.session_id), &[])
        .await;
    assert_eq!((done.status, done.header("location")), (303, "/account"));
    let says = "That device is logged out.";
    let notice = visitor.cookie("rescind_notice").unwrap();
    let stranger = log_in(&stage).await;
    stranger.plant_cookie(&format!("rescind_notice={}; Path=/", notice.expose_secret()));
    assert!(!stranger.open("/account").await.text.contains(says), "another session");
    assert!(visitor.open("/account").await.text.contains(says));
    assert!(!visitor.open("/account").await.text.contains(says));
}

#[tokio::test]
async fn a_cookie_prefix_is_that_of_every_cookie() {
    let stage = Stage::with(program().env("RESCIND_COOKIE_PREFIX", "shop")).await;
    let visitor = log_in(&stage).await;
    for name in ["shop_access", "shop_refresh"] {
        assert!(visitor.cookie(name).is_some(), "{name}");
    }
    visitor.open("/demo").await.expect_status(200);
    assert!(visitor.cookie("shop_visitor").is_some());
    visitor
        .post("/theme", &[("theme", "dark"), ("next", "/")])
        .await
        .expect_status(303);
    assert!(visitor.cookie("shop_theme").is_some());
}

/// Cookies ignore ports: one browser, two programs on one host.
#[tokio::test]
async fn two_programs_on_one_host_keep_two_logins_in_one_browser() {
    let (one, other) = (Stage::open().await, Stage::open().await);
    let visitors = [log_in(&one).await, log_in(&other).await];
    let mut jar = Vec::new();
    for (stage, visitor) in [&one, &other].into_iter().zip(&visitors) {
        for name in ["rescind_access", "rescind_refresh"] {
            let value = visitor.cookie(name).unwrap();
            jar.push(format!(
                "{}={}",
                cookie_name(stage.running.base_url(), name),
                value.expose_secret()
            ));
        }
    }
    for stage in [&one, &other] {
        let browser = stage.running.cookie_client();
        let request = browser.request("GET", "/account").header("Cookie", jar.join("; "));
        browser.send(request).await.expect_status(200);
    }
}

#[tokio::test]
async fn an_unparsable_request_is_answered_by_the_parser_alone() {
    let stage = Stage::open().await;
    let address = stage.running.base_url().trim_start_matches("http://").to_owned();
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection
        .write_all(b"GET / HTTP/1.1\r\nno header\r\n\r\n")
        .await
        .unwrap();
    let mut reply = String::new();
    connection.read_to_string(&mut reply).await.unwrap();
    assert!(
        reply.starts_with("HTTP/1.1 400 ") && reply.ends_with("\r\n\r\n"),
        "{reply}"
    );
    assert!(!reply.to_lowercase().contains("content-security-policy"), "{reply}");
}
