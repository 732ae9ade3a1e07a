//! The address that a request comes from, as the list of devices shows it.

use actix_web::{
    http::header::{HeaderValue, USER_AGENT},
    test::TestRequest,
};
use serde_json::json;

use crate::world::{Make, PASSWORD, World};

type Header<'a> = (&'a str, &'a [u8]);

const XFF: &str = "x-forwarded-for";
const FORWARDED: &str = "forwarded";

async fn behind_a_proxy() -> World {
    Make {
        trusted_proxies: &["10.0.0.0/8", "fd00::/8"],
        ..Make::default()
    }
    .world()
    .await
}

/// Logs in through that peer with these headers, and returns the stored address.
async fn client(world: &World, peer: &str, headers: &[Header<'_>]) -> String {
    let request = TestRequest::post()
        .uri("/api/login")
        .peer_addr(format!("{peer}:40000").parse().unwrap())
        .insert_header((USER_AGENT, HeaderValue::from_bytes(b"caf\xe9/1").unwrap()))
        .set_json(json!({ "username": "alice", "password": PASSWORD }));
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.append_header((*name, HeaderValue::from_bytes(value).unwrap()))
    });
    let tokens = world.send(request).await.tokens();
    let device = world.row(tokens.session).await.device;
    assert_eq!(device.user_agent.as_deref(), Some("caf\u{fffd}/1"));
    device.address.unwrap().to_string()
}

#[tokio::test]
async fn the_headers_of_an_untrusted_peer_are_not_read() {
    let world = behind_a_proxy().await;
    for header in [(XFF, b"198.51.100.7".as_slice()), (FORWARDED, b"for=198.51.100.7")] {
        assert_eq!(client(&world, "192.0.2.1", &[header]).await, "192.0.2.1");
    }
}

#[tokio::test]
async fn behind_trusted_proxies_the_first_untrusted_address_from_the_right_is_the_client() {
    let world = behind_a_proxy().await;
    let elements = br#"for=203.0.113.66, for="[2001:db8::7]:4711";proto=https;by=10.0.0.9, For=10.0.0.9"#;
    let cases: [(&[Header<'_>], &str); 4] = [
        (&[(XFF, b"203.0.113.66, 198.51.100.7, 10.0.0.9")], "198.51.100.7"),
        (&[(FORWARDED, elements)], "2001:db8::7"),
        (&[(XFF, b"203.0.113.66"), (XFF, b"198.51.100.7")], "198.51.100.7"),
        // An IPv4 address in IPv6 form is the same address.
        (&[(XFF, b"::ffff:198.51.100.7")], "198.51.100.7"),
    ];
    for (headers, expected) in cases {
        assert_eq!(client(&world, "10.0.0.1", headers).await, expected);
    }
}

#[tokio::test]
async fn an_unreadable_forwarding_entry_does_not_hide_those_on_its_right() {
    let world = behind_a_proxy().await;
    let cases: [(&str, &[u8], &str); 8] = [
        (XFF, b"\xe9, 9.9.9.9", "9.9.9.9"),
        (XFF, b"1.2.3.4, \xe9, 9.9.9.9, 10.0.0.7", "9.9.9.9"),
        (XFF, b"198.51.100.7, nonsense, 10.0.0.9", "10.0.0.9"),
        (XFF, b"nonsense", "10.0.0.1"),
        (XFF, b"9.9.9.9, \xe9", "10.0.0.1"),
        (FORWARDED, b"for=\"\xe9\", for=9.9.9.9", "9.9.9.9"),
        (FORWARDED, b"for=9.9.9.9;by=\"\xe9\"", "9.9.9.9"),
        (FORWARDED, b"for=\"_x, for=198.51.100.7", "198.51.100.7"),
    ];
    for (name, value, expected) in cases {
        assert_eq!(
            client(&world, "10.0.0.1", &[(name, value)]).await,
            expected,
            "{value:?}"
        );
    }
}

#[tokio::test]
async fn two_headers_that_disagree_are_both_ignored() {
    let world = behind_a_proxy().await;
    for (forwarded, expected) in [
        (b"for=203.0.113.66".as_slice(), "10.0.0.1"),
        (b"for=198.51.100.7", "198.51.100.7"),
    ] {
        let both = [(FORWARDED, forwarded), (XFF, b"198.51.100.7".as_slice())];
        assert_eq!(client(&world, "10.0.0.1", &both).await, expected);
    }
}
