//! Decoding a token proves nothing about it.

use rescind_token::{MAX_TOKEN_BYTES, PartsError, TokenParts};
use serde_json::json;

use crate::forge::Forge;

#[test]
fn a_forged_token_can_be_decoded() {
    let forge = Forge::new();
    let token = forge.with_claim("sub", "mallory");
    let (signed, _) = token.rsplit_once('.').unwrap();
    let parts = TokenParts::split_without_verifying(&format!("{signed}.made-up")).unwrap();
    assert_eq!(parts.header, forge.header());
    assert_eq!(parts.claims["sub"], json!("mallory"));
    assert_eq!(parts.signature, "made-up");
}

#[test]
fn text_that_is_not_a_token_is_refused() {
    for text in [
        "",
        "a.b",
        "..",
        "e30.e30",
        "e30.W10.x",
        "e30.e30.x.y",
        "e30=.e30.x",
        "{}.{}.x",
    ] {
        assert_eq!(
            TokenParts::split_without_verifying(text),
            Err(PartsError::Malformed),
            "{text}"
        );
    }
    assert!(TokenParts::split_without_verifying("e30.e30.").is_ok());
    assert_eq!(
        TokenParts::split_without_verifying(&".".repeat(MAX_TOKEN_BYTES + 1)),
        Err(PartsError::TooLong)
    );
}

#[test]
fn a_token_of_8_kib_is_decoded_and_one_byte_more_is_refused() {
    let of_length = |length: usize| format!("e30.e30.{}", "x".repeat(length - "e30.e30.".len()));
    assert!(TokenParts::split_without_verifying(&of_length(MAX_TOKEN_BYTES)).is_ok());
    assert_eq!(
        TokenParts::split_without_verifying(&of_length(MAX_TOKEN_BYTES + 1)),
        Err(PartsError::TooLong)
    );
}

/// A value that a handler logs must not put a session into the log.
#[test]
fn the_parts_of_a_token_print_as_redacted() {
    let token = Forge::new().with_claim("sub", "mallory");
    let printed = format!("{:?}", TokenParts::split_without_verifying(&token));
    assert_eq!(printed, "Ok(TokenParts([redacted]))");
}
