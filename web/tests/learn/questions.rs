//! What a reader predicts and decides: kept in the cookie of the course, without scripts.

use crate::reader::{Page, chapters, open, program};

#[tokio::test]
async fn the_outcome_is_shown_after_a_prediction_or_without_one_on_request() {
    let running = open(program()).await;
    for address in chapters(&running.cookie_client()).await {
        let reader = running.cookie_client();
        let page = Page::open(&reader, &address).await;
        assert!(
            page.words("#finding").is_empty(),
            "{address} shows the outcome too early"
        );
        let options = page.attributes("#predict button", "value");
        assert!((2..=4).contains(&options.len()), "{address}");
        let without = Page::open(&reader, &format!("{address}?play=1")).await;
        assert_eq!(without.words("#finding").len(), 1, "{address}");

        let [action] = page.attributes("#predict form", "action").try_into().unwrap();
        let mut right = 0;
        for option in &options {
            let reply = reader.post(&action, &[("option", option)]).await.expect_status(303);
            assert_eq!(reply.header("location"), format!("{address}#predict"));
            let page = Page::open(&reader, &address).await;
            let [said] = page.words(".predicted").try_into().unwrap();
            right += usize::from(said.contains("That is right."));
            assert_eq!(page.words("#finding").len(), 1, "{address}");
        }
        assert_eq!(right, 1, "{address}: one option is right");
        let contents = Page::open(&reader, "/learn").await;
        assert_eq!(contents.words(".contents .tag"), ["predicted"], "{address}");
        // Another reader has not predicted.
        let other = running.cookie_client();
        assert!(Page::open(&other, &address).await.words(".predicted").is_empty());
    }
}

#[tokio::test]
async fn the_summary_shows_what_was_predicted_and_decided() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    let before = Page::open(&reader, "/learn/summary").await;
    assert_eq!(before.words(".decisions > li").len(), 6);
    assert_eq!(before.html.matches("Not yet decided").count(), 6);
    let post = async |path: &str, option: &str| {
        reader.post(path, &[("option", option)]).await.expect_status(303);
    };
    post("/learn/blacklist/predict", "1").await;
    post("/learn/stored/predict", "1").await;
    post("/learn/blacklist/decide", "2").await;
    let chapter = Page::open(&reader, "/learn/blacklist").await;
    let [chosen] = chapter.words("#decide [aria-pressed=true]").try_into().unwrap();
    let after = Page::open(&reader, "/learn/summary").await;
    let [lead] = after.words(".lead").try_into().unwrap();
    assert!(lead.contains("Predictions: 2 of 13 made, 1 right"), "{lead}");
    assert_eq!(after.words(".decisions strong"), [chosen]);
    assert_eq!(after.html.matches("Not yet decided").count(), 5);
}

#[tokio::test]
async fn an_option_that_is_not_offered_is_not_kept() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    for (path, option) in [
        ("/learn/stored/predict", "0"),
        ("/learn/stored/predict", "9"),
        ("/learn/stored/decide", "5"),
        // Not an answer that can be chosen.
        ("/learn/races/decide", "1"),
    ] {
        let reply = reader.post(path, &[("option", option)]).await.expect_status(303);
        assert_eq!(reply.header("set-cookie"), "", "{path} {option}");
    }
    assert_eq!(
        reader.post("/learn/nowhere/predict", &[("option", "1")]).await.status,
        404
    );
    assert_eq!(
        reader.post("/learn/stored/predict", &[("option", "x")]).await.status,
        400
    );
    assert_eq!(reader.open("/learn/stored/predict").await.status, 405);
    let stranger = reader.with_provenance(rescind_testkit::Provenance::OtherOrigin(
        "https://evil.example".to_owned(),
    ));
    assert_eq!(
        stranger.post("/learn/stored/predict", &[("option", "1")]).await.status,
        403
    );
}
