//! What each member of a header or of claims is for, and where that is laid down.

use std::fmt;

/// What a member means.
pub(crate) struct Meaning {
    name: &'static str,
    /// What its name is short for.
    pub(crate) full: &'static str,
    pub(crate) source: Source,
    pub(crate) says: &'static str,
}

/// Where a member is laid down.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source {
    /// An RFC, and its section.
    Rfc(u16, &'static str),
    /// OpenID Connect Core, and its section.
    Core(&'static str),
    /// OpenID Connect Front-Channel Logout, and its section.
    FrontChannel(&'static str),
}

impl Source {
    pub(crate) fn href(self) -> String {
        match self {
            Self::Rfc(number, section) => {
                format!("https://www.rfc-editor.org/rfc/rfc{number}#section-{section}")
            }
            Self::Core(_) => "https://openid.net/specs/openid-connect-core-1_0.html".to_owned(),
            Self::FrontChannel(_) => "https://openid.net/specs/openid-connect-frontchannel-1_0.html".to_owned(),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rfc(number, section) => write!(f, "RFC {number} §{section}"),
            Self::Core(section) => write!(f, "OpenID Connect Core §{section}"),
            Self::FrontChannel(section) => write!(f, "OpenID Connect Front-Channel Logout §{section}"),
        }
    }
}

const fn meaning(name: &'static str, full: &'static str, source: Source, says: &'static str) -> Meaning {
    Meaning {
        name,
        full,
        source,
        says,
    }
}

/// Parameters of a header.
const PARAMETERS: [Meaning; 14] = [
    meaning(
        "typ",
        "Type",
        Source::Rfc(9068, "2.1"),
        "at+jwt for an access token, so that no other kind of token is taken for one.",
    ),
    meaning(
        "alg",
        "Algorithm",
        Source::Rfc(7515, "4.1.1"),
        "How it says it is signed. A verifier that believes this can be told “none”; let the key decide.",
    ),
    meaning(
        "kid",
        "Key ID",
        Source::Rfc(7515, "4.1.4"),
        "Which key signed it. Only a name: the key itself comes from the verifier.",
    ),
    meaning(
        "cty",
        "Content type",
        Source::Rfc(7515, "4.1.10"),
        "Announces a token in the token. Refused here.",
    ),
    meaning(
        "crit",
        "Critical",
        Source::Rfc(7515, "4.1.11"),
        "Extensions without which the rest must not be read. We know none, so it is refused.",
    ),
    meaning(
        "jku",
        "JWK set URL",
        Source::Rfc(7515, "4.1.2"),
        "Where to fetch the key. Whoever fetches it verifies what anybody signed. Refused here.",
    ),
    meaning(
        "jwk",
        "JSON Web Key",
        Source::Rfc(7515, "4.1.3"),
        "A key that comes along with the token. Whoever believes it verifies what anybody signed. Refused here.",
    ),
    meaning(
        "x5u",
        "X.509 URL",
        Source::Rfc(7515, "4.1.5"),
        "Where to fetch a certificate. Refused here, as any key that the token brings.",
    ),
    meaning(
        "x5c",
        "X.509 certificate chain",
        Source::Rfc(7515, "4.1.6"),
        "A certificate that comes along. Refused here, as any key that the token brings.",
    ),
    meaning(
        "x5t",
        "X.509 thumbprint, SHA-1",
        Source::Rfc(7515, "4.1.7"),
        "Names a certificate by its hash.",
    ),
    meaning(
        "x5t#S256",
        "X.509 thumbprint, SHA-256",
        Source::Rfc(7515, "4.1.8"),
        "Names a certificate by its hash.",
    ),
    meaning(
        "b64",
        "Base64url payload",
        Source::Rfc(7797, "3"),
        "Says that the payload is not encoded, which changes what is signed. Refused here.",
    ),
    meaning(
        "enc",
        "Encryption algorithm",
        Source::Rfc(7516, "4.1.2"),
        "Belongs to an encrypted token. Refused here.",
    ),
    meaning(
        "zip",
        "Compression algorithm",
        Source::Rfc(7516, "4.1.3"),
        "Belongs to an encrypted token. Refused here.",
    ),
];

/// Claims.
const CLAIMS: [Meaning; 19] = [
    meaning(
        "iss",
        "Issuer",
        Source::Rfc(7519, "4.1.1"),
        "Who made it. A verifier expects one issuer, letter for letter.",
    ),
    meaning("sub", "Subject", Source::Rfc(7519, "4.1.2"), "Whom it speaks for."),
    meaning(
        "aud",
        "Audience",
        Source::Rfc(7519, "4.1.3"),
        "Which service it is for. Another one must refuse it.",
    ),
    meaning(
        "exp",
        "Expiration time",
        Source::Rfc(7519, "4.1.4"),
        "The first instant at which it no longer counts, in seconds since 1970.",
    ),
    meaning(
        "nbf",
        "Not before",
        Source::Rfc(7519, "4.1.5"),
        "The first instant at which it counts, in seconds since 1970.",
    ),
    meaning(
        "iat",
        "Issued at",
        Source::Rfc(7519, "4.1.6"),
        "When it was signed, in seconds since 1970.",
    ),
    meaning(
        "jti",
        "JWT ID",
        Source::Rfc(7519, "4.1.7"),
        "This token’s own name, under which a blacklist can hold it.",
    ),
    meaning(
        "client_id",
        "Client identifier",
        Source::Rfc(8693, "4.3"),
        "The program that acts for the subject. RFC 9068 §2.2 demands it of an access token.",
    ),
    meaning(
        "sid",
        "Session ID",
        Source::FrontChannel("3"),
        "The login that it belongs to. Every token of one login carries it, and a logout takes all of them back by it.",
    ),
    meaning(
        "scope",
        "Scope",
        Source::Rfc(8693, "4.2"),
        "What its holder may do, as words with spaces between them.",
    ),
    meaning(
        "act",
        "Actor",
        Source::Rfc(8693, "4.1"),
        "Who acts on the subject’s behalf.",
    ),
    meaning(
        "cnf",
        "Confirmation",
        Source::Rfc(7800, "3.1"),
        "A key that its holder has to prove they have. Then a copy of the token alone is worth nothing.",
    ),
    meaning(
        "azp",
        "Authorized party",
        Source::Core("2"),
        "The program that an ID token was issued to.",
    ),
    meaning(
        "nonce",
        "Nonce",
        Source::Core("2"),
        "Ties an ID token to one login request.",
    ),
    meaning(
        "auth_time",
        "Authentication time",
        Source::Core("2"),
        "When somebody proved who they are, in seconds since 1970.",
    ),
    meaning(
        "acr",
        "Authentication context",
        Source::Core("2"),
        "How well somebody proved who they are.",
    ),
    meaning(
        "amr",
        "Authentication methods",
        Source::Core("2"),
        "By what somebody proved who they are.",
    ),
    meaning(
        "name",
        "Name",
        Source::Core("5.1"),
        "What somebody is called. Whoever holds the token can read it.",
    ),
    meaning(
        "email",
        "E-mail address",
        Source::Core("5.1"),
        "Where to write to somebody. Whoever holds the token can read it.",
    ),
];

/// What is said of a member that is not known.
pub(crate) const UNKNOWN_PARAMETER: &str =
    "Not known here. A parameter that is not understood is ignored (RFC 7515 §4).";
/// What is said of a claim that is not known.
pub(crate) const UNKNOWN_CLAIM: &str = "Not known here. A claim that is not understood is ignored (RFC 7519 §4).";

pub(crate) fn of_parameter(name: &str) -> Option<&'static Meaning> {
    PARAMETERS.iter().find(|meaning| meaning.name == name)
}

pub(crate) fn of_claim(name: &str) -> Option<&'static Meaning> {
    CLAIMS.iter().find(|meaning| meaning.name == name)
}

