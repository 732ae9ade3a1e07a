//! Requests and replies as they went over the wire, for whoever wants to read them.
//!
//! Tokens stand in them in full. They are a sandbox's: they open nothing but the sandbox that they came from. The three parts
//! of a token differ by how they are underlined, not by colour.

use std::time::Duration;

use rescind_lab::{
    Exchange, Outcome, Step,
    meter::{Access, Store},
    raw::ExplainedCookie,
};

use super::{class, name, reply};

/// One exchange.
pub(crate) struct Wire {
    pub(crate) who: &'static str,
    pub(crate) asked: String,
    pub(crate) replied: String,
    pub(crate) outcome: Outcome,
    pub(crate) arrived: bool,
    pub(crate) request: Vec<Piece>,
    pub(crate) reply: Vec<Piece>,
    pub(crate) cookies: Vec<ExplainedCookie>,
    pub(crate) decided: &'static str,
    pub(crate) cost: Cost,
}

/// What an exchange cost.
pub(crate) struct Cost {
    pub(crate) blacklist: (usize, usize),
    pub(crate) database: (usize, usize),
    pub(crate) signatures: usize,
    pub(crate) took: String,
}

/// A piece of text, and what it is in a token, if anything.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) class: &'static str,
    pub(crate) text: String,
}

/// The stores that are a database.
pub(crate) const DATABASE: [Store; 2] = [Store::Sessions, Store::Users];

impl Wire {
    pub(crate) fn all(step: &Step) -> Vec<Self> {
        step.exchanges.iter().map(Self::of).collect()
    }

    fn of(exchange: &Exchange) -> Self {
        let request = &exchange.request;
        let mut sent = format!("{} {} HTTP/1.1\n", request.method, request.path);
        for (name, value) in &request.headers {
            sent.push_str(&format!("{name}: {value}\n"));
        }
        if let Some(body) = &request.body {
            sent.push_str(&format!("\n{body}\n"));
        }
        let mut came = String::new();
        if let Some(reply) = &exchange.reply {
            came.push_str(&format!("HTTP/1.1 {}\n", reply.status));
            for (name, value) in &reply.headers {
                came.push_str(&format!("{name}: {value}\n"));
            }
            if !reply.body.is_empty() {
                came.push_str(&format!("\n{}\n", reply.body));
            }
        }
        let cookies = exchange.reply.as_ref();
        let count = |stores: &[Store]| {
            (
                exchange.count(stores, Access::Read),
                exchange.count(stores, Access::Write),
            )
        };
        Self {
            who: name(exchange.who),
            asked: format!("{} {}", request.method, request.path),
            replied: reply(exchange),
            outcome: exchange.outcome,
            arrived: exchange.arrived,
            request: pieces(&sent),
            reply: pieces(&came),
            cookies: cookies
                .map(|reply| reply.explained_cookies().collect())
                .unwrap_or_default(),
            decided: exchange.decided.words(),
            cost: Cost {
                blacklist: count(&[Store::Blacklist]),
                database: count(&DATABASE),
                signatures: exchange.signature_checks(),
                took: took(exchange.took),
            },
        }
    }

    pub(crate) fn class(&self) -> &'static str {
        class(self.outcome)
    }
}

/// "0.4 ms"
pub(crate) fn took(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
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
    fn a_token_in_a_text_is_taken_apart_and_nothing_is_lost() {
        let text = "Cookie: a=eyJh.eyJi.sig; b=1\n\n{\"t\":\"eyJh.x\"}";
        let found = pieces(text);
        let together: String = found.iter().map(|piece| piece.text.as_str()).collect();
        assert_eq!(together, text);
        let classes: Vec<_> = found
            .iter()
            .map(|piece| piece.class)
            .filter(|c| !c.is_empty())
            .collect();
        assert_eq!(classes, ["header", "claims", "signature"]);
    }
}
