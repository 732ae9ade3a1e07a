//! Names and password hashes, and how an error prints.

use rescind_session::{ErrorChain, InvalidUsername, PasswordHash, Username, ports::StoreError};

#[test]
fn usernames_have_one_spelling() {
    for (typed, stored) in [
        (" Alice ", "alice"),
        ("O'Brien@Example.com", "o'brien@example.com"),
        ("ann+x@example.com", "ann+x@example.com"),
        ("ＺＯＥ\u{308}", "zoë"),
        ("ΜΆΡΙΑ", "μάρια"),
        (&"a".repeat(320), &"a".repeat(320)),
    ] {
        let name = Username::parse(typed).unwrap();
        assert_eq!(name.as_str(), stored, "{typed:?}");
        assert_eq!(Username::parse(stored).as_ref(), Ok(&name), "{typed:?}");
        assert_eq!(Username::from_normalized(stored), Ok(name), "{typed:?}");
    }
}

#[test]
fn invalid_usernames_are_refused() {
    for name in ["", " ", "a b", "a\0", "a\u{200b}b", "a\u{202e}b", "♥", &"a".repeat(321)] {
        assert_eq!(Username::parse(name), Err(InvalidUsername), "{name:?}");
    }
}

#[test]
fn a_password_hash_prints_as_redacted() {
    let printed = format!("{:?}", PasswordHash::new("$argon2id$secret"));
    assert!(!printed.contains("secret"), "{printed}");
}

#[test]
fn an_error_prints_with_its_causes() {
    let error = StoreError::unavailable(std::io::Error::other("the disk is on fire"));
    assert_eq!(
        ErrorChain(&error).to_string(),
        "the store is unavailable: the disk is on fire"
    );
}
