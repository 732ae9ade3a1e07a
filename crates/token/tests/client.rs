//! OAuth clients: their secrets, and what a server keeps of them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use rand::{SeedableRng, rngs::StdRng};
use rescind_token::{ClientSecret, InvalidClient, RegisteredClient, sha256};

fn client(id: &str, secret: &str) -> RegisteredClient {
    made(id, secret).unwrap()
}

fn made(id: &str, secret: &str) -> Result<RegisteredClient, InvalidClient> {
    RegisteredClient::new(id, &ClientSecret::from(secret.to_owned()))
}

#[test]
fn a_client_is_written_as_its_id_and_the_hash_of_its_secret() {
    // `printf sixteen-byte-key | sha256sum`
    let text = "shop-1.a_b~c:sha256:88dbf2d34871f354b56ec8318a2e0e51d8027f047cb07ec2a9e518b9025fa798";
    assert_eq!(client("shop-1.a_b~c", "sixteen-byte-key").to_string(), text);
    let read: RegisteredClient = text.parse().unwrap();
    assert_eq!((read.id().as_str(), read.to_string().as_str()), ("shop-1.a_b~c", text));
    let upper = text.to_uppercase().replace(":SHA256:", ":sha256:");
    assert!(upper.parse::<RegisteredClient>().is_ok());
    assert_eq!(sha256("sixteen-byte-key")[..2], [0x88, 0xdb]);
}

#[test]
fn a_text_that_is_no_client_is_refused() {
    let hash = "88dbf2d34871f354b56ec8318a2e0e51d8027f047cb07ec2a9e518b9025fa798";
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
    assert_eq!(made("sh,op", "sixteen-byte-key").unwrap_err(), InvalidClient::Id);
    for short in ["", "fifteen-bytes-1"] {
        assert_eq!(made("shop", short).unwrap_err(), InvalidClient::Secret, "{short}");
    }
}

#[test]
fn a_client_is_found_by_its_id_and_any_of_its_secrets() {
    let clients = [
        client("a", "the-first-secret"),
        client("b", "the-second-secret"),
        client("a", "the-third-secret"),
    ];
    let found = |id, secret| RegisteredClient::find(&clients, id, secret).map(|client| client.id().as_str());
    for (id, secret, expected) in [
        ("a", "the-first-secret", Some("a")),
        ("a", "the-third-secret", Some("a")),
        ("b", "the-second-secret", Some("b")),
        ("a", "the-second-secret", None),
        ("b", "the-first-secret", None),
        ("c", "the-first-secret", None),
        ("", "", None),
        ("A", "the-first-secret", None),
    ] {
        assert_eq!(found(id, secret), expected, "{id} {secret}");
    }
    assert!(RegisteredClient::find(&[], "a", "the-first-secret").is_none());
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
