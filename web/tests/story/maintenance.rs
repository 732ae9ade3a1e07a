//! The program's background tasks, and their failures.

use crate::stage::program;

#[tokio::test]
async fn maintenance_survives_a_panic_and_is_not_ready_meanwhile() {
    let running = program()
        .env("FAILPOINTS", "in-maintenance=2*panic")
        .start()
        .await
        .unwrap();
    let api = running.api_client();
    let panics = || running.logs().matches("a background task failed").count();
    let mut unready = false;
    loop {
        let seen = panics();
        let ready = api.get("/health/ready", None).await;
        // Before the first panic it was ready, too.
        if ready.status == 200 && seen >= 2 {
            break;
        }
        unready |= ready.body["reason"] == "maintenance";
    }
    assert!(unready, "it never said that its maintenance had ended");
    assert_eq!(panics(), 2, "{}", running.logs());
}
