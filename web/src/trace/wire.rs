//! Requests and replies as sent.
//!
//! Tokens are shown in full. They are a sandbox's, and useless outside of it. The three parts of a token differ by their
//! underline, not by colour.

use std::sync::LazyLock;

use actix_web::cookie;
use serde::Deserialize;

use super::{
    Shown,
    cost::{BLACKLIST, Count, DATABASE},
    milliseconds,
};
use crate::content::{Case, Facts, file, say};

/// `content/cookies.toml`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    purpose: Vec<Case<String>>,
}

static WORDS: LazyLock<Words> = LazyLock::new(|| file!("cookies.toml").data());

/// A cookie of a reply.
pub(crate) struct Cookie {
    pub(crate) name: String,
    /// Each as it is written, with its purpose.
    pub(crate) attributes: Vec<(String, String)>,
}

impl Cookie {
    fn read(header: &str) -> Option<Self> {
        let name = cookie::Cookie::parse(header).ok()?.name().to_owned();
        let prefix = name
            .starts_with("__Host-")
            .then_some(("__Host-", "__Host- (in its name)"));
        let written = header.split(';').skip(1).map(|text| (text.trim(), text.trim()));
        let explained = |(attribute, text): (&str, &str)| {
            let name = attribute.split('=').next().unwrap_or_default().to_ascii_lowercase();
            let facts = Facts::default().with("name", name).with("text", text);
            (text.to_owned(), say(&WORDS.purpose, &facts))
        };
        Some(Self {
            attributes: prefix.into_iter().chain(written).map(explained).collect(),
            name,
        })
    }

    pub(crate) fn is_dropped(&self) -> bool {
        self.attributes.iter().any(|(text, _)| text == "Max-Age=0")
    }
}

/// A piece of text, and the part of a token that it is, if any.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) class: &'static str,
    pub(crate) text: String,
}

impl Shown<'_> {
    pub(crate) fn request_pieces(&self) -> Vec<Piece> {
        let request = &self.request;
        let headers = request.headers.iter().map(|(name, value)| (*name, value.as_str()));
        let first = format!("{} HTTP/1.1", self.asked());
        pieces(&written(first, headers, request.body.as_deref().unwrap_or_default()))
    }

    /// Empty, if no server replied.
    pub(crate) fn reply_pieces(&self) -> Vec<Piece> {
        let Some(reply) = &self.reply else { return Vec::new() };
        let headers = reply
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        pieces(&written(format!("HTTP/1.1 {}", reply.status), headers, &reply.body))
    }

    /// An unreadable one is skipped, as in a browser.
    pub(crate) fn cookies(&self) -> Vec<Cookie> {
        let reply = self.reply.iter();
        reply
            .flat_map(|reply| reply.set_cookies())
            .filter_map(Cookie::read)
            .collect()
    }

    pub(crate) fn blacklist(&self) -> Count {
        Count::of(&self.calls, &BLACKLIST)
    }

    pub(crate) fn database(&self) -> Count {
        Count::of(&self.calls, &DATABASE)
    }

    pub(crate) fn took(&self) -> String {
        milliseconds(self.took)
    }
}

fn written<'a>(mut text: String, headers: impl Iterator<Item = (&'a str, &'a str)>, body: &str) -> String {
    text.push('\n');
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\n"));
    }
    if !body.is_empty() {
        text.push_str(&format!("\n{body}\n"));
    }
    text
}

/// Takes a text apart at the JSON Web Tokens in it.
fn pieces(text: &str) -> Vec<Piece> {
    let plain = |text: &str| Piece {
        class: "",
        text: text.to_owned(),
    };
    let mut pieces = Vec::new();
    let mut rest = text;
    // A header in JSON begins with `{"`, which is `eyJ` in base64url.
    while let Some(start) = rest.find("eyJ") {
        let (before, from) = rest.split_at(start);
        let is_of_token = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
        let end = from.find(|letter| !is_of_token(letter)).unwrap_or(from.len());
        let (token, after) = from.split_at(end);
        pieces.push(plain(before));
        let parts: Vec<_> = token.split('.').collect();
        match parts.as_slice() {
            [header, claims, signature] => {
                for (class, text) in [("header", header), ("claims", claims), ("signature", signature)] {
                    if class != "header" {
                        pieces.push(plain("."));
                    }
                    pieces.push(Piece {
                        class,
                        text: (*text).to_owned(),
                    });
                }
            }
            _ => pieces.push(plain(token)),
        }
        rest = after;
    }
    pieces.push(plain(rest));
    pieces.retain(|piece| !piece.text.is_empty());
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_parsed_and_each_attribute_has_a_purpose() {
        let header = "__Host-rescind_access=abc; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=60";
        let cookie = Cookie::read(header).unwrap();
        assert_eq!(cookie.name, "__Host-rescind_access");
        assert_eq!(cookie.attributes.len(), 6);
        assert!(cookie.attributes.iter().all(|(_, purpose)| !purpose.is_empty()));
        assert!(!cookie.is_dropped());
        assert!(Cookie::read("a=; Max-Age=0").unwrap().is_dropped());
    }
}
