//! Tokens, decoded and changed. The parts on the page are compared with the token byte for byte.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use rescind_testkit::{CookieClient, Reply};

use crate::{open, program, words};

const HEADER: &str = r#"{"typ":"at+jwt","alg":"EdDSA"}"#;

fn token(header: &str, claims: &str) -> String {
    let part = |json| BASE64_URL_SAFE_NO_PAD.encode(json);
    format!("{}.{}.AbCd", part(header), part(claims))
}

/// The parts that a page shows: header and claims as JSON, and the signature.
fn parts(html: &str) -> [String; 3] {
    let raw = |part: &str| words(html, &format!(".part.{part} .long"));
    let json = |part| String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(raw(part)).unwrap()).unwrap();
    [json("header"), json("claims"), raw("signature")]
}

/// Changes one's own access token: the page.
async fn change(alice: &CookieClient, change: [&str; 3]) -> Reply {
    let [button, member, value] = change;
    let form = [
        ("which", "access"),
        ("change", button),
        ("member", member),
        ("value", value),
    ];
    alice.post("/inspector", &form).await
}

/// The parts of one's own access token.
fn own(alice: &CookieClient) -> [String; 3] {
    let token = crate::access(alice);
    let parts: Vec<_> = token.split('.').collect();
    let json = |part: &str| String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    [json(parts[0]), json(parts[1]), parts[2].to_owned()]
}

/// The members of an object of simple values, as they are written.
fn members(json: &str) -> Vec<String> {
    let inside = json.strip_prefix("{\"").unwrap().strip_suffix('}').unwrap();
    inside.split(",\"").map(|member| format!("\"{member}")).collect()
}

/// The object with one member written in another way, at its end if it was not there; or without it.
fn with(json: &str, name: &str, written: Option<&str>) -> String {
    let is_meant = |member: &String| member.starts_with(&format!("\"{name}\":"));
    let mut all = members(json);
    match (all.iter().position(is_meant), written) {
        (Some(at), Some(written)) => all[at] = format!("\"{name}\":{written}"),
        (None, Some(written)) => all.push(format!("\"{name}\":{written}")),
        (Some(at), None) => drop(all.remove(at)),
        (None, None) => {}
    }
    format!("{{{}}}", all.join(","))
}

#[tokio::test]
async fn members_keep_their_order_and_duplicates() {
    let running = open(program()).await;
    let claims = r#"{"sub":"a","exp":7,"sub":"b"}"#;
    let page = crate::paste(&running.cookie_client(), &token(HEADER, claims))
        .await
        .text;
    assert_eq!(parts(&page), [HEADER, claims, "AbCd"]);
    assert_eq!(words(&page, ".part.claims dt"), "sub exp sub");
    assert_eq!(words(&page, ".part.claims").matches("It stands twice.").count(), 2);
}

#[tokio::test]
async fn a_change_leaves_all_other_bytes_as_they_were() {
    let running = open(program()).await;
    let alice = crate::log_in(&running, "alice").await;
    let [header, claims, signature] = own(&alice);
    let exp = members(&claims)
        .into_iter()
        .find(|member| member.starts_with("\"exp\""))
        .unwrap();
    let exp: i64 = exp.split(':').next_back().unwrap().parse().unwrap();
    let later = with(&claims, "exp", Some(&(exp + 86_400).to_string()));
    let none = with(&header, "alg", Some("\"none\""));
    let other = if signature.starts_with('A') { 'B' } else { 'A' };
    let spoilt = format!("{other}{}", &signature[1..]);
    for (button, parts_then) in [
        ("later", [&header, &later, &signature]),
        ("none", [&none, &claims, &signature]),
        ("letter", [&header, &claims, &spoilt]),
    ] {
        let page = change(&alice, [button, "", ""]).await.expect_status(200).text;
        assert_eq!(parts(&page).each_ref(), parts_then, "{button}");
        let told = words(&page, "#decoded .notice");
        assert!(told.contains("Changed:"), "{button}: {told}");
    }
}

