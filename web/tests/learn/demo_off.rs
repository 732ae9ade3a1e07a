//! With the demo off there is no course: it would link to experiments that do not exist.

use crate::reader::{open, program};

#[tokio::test]
async fn with_the_demo_off_there_is_no_course() {
    let running = open(program().env("RESCIND_DEMO", "off")).await;
    let reader = running.cookie_client();
    for address in ["/learn", "/learn/rotation", "/glossary"] {
        reader.open(address).await.expect_status(404);
    }
    let start = reader.open("/").await.expect_status(200);
    assert!(!start.text.contains("/learn"), "the first page leads to it");
}
