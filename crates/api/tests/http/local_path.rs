//! Which paths `next` may have.

use rescind_api::browser::local_path;

#[test]
fn a_local_path_keeps_its_query_and_loses_its_fragment() {
    assert_eq!(
        local_path("/account?tab=devices&x=%2F#top").as_deref(),
        Some("/account?tab=devices&x=%2F")
    );
    assert_eq!(local_path("/").as_deref(), Some("/"));
    assert_eq!(local_path("/refreshments").as_deref(), Some("/refreshments"));
}

#[test]
fn a_next_that_leads_elsewhere_is_refused() {
    let elsewhere = [
        "",
        "account",
        "https://evil.example/",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        " /account",
        "/%2fevil.example",
        "/%5cevil.example",
        "/.//evil.example",
        "/x/..//evil.example",
        "/%2e//evil.example",
        "/%0d%0aSet-Cookie:x",
        "/a%00b",
        "/%ff",
    ];
    for next in elsewhere {
        assert_eq!(local_path(next), None, "{next:?}");
    }
    assert_eq!(local_path(&format!("/{}", "a".repeat(2048))), None);
}

#[test]
fn refresh_and_logout_are_refused_in_every_spelling() {
    let written = [
        "/refresh",
        "/refresh?next=/x",
        "/refresh#x",
        "/refresh/",
        "/logout",
        "/logout?x",
        "/./refresh",
        "/x/../logout",
        "/%72efresh",
        "/x/%2e%2e/refresh",
        "/log%6fut/",
    ];
    for next in written {
        assert_eq!(local_path(next), None, "{next:?}");
    }
}
