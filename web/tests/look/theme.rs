//! Light, dark, or the system's theme, without a script.

use rescind_testkit::{Browser, ColourScheme, JavaScript};

use crate::person::{arrive, program, start};

/// Whether the page is dark: its paper is darker than its ink.
async fn is_dark(browser: &Browser) -> bool {
    let bright = r"
        const { color, backgroundColor } = getComputedStyle(document.body);
        const brightness = (colour) => colour.match(/[\d.]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0);
        return brightness(backgroundColor) < brightness(color);
    ";
    let found = browser.driver().execute(bright, Vec::new()).await.unwrap();
    found.json().as_bool().unwrap()
}

#[tokio::test]
async fn a_chosen_theme_goes_against_the_systems_on_every_page_until_it_is_given_up() {
    let Some((_running, browser)) = arrive(JavaScript::Off).await else {
        return;
    };
    browser.set_colour_scheme(ColourScheme::Light).await;
    browser.open("/?tab=one").await;
    assert!(!is_dark(&browser).await);
    browser.press("Dark").await;
    assert_eq!(browser.path().await, "/?tab=one", "one stays where one was");
    assert!(is_dark(&browser).await);
    for path in ["/login", "/no/such/page"] {
        browser.open(path).await;
        assert!(is_dark(&browser).await, "{path}");
    }
    // The answer to a form, too; from there the choice leads back to the form.
    browser.open("/login").await;
    browser.fill("Username", "alice").await;
    browser.fill("Password", "not hers").await;
    browser.press("Log in").await;
    assert!(is_dark(&browser).await);
    browser.press("Light").await;
    assert_eq!(browser.path().await, "/login");
    browser.set_colour_scheme(ColourScheme::Dark).await;
    assert!(!is_dark(&browser).await, "light was chosen");
    browser.press("System").await;
    assert!(is_dark(&browser).await, "the system is dark");
    assert!(
        browser.cookie("rescind_theme").await.is_none(),
        "no choice needs no cookie"
    );
}

#[tokio::test]
async fn the_choice_is_kept_for_a_year_and_no_script_reads_it() {
    let running = start(program()).await;
    let visitor = running.cookie_client();
    let reply = visitor.post("/theme", &[("theme", "dark"), ("next", "/login")]).await;
    assert_eq!((reply.status, reply.header("location")), (303, "/login"));
    let cookie = reply.header("set-cookie");
    for part in ["_theme=dark", "Path=/", "Max-Age=31536000", "HttpOnly", "SameSite=Lax"] {
        assert!(cookie.contains(part), "{cookie} lacks {part}");
    }
    let page = visitor.open("/login").await.expect_status(200);
    assert!(
        page.text.contains(r#"<html lang="en" data-theme="dark">"#),
        "{}",
        page.text
    );
}

#[tokio::test]
async fn a_theme_leads_nowhere_else_and_is_one_of_three() {
    let running = start(program()).await;
    let visitor = running.cookie_client();
    for next in ["https://elsewhere.example/", "//elsewhere.example", "/logout", ""] {
        let reply = visitor.post("/theme", &[("theme", "light"), ("next", next)]).await;
        assert_eq!((reply.status, reply.header("location")), (303, "/"), "{next:?}");
    }
    for theme in ["", "Dark", "dark\" onload=\"x"] {
        let reply = visitor.post("/theme", &[("theme", theme), ("next", "/")]).await;
        assert_eq!(reply.status, 400, "{theme:?}");
    }
    visitor.plant_cookie("rescind_theme=\"><script>alert(1)</script>; Path=/");
    let page = visitor.open("/login").await.expect_status(200);
    assert!(
        !page.text.contains("alert(1)") && page.text.contains("<html lang=\"en\">"),
        "{}",
        page.text
    );
}

#[tokio::test]
async fn only_a_known_word_in_the_cookie_is_a_choice() {
    let running = start(program()).await;
    for (value, chosen) in [
        ("dark", Some("dark")),
        ("light", Some("light")),
        ("Dark", None),
        ("", None),
    ] {
        let visitor = running.cookie_client();
        visitor.plant_cookie(&format!("rescind_theme={value}; Path=/"));
        let page = visitor.open("/login").await.expect_status(200).text;
        let marked = chosen.map_or_else(
            || "<html lang=\"en\">".to_owned(),
            |theme| format!("data-theme=\"{theme}\""),
        );
        assert!(page.contains(&marked), "{value:?}: {page}");
    }
}

#[tokio::test]
async fn the_buttons_lead_back_to_the_page_or_to_the_one_before_a_form() {
    let running = start(program()).await;
    let visitor = running.cookie_client();
    let leads_to = |page: &str, back: &str| {
        assert!(
            page.contains(&format!("name=\"next\" value=\"{back}\"")),
            "{back}: {page}"
        );
    };
    leads_to(&visitor.open("/signup?tab=now").await.text, "/signup?tab=now");
    let wrong = |referer: Option<&str>| {
        let form = visitor
            .request("POST", "/login")
            .form(&[("username", "x"), ("password", "y")]);
        referer
            .into_iter()
            .fold(form, |form, referer| form.header("Referer", referer))
    };
    let before = running.url("/signup?x=1");
    leads_to(&visitor.send(wrong(Some(&before))).await.text, "/signup?x=1");
    leads_to(&visitor.send(wrong(None)).await.text, "/");
}
