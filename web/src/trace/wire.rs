//! Requests and replies as sent.
//!
//! Tokens are shown in full. They are a sandbox's, and useless outside of it. The three parts of a token differ by their
//! underline, not by colour.

use rescind_lab::raw::ExplainedCookie;

use super::{
    Shown,
    cost::{BLACKLIST, Count, DATABASE},
    milliseconds,
};

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

    pub(crate) fn cookies(&self) -> Vec<ExplainedCookie> {
        let reply = self.reply.iter();
        reply.flat_map(|reply| reply.explained_cookies()).collect()
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
