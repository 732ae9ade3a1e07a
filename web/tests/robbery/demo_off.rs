//! With the demo off there is no demo: not a route, not a link, not a word of the password.

use rescind_testkit::Running;

use crate::{
    no_proxy::POSTS,
    screen::{Door, Screen},
    visitor::{DEMO_PASSWORD, Visitor, open, program},
};

/// All of the demo that is read.
const GETS: [&str; 7] = [
    "/demo",
    "/demo/",
    "/demo/log/1",
    "/demo?entry=1",
    "/demo/events",
    "/demo/signature-only/me",
    "/demo/thief/try",
];

async fn without_demo() -> Running {
    open(program().env("RESCIND_DEMO", "off")).await
}

#[tokio::test]
async fn with_the_demo_off_every_route_of_it_is_404() {
    let running = without_demo().await;
    let visitor = Visitor::arrive(&running).await;
    let asked = GETS.map(|path| ("GET", path)).into_iter();
    let sent = POSTS
        .iter()
        .filter(|path| path.starts_with("/demo/"))
        .map(|path| ("POST", *path));
    for (method, path) in asked.chain(sent) {
        let reply = visitor.client.send(visitor.client.request(method, path)).await;
        assert_eq!(reply.status, 404, "{method} {path}: {reply:?}");
    }
    assert!(
        visitor.client.cookie("rescind_visitor").is_none(),
        "nobody is followed around without the demo"
    );
    assert!(visitor.client.cookie("rescind_access").is_none());
}

#[tokio::test]
async fn with_the_demo_off_no_page_leads_to_it_and_no_note_is_shown() {
    let running = without_demo().await;
    let visitor = Visitor::arrive(&running).await;
    for path in ["/", "/login", "/signup", "/no-such-page"] {
        assert_leads_to_no_demo(path, &visitor.client.open(path).await.text);
    }
    let form = [("username", "carol"), ("password", "carol's own password")];
    visitor.client.post("/signup", &form).await.expect_status(303);
    for path in ["/", "/account", "/password", "/no-such-page"] {
        assert_leads_to_no_demo(path, &visitor.client.open(path).await.text);
    }
    let me = visitor
        .api
        .get(Door::Blacklist.path(), Some(&visitor.access()))
        .await
        .expect_status(200);
    assert!(me.body.get("note").is_none(), "{me:?}");
}

#[track_caller]
fn assert_leads_to_no_demo(path: &str, html: &str) {
    let page = Screen::of(html);
    assert!(!page.words("body").is_empty(), "{path} is no page");
    let ways: Vec<String> = page
        .ways_out()
        .into_iter()
        .filter(|way| way.contains("/demo"))
        .collect();
    assert!(ways.is_empty(), "{path} leads to {ways:?}");
    assert!(!html.contains(DEMO_PASSWORD), "{path} tells the demo's password");
}
