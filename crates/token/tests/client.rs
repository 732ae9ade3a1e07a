//! OAuth clients: their secrets, and what a server keeps of them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use rand::{SeedableRng, rngs::StdRng};
use rescind_token::{ClientSecret, RegisteredClient, sha256};

fn client(id: &str, secret: &str) -> RegisteredClient {
    RegisteredClient::new(id, &ClientSecret::from(secret.to_owned())).unwrap()
}

#[test]
fn a_client_is_written_as_its_id_and_the_hash_of_its_secret() {
    // `printf secret | sha256sum`
    let text = "shop-1.a_b~c:sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
    assert_eq!(client("shop-1.a_b~c", "secret").to_string(), text);
    let read: RegisteredClient = text.parse().unwrap();
    assert_eq!((read.id().as_str(), read.to_string().as_str()), ("shop-1.a_b~c", text));
    let upper = text.to_uppercase().replace(":SHA256:", ":sha256:");
    assert!(upper.parse::<RegisteredClient>().is_ok());
    assert_eq!(sha256("secret")[..2], [0x2b, 0xb8]);
}

#[test]
fn a_text_that_is_no_client_is_refused() {
    let hash = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
    let long = "x".repeat(65);
    for text in [
        "",
        "shop",
        "shop:secret",
        "shop:sha256:",
        &format!("shop:sha256:{}", &hash[1..]),
        &format!("shop:sha256:{hash}0"),
        &format!("shop:sha256:+{}", &hash[1..]),
        &format!("shop:sha256:é{}", &hash[2..]),
        &format!("shop:md5:{hash}"),
        &format!(":sha256:{hash}"),
        &format!("sh op:sha256:{hash}"),
        &format!("sh:op:sha256:{hash}"),
        &format!("sh%op:sha256:{hash}"),
        &format!("{long}:sha256:{hash}"),
    ] {
        assert!(text.parse::<RegisteredClient>().is_err(), "{text}");
    }
    assert!(RegisteredClient::new("sh,op", &ClientSecret::from("x".to_owned())).is_err());
}

#[test]
fn a_client_is_found_by_its_id_and_any_of_its_secrets() {
    let clients = [client("a", "one"), client("b", "two"), client("a", "three")];
    let found = |id, secret| RegisteredClient::find(&clients, id, secret).map(|client| client.id().as_str());
    for (id, secret, expected) in [
        ("a", "one", Some("a")),
        ("a", "three", Some("a")),
        ("b", "two", Some("b")),
        ("a", "two", None),
        ("b", "one", None),
        ("c", "one", None),
        ("", "", None),
        ("A", "one", None),
    ] {
        assert_eq!(found(id, secret), expected, "{id} {secret}");
    }
    assert!(RegisteredClient::find(&[], "a", "one").is_none());
}

#[test]
fn a_secret_has_256_random_bits_and_prints_as_redacted() {
    let mut rng = StdRng::seed_from_u64(1);
    let (one, other) = (ClientSecret::generate(&mut rng), ClientSecret::generate(&mut rng));
    assert_ne!(one.expose_secret(), other.expose_secret());
    assert_eq!(one.expose_secret().len(), 43);
    assert_eq!(format!("{one:?}"), "ClientSecret([redacted])");
    let printed = format!("{:?}", RegisteredClient::new("shop", &one).unwrap());
    assert_eq!(printed, "RegisteredClient(shop, [redacted])");
}
