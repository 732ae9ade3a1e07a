//! The page of the key ring, and its buttons.

use rescind_testkit::Provenance;

use crate::{
    screen::Screen,
    visitor::{Visitor, open, program},
};

const PAGE: &str = "/demo/keys";
const BUTTONS: [&str; 2] = ["/demo/keys/rotate", "/demo/keys/rotate-refresh"];

async fn reads(visitor: &Visitor) -> String {
    let page = visitor.client.open(PAGE).await.expect_status(200);
    Screen::of(&page.text).words("main")
}

#[tokio::test]
async fn a_press_of_the_button_makes_one_key_that_waits_and_logs_nobody_out() {
    let running = open(program()).await;
    let visitor = Visitor::arrive(&running).await;
    visitor.client.post("/demo/rob", &[]).await.expect_status(303);
    let before = reads(&visitor).await;
    assert!(before.contains("signed your access token"), "{before}");
    assert_eq!(before.matches("does not sign yet").count(), 0, "{before}");
    // Pressed twice.
    for path in [BUTTONS[0], BUTTONS[0], BUTTONS[1], BUTTONS[1]] {
        visitor.client.post(path, &[]).await.expect_status(303);
    }
    let after = reads(&visitor).await;
    assert_eq!(after.matches("does not sign yet").count(), 1, "{after}");
    assert_eq!(after.matches("not used yet").count(), 1, "{after}");
    assert!(!after.contains("Rotate the"), "{after}");
    visitor.client.open("/account").await.expect_status(200);
    let keys = running.data_dir().join("keys");
    for entry in std::fs::read_dir(keys).unwrap() {
        let secret = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for line in secret.lines().filter(|line| line.len() > 20 && !line.starts_with('-')) {
            assert!(!after.contains(line), "key material is on the page");
        }
    }
}

#[tokio::test]
async fn on_a_public_address_the_key_ring_is_read_only() {
    let public = program()
        .env("RESCIND_DEMO", "public")
        .env("RESCIND_PUBLIC_URL", "http://rescind.test");
    let running = open(public).await;
    let visitor = Visitor::arrive(&running).await;
    let page = reads(&visitor).await;
    assert!(page.contains("Signs") && !page.contains("Rotate the"), "{page}");
    for path in BUTTONS {
        let request = visitor
            .client
            .request("POST", path)
            .header("origin", "http://rescind.test");
        assert_eq!(visitor.client.send(request).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn another_site_cannot_rotate_the_keys_and_without_the_demo_nobody_can() {
    let running = open(program()).await;
    let visitor = Visitor::arrive(&running).await;
    let elsewhere = Provenance::OtherOrigin("http://elsewhere.example".to_owned());
    let elsewhere = visitor.client.with_provenance(elsewhere);
    for path in BUTTONS {
        assert_eq!(elsewhere.post(path, &[]).await.status, 403, "{path}");
    }
    assert!(!reads(&visitor).await.contains("yet"));
    let running = open(program().env("RESCIND_DEMO", "off")).await;
    let visitor = Visitor::arrive(&running).await;
    for (method, path) in [("GET", PAGE), ("POST", BUTTONS[0]), ("POST", BUTTONS[1])] {
        let reply = visitor.client.send(visitor.client.request(method, path)).await;
        assert_eq!(reply.status, 404, "{method} {path}");
    }
}