/// Whether a claim is an instant.
pub(crate) fn is_instant(name: &str) -> bool {
    matches!(name, "exp" | "nbf" | "iat" | "auth_time")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_member_of_our_own_tokens_is_explained_with_its_source() {
        for (name, source) in [
            ("typ", "RFC 9068 §2.1"),
            ("alg", "RFC 7515 §4.1.1"),
            ("kid", "RFC 7515 §4.1.4"),
        ] {
            assert_eq!(of_parameter(name).unwrap().source.to_string(), source);
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
            assert_eq!(of_claim(name).unwrap().source.to_string(), source);
        }
        let sub = of_claim("sub").unwrap();
        assert_eq!(
            sub.source.href(),
            "https://www.rfc-editor.org/rfc/rfc7519#section-4.1.2"
        );
        assert!(of_claim("alg").is_none() && of_claim("made-up").is_none());
    }

    #[test]
    fn no_member_is_explained_twice_and_each_says_something() {
        for table in [PARAMETERS.as_slice(), CLAIMS.as_slice()] {
            let names: BTreeSet<_> = table.iter().map(|meaning| meaning.name).collect();
            assert_eq!(names.len(), table.len());
            for meaning in table {
                assert!(
                    meaning.says.ends_with('.') && !meaning.full.is_empty(),
                    "{}",
                    meaning.name
                );
            }
        }
    }
}
