//! Every link of the course has a target, including its anchor.

use std::collections::{BTreeMap, BTreeSet};

use crate::reader::{Page, chapters, open, pages, program};

#[tokio::test]
async fn every_link_within_the_site_leads_to_a_page_that_has_the_anchor() {
    let running = open(program()).await;
    let reader = running.cookie_client();

    let mut links: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
    let mut seen = 0;
    for address in pages(&reader).await {
        let page = Page::open(&reader, &address).await;
        for link in page.attributes("a[href]", "href") {
            seen += 1;
            let link = if link.starts_with('#') {
                format!("{address}{link}")
            } else {
                link
            };
            if !link.starts_with('/') {
                assert!(link.starts_with("https://"), "{address} leads to {link}");
                continue;
            }
            let (to, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let leads = links.entry(to.to_owned()).or_default();
            leads.insert((anchor.to_owned(), page.address.clone()));
        }
    }
    assert!(seen > 200, "{seen} links: are they read as they are written?");

    for (to, leads) in links {
        let reply = reader.open(&to).await;
        let from: BTreeSet<_> = leads.iter().map(|(_, from)| from).collect();
        // The account page redirects a stranger to the login.
        let private = to == "/account" && reply.status == 303;
        assert!(reply.status == 200 || private, "{to}: {}, from {from:?}", reply.status);
        if leads.iter().all(|(anchor, _)| anchor.is_empty()) {
            continue;
        }
        let ids = Page::open(&reader, &to).await.attributes("[id]", "id");
        for (anchor, from) in leads {
            assert!(anchor.is_empty() || ids.contains(&anchor), "{to}#{anchor}, from {from}");
        }
    }
}

/// A GET form, such as an experiment's, is answered like the page itself. The exercises' forms are POSTs.
#[tokio::test]
async fn every_get_form_leads_to_a_page() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    for address in chapters(&reader).await {
        let page = Page::open(&reader, &format!("{address}?play=1")).await;
        for action in page.attributes("main form:not([method=post])", "action") {
            reader.open(&action).await.expect_status(200);
        }
    }
}

#[tokio::test]
async fn with_any_settings_an_experiments_link_into_the_lab_works() {
    let running = open(program()).await;
    let reader = running.cookie_client();
    let mut ways = BTreeSet::new();
    for address in chapters(&reader).await {
        let page = Page::open(&reader, &format!("{address}?play=1")).await;
        let options = page.each("#try option", |option| {
            let name = option
                .parent()
                .and_then(|select| select.value().as_element()?.attr("name"));
            (name.unwrap().to_owned(), option.attr("value").unwrap().to_owned())
        });
        for (name, value) in options {
            let set = Page::open(&reader, &format!("{address}?{name}={value}")).await;
            let way = set.attributes("#try p a[href]", "href");
            assert_eq!(way.len(), 1, "{address}: {way:?}");
            ways.extend(way);
        }
    }
    assert!(ways.len() > 10, "{ways:?}");
    for way in ways {
        reader.open(&way).await.expect_status(200);
    }
}
