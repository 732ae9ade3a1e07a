//! What search engines and previews of links show of a page.

use std::collections::BTreeSet;

use rescind_testkit::Program;
use scraper::{Html, Selector};

use crate::person::{program, start};

#[tokio::test]
async fn each_page_has_a_description_and_a_picture_with_a_full_address() {
    let running = start(program()).await;
    let reader = running.cookie_client();
    let mut described = BTreeSet::new();
    let paths = [
        "/",
        "/demo",
        "/lab",
        "/inspector",
        "/learn",
        "/learn/rotation",
        "/learn/keys",
        "/glossary",
        "/login",
    ];
    for path in paths {
        let html = Html::parse_document(&reader.open(path).await.expect_status(200).text);
        let meta = |name: &str| {
            let selector = Selector::parse(&format!("meta[name='{name}'], meta[property='{name}']")).unwrap();
            let found: Vec<_> = html.select(&selector).filter_map(|meta| meta.attr("content")).collect();
            assert_eq!(found.len(), 1, "{path}: {name}");
            found[0].to_owned()
        };
        let description = meta("description");
        assert!((40..=200).contains(&description.len()), "{path}: {description}");
        assert_eq!(meta("og:description"), description, "{path}");
        assert!(
            !meta("og:title").is_empty() && !meta("og:image:alt").is_empty(),
            "{path}"
        );
        let picture = meta("og:image");
        let local = picture
            .strip_prefix(running.base_url())
            .unwrap_or_else(|| panic!("{path}: {picture}"));
        let served = reader
            .open(&format!("/{}", local.trim_start_matches('/')))
            .await
            .expect_status(200);
        assert_eq!(served.header("content-type"), "image/png", "{path}");
        described.insert(description);
    }
    // A chapter is described by its own question.
    assert_eq!(described.len(), 3, "{described:?}");
}

/// Elsewhere than in the demo, the pages are those of somebody's own service.
#[tokio::test]
async fn with_the_demo_off_no_page_shows_the_picture_of_the_demo() {
    let running = start(Program::new(env!("CARGO_BIN_EXE_rescind")).env("RESCIND_DEMO", "off")).await;
    let page = running.cookie_client().open("/login").await.expect_status(200);
    assert!(page.text.contains("name=\"description\"") && !page.text.contains("og:image"));
}
