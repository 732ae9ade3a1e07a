//! The purpose and specification of each header parameter and claim.

use std::sync::LazyLock;

use serde::Deserialize;

use super::tampering::Place;
use crate::content::{Source, file};

#[derive(Deserialize)]
pub(crate) struct Meaning {
    name: String,
    /// The name in full.
    pub(crate) full: String,
    pub(crate) source: Source,
    pub(crate) says: String,
}

#[derive(Deserialize)]
struct Members {
    parameter: Vec<Meaning>,
    claim: Vec<Meaning>,
}

static MEMBERS: LazyLock<Members> = LazyLock::new(|| file!("members.toml").data());

pub(crate) fn of(place: Place, name: &str) -> Option<&'static Meaning> {
    let table = match place {
        Place::Header => &MEMBERS.parameter,
        Place::Claims => &MEMBERS.claim,
        Place::Signature => return None,
    };
    table.iter().find(|meaning| meaning.name == name)
}

pub(crate) fn is_instant(name: &str) -> bool {
    matches!(name, "exp" | "nbf" | "iat" | "auth_time")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_of_our_own_tokens_is_explained_with_its_source() {
        for (name, source) in [
            ("typ", "RFC 9068 §2.1"),
            ("alg", "RFC 7515 §4.1.1"),
            ("kid", "RFC 7515 §4.1.4"),
        ] {
            assert_eq!(of(Place::Header, name).unwrap().source.short(), source);
        }
        for (name, source) in [
            ("iss", "RFC 7519 §4.1.1"),
            ("sub", "RFC 7519 §4.1.2"),
            ("aud", "RFC 7519 §4.1.3"),
            ("exp", "RFC 7519 §4.1.4"),
            ("nbf", "RFC 7519 §4.1.5"),
            ("iat", "RFC 7519 §4.1.6"),
            ("jti", "RFC 7519 §4.1.7"),
            ("client_id", "RFC 8693 §4.3"),
            ("sid", "OpenID Connect Front-Channel Logout §3"),
        ] {
            assert_eq!(of(Place::Claims, name).unwrap().source.short(), source);
        }
        let sub = of(Place::Claims, "sub").unwrap();
        assert_eq!(
            sub.source.address(),
            "https://www.rfc-editor.org/rfc/rfc7519#section-4.1.2"
        );
        assert!(of(Place::Claims, "alg").is_none() && of(Place::Claims, "made-up").is_none());
    }
}
