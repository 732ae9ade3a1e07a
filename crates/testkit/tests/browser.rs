//! The browser's functions, in a real Chromium.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its fixtures included")]

mod canned;

use canned::Canned;
use rescind_testkit::{Browser, ColourScheme, ExposeSecret, JavaScript, Tool, needs};

const STORY: &str = r#"<!doctype html><html lang=en><title>first</title>
<meta name=viewport content="width=device-width">
<style>p.dark { display: none } @media (prefers-color-scheme: dark) { p.dark { display: block } }</style>
<p id=said>no script ran</p><noscript><p>scripts are off</p></noscript><p class=dark>it is dark</p>
<script>document.getElementById('said').textContent = 'a script ran'</script>
<form action=/sent>
  <label for=n>User name</label><input id=n name=username value=old>
  <label>It's "quoted" <input name=other></label>
  <button type=submit>Log <b>in</b></button>
</form>
<ul><li>Firefox <button form=none>Log out</button></li><li>Chrome <form action=/chrome><button>Log out</button></form></li></ul>
<a href=/sent?by=link>A link</a>
<div style="width:700px;height:3000px">tall and wide</div>"#;

const ANSWERS: &[(&str, &str, &str)] = &[
    (
        "GET / ",
        "200 OK\r\nContent-Type: text/html\r\nSet-Cookie: rescind_access=eyJ.c.d; HttpOnly; Path=/",
        STORY,
    ),
    (
        "GET /sent",
        "200 OK\r\nContent-Type: text/html",
        "<!doctype html><title>sent</title>thank you",
    ),
    (
        "GET /chrome",
        "200 OK\r\nContent-Type: text/html",
        "<!doctype html><title>chrome</title>logged out",
    ),
    (
        "GET /strict",
        "200 OK\r\nContent-Type: text/html\r\nContent-Security-Policy: default-src 'none'",
        "<!doctype html><title>strict</title><script>document.title = 'ran'</script>",
    ),
];

#[tokio::test]
async fn with_javascript_off_no_script_runs_and_noscript_is_shown() {
    let Some(_) = needs(Tool::Chromium) else { return };
    let server = Canned::start(ANSWERS).await;
    let browser = Browser::start(&server.base_url, JavaScript::Off).await;
    browser.open("/").await;
    let text = browser.text().await;
    assert!(
        text.contains("no script ran") && text.contains("scripts are off"),
        "{text}"
    );
}

#[tokio::test]
async fn scripts_run_unless_the_policy_forbids_them_which_the_console_shows() {
    let Some(_) = needs(Tool::Chromium) else { return };
    let server = Canned::start(ANSWERS).await;
    let browser = Browser::start(&server.base_url, JavaScript::On).await;
    browser.open("/").await;
    browser.wait_for_text("a script ran").await;
    browser.console().await;
    browser.open("/strict").await;
    assert_eq!(browser.title().await, "strict");
    let console = browser.console().await;
    assert!(
        console
            .iter()
            .any(|entry| entry.message.contains("Content Security Policy")),
        "{console:?}"
    );
    assert!(
        browser.console().await.is_empty(),
        "read entries are not returned again"
    );
}

#[tokio::test]
async fn fields_buttons_links_and_rows_are_found_by_their_text() {
    let Some(_) = needs(Tool::Chromium) else { return };
    let server = Canned::start(ANSWERS).await;
    let browser = Browser::start(&server.base_url, JavaScript::Off).await;
    browser.open("/").await;
    assert_eq!(
        browser.cookie("rescind_access").await.unwrap().expose_secret(),
        "eyJ.c.d"
    );
    browser.fill("User name", "alice").await;
    browser.fill("other", "x y").await;
    browser.fill("It's \"quoted\"", "z").await;
    browser.press("Log in").await;
    assert_eq!(browser.path().await, "/sent?username=alice&other=z");
    browser.back().await;
    assert_eq!(browser.title().await, "first");
    browser.follow("A link").await;
    assert_eq!(browser.path().await, "/sent?by=link");
    browser.open("/").await;
    browser.press_in_row("Chrome", "Log out").await;
    browser.wait_for_text("logged out").await;
}

#[tokio::test]
async fn tabs_share_cookies_and_keep_their_pages() {
    let Some(_) = needs(Tool::Chromium) else { return };
    let server = Canned::start(ANSWERS).await;
    let browser = Browser::start(&server.base_url, JavaScript::Off).await;
    browser.open("/").await;
    let first = browser.tab().await;
    browser.new_tab().await;
    browser.open("/sent").await;
    assert!(server.requests().pop().unwrap().contains("rescind_access=eyj.c.d"));
    browser.switch_to(&first).await;
    assert_eq!(browser.title().await, "first");
}

#[tokio::test]
async fn screenshots_have_the_given_width_and_the_full_height() {
    let Some(_) = needs(Tool::Chromium) else { return };
    let server = Canned::start(ANSWERS).await;
    let browser = Browser::start(&server.base_url, JavaScript::Off).await;
    browser.set_colour_scheme(ColourScheme::Dark).await;
    browser.open("/").await;
    assert!(browser.text().await.contains("it is dark"));
    browser.set_colour_scheme(ColourScheme::Light).await;
    assert!(!browser.text().await.contains("it is dark"));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("page.png");
    browser.screenshot(&file, 390).await;
    let (width, height) = browser.content_size().await;
    assert!(
        width > 700 && height > 3000,
        "{width} x {height}: the wide part scrolls sideways"
    );
    // PNG: width and height are at bytes 16 and 20.
    let png = std::fs::read(&file).unwrap();
    let side = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    assert_eq!((side(16), side(20)), (390, height));
}

#[tokio::test]
async fn an_ambiguous_button_is_not_pressed() {
    let Some(_) = needs(Tool::Chromium) else { return };
    let server = Canned::start(ANSWERS).await;
    let browser = Browser::start(&server.base_url, JavaScript::Off).await;
    browser.open("/").await;
    let panic = tokio::spawn(async move { browser.press("Log out").await })
        .await
        .unwrap_err()
        .into_panic();
    let message = panic.downcast::<String>().unwrap();
    assert!(message.contains("not exactly one button \"Log out\" on /"), "{message}");
    assert!(message.contains("tall and wide"), "it shows the page's text: {message}");
}
