//! The search of the glossary, a GET form.

use crate::reader::{Page, open, program};

#[tokio::test]
async fn the_words_that_people_look_for_lead_to_a_term() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    for (words, anchor) in [
        ("denylist", "blacklist"),
        ("blocklist", "blacklist"),
        ("revocation list", "blacklist"),
        ("Logout Everywhere", "logout-everywhere"),
        ("log out everywhere", "logout-everywhere"),
        ("invalidate", "revocation"),
        ("what is a DPoP proof?", "dpop"),
    ] {
        let query = words.replace(' ', "+").replace('?', "%3F");
        let page = Page::open(&reader, &format!("/glossary?q={query}")).await;
        let found = page.attributes(".terms > div", "id");
        assert!(
            found.iter().any(|id| id == anchor) && found.len() < 6,
            "{words}: {found:?}"
        );
        assert!(page.words("#found").concat().contains(words), "{words}");
    }
    // The other names are shown, and lead to their term.
    let page = Page::open(&reader, "/glossary").await;
    assert!(page.words("#found").is_empty());
    let names = page.each(".letters a", |link| {
        (link.text().collect::<String>(), link.attr("href").unwrap().to_owned())
    });
    for name in ["denylist", "revocation list", "logout everywhere"] {
        assert!(names.iter().any(|(found, _)| found == name), "{name}");
    }
}

#[tokio::test]
async fn unknown_and_hostile_words_show_all_terms_and_are_escaped() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    let all = Page::open(&reader, "/glossary").await.words(".terms > div").len();
    for query in ["q=zzzz", "q=%3Cscript%3Ealert(1)%3C/script%3E", "q=", "q=%00", "x=1"] {
        let page = Page::open(&reader, &format!("/glossary?{query}")).await;
        assert_eq!(page.words(".terms > div").len(), all, "{query}");
        assert!(!page.html.contains("<script>alert"), "{query}");
    }
    let page = Page::open(&reader, &format!("/glossary?q={}", "a".repeat(5_000))).await;
    assert!(page.html.len() < 100 * 1024);
}