#[tokio::test]
async fn a_member_is_replaced_in_place_appended_or_removed() {
    let running = open(program()).await;
    let alice = crate::log_in(&running, "alice").await;
    let [header, claims, signature] = own(&alice);
    for (member, value, written) in [
        ("exp", "12", Some("12")),
        // JSON, or else a text.
        ("exp", "\"12\"", Some("\"12\"")),
        ("exp", "soon", Some("\"soon\"")),
        ("exp", " ", None),
        ("jti", "", None),
        (
            "new",
            "{\"b\":[true,null],\"é\":\"\\n\"}",
            Some("{\"b\":[true,null],\"é\":\"\\n\"}"),
        ),
        ("missing", "", None),
    ] {
        let page = change(&alice, ["member", &format!("claims.{member}"), value]).await;
        let page = page.expect_status(200).text;
        let expected = [header.clone(), with(&claims, member, written), signature.clone()];
        assert_eq!(parts(&page), expected, "{member} {value:?}");
    }
    // The old value changes no byte.
    let page = change(&alice, ["member", "header.alg", "EdDSA"])
        .await
        .expect_status(200)
        .text;
    assert_eq!(parts(&page), [header, claims, signature]);
    assert!(words(&page, "#decoded .notice").starts_with("Nothing changed:"));
}

#[tokio::test]
async fn the_session_a_bad_member_and_a_long_value_are_refused() {
    let running = open(program()).await;
    let alice = crate::log_in(&running, "alice").await;
    for member in ["claims.sid", "claims.", "header", "", "signature.x"] {
        let reply = change(&alice, ["member", member, "x"]).await.expect_status(422);
        assert!(words(&reply.text, "main").contains("no such member"), "{member}");
    }
    let reply = change(&alice, ["member", "claims.sub", &"x".repeat(201)]).await;
    let told = words(&reply.expect_status(422).text, "main");
    assert!(told.contains("longer than 200 characters"), "{told}");
    let long = change(&alice, ["member", "claims.sub", &"x".repeat(200)])
        .await
        .expect_status(200);
    assert!(parts(&long.text)[1].contains(&"x".repeat(200)));
}

#[tokio::test]
async fn every_member_of_our_own_tokens_is_explained_with_its_source() {
    let running = open(program()).await;
    let alice = crate::log_in(&running, "alice").await;
    let page = crate::paste(&alice, &crate::access(&alice))
        .await
        .expect_status(200)
        .text;
    for (part, members) in [
        (
            "header",
            ["RFC 9068 §2.1", "RFC 7515 §4.1.1", "RFC 7515 §4.1.4"].as_slice(),
        ),
        (
            "claims",
            &[
                "RFC 7519 §4.1.1",
                "RFC 7519 §4.1.2",
                "RFC 7519 §4.1.3",
                "RFC 7519 §4.1.4",
                "RFC 7519 §4.1.6",
                "RFC 7519 §4.1.7",
                "RFC 8693 §4.3",
                "OpenID Connect Front-Channel Logout §3",
            ],
        ),
    ] {
        let told = words(&page, &format!(".part.{part} dl"));
        for source in members {
            assert!(told.contains(source), "{source} is not in {told}");
        }
        assert!(!told.contains("Not known here"), "{told}");
    }
    assert!(page.contains("https://www.rfc-editor.org/rfc/rfc7519#section-4.1.2"));
    // A member is explained in its own part only, and one that is made up is not.
    let other = token(HEADER, r#"{"alg":1,"made-up":2,"nbf":3}"#);
    let page = crate::paste(&alice, &other).await.text;
    let told = words(&page, ".part.claims dl");
    assert_eq!(told.matches("Not known here").count(), 2, "{told}");
    assert!(told.contains("RFC 7519 §4.1.5"), "{told}");
}
