//! What each member of a header or of claims is for, and where that is laid down.

use std::{fmt, sync::LazyLock};

use serde::Deserialize;

use crate::content::file;

/// What a member means.
#[derive(Deserialize)]
pub(crate) struct Meaning {
    name: String,
    /// What its name is short for.
    pub(crate) full: String,
    pub(crate) source: Source,
    pub(crate) says: String,
}

/// Where a member is laid down.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Source {
    /// An RFC, and its section.
    Rfc { rfc: u16, section: String },
    /// OpenID Connect Core: its section.
    Core { core: String },
    /// OpenID Connect Front-Channel Logout: its section.
    FrontChannel { front_channel: String },
}

impl Source {
    pub(crate) fn href(&self) -> String {
        match self {
            Self::Rfc { rfc, section } => {
                format!("https://www.rfc-editor.org/rfc/rfc{rfc}#section-{section}")
            }
            Self::Core { .. } => "https://openid.net/specs/openid-connect-core-1_0.html".to_owned(),
            Self::FrontChannel { .. } => "https://openid.net/specs/openid-connect-frontchannel-1_0.html".to_owned(),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rfc { rfc, section } => write!(f, "RFC {rfc} §{section}"),
            Self::Core { core: section } => write!(f, "OpenID Connect Core §{section}"),
            Self::FrontChannel { front_channel: section } => {
                write!(f, "OpenID Connect Front-Channel Logout §{section}")
            }
        }
    }
}

/// Of a header, and of claims.
#[derive(Deserialize)]
struct Members {
    parameter: Vec<Meaning>,
    claim: Vec<Meaning>,
}

static MEMBERS: LazyLock<Members> = LazyLock::new(|| file!("members.toml").data());

/// What is said of a member that is not known.
pub(crate) const UNKNOWN_PARAMETER: &str =
    "Not known here. A parameter that is not understood is ignored (RFC 7515 §4).";
/// What is said of a claim that is not known.
pub(crate) const UNKNOWN_CLAIM: &str = "Not known here. A claim that is not understood is ignored (RFC 7519 §4).";

pub(crate) fn of_parameter(name: &str) -> Option<&'static Meaning> {
    MEMBERS.parameter.iter().find(|meaning| meaning.name == name)
}

pub(crate) fn of_claim(name: &str) -> Option<&'static Meaning> {
    MEMBERS.claim.iter().find(|meaning| meaning.name == name)
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
        for table in [&MEMBERS.parameter, &MEMBERS.claim] {
            let names: BTreeSet<_> = table.iter().map(|meaning| meaning.name.as_str()).collect();
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
