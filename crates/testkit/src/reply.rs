//! A reply of the program, read to its end.

use std::fmt;

use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::Tokens;

/// A reply: status, headers, body. Its `Debug` redacts tokens, so that any assertion message can print it.
#[derive(Clone)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as JSON, or `Null` if it is not JSON.
    pub body: Value,
    /// The body as it was received.
    pub text: String,
}

impl Reply {
    pub(crate) async fn read(response: reqwest::Response) -> reqwest::Result<Self> {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Self {
            status,
            headers,
            body,
            text,
        })
    }

    /// A header's value, or `""` if it is absent or not text.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// All values of a header that may occur more than once, such as `Set-Cookie`.
    pub fn header_values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
    }

    /// The stable `code` of a problem (RFC 9457), or `""`.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body.get("code").and_then(Value::as_str).unwrap_or_default()
    }

    /// Returns itself, if it has this status.
    ///
    /// # Panics
    /// Otherwise, with the reply.
    #[track_caller]
    pub fn expect_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "unexpected status: {self:?}");
        self
    }

    /// Returns itself, if it is a problem document with this status and this `code`.
    ///
    /// # Panics
    /// Otherwise, with the reply.
    #[track_caller]
    pub fn expect_problem(self, status: u16, code: &str) -> Self {
        let media_type = self.header("content-type").split(';').next().unwrap_or_default().trim();
        assert_eq!(
            (self.status, self.code(), media_type),
            (status, code, "application/problem+json"),
            "unexpected answer: {self:?}"
        );
        self
    }

    /// The tokens of a successful login or refresh.
    ///
    /// # Panics
    /// If the reply is anything else, with the reply.
    #[track_caller]
    #[must_use]
    pub fn tokens(&self) -> Tokens {
        match Tokens::of(&self.body) {
            Some(tokens) if self.status == 200 => tokens,
            _ => panic!("no tokens in {self:?}"),
        }
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Reply");
        out.field("status", &self.status);
        for header in ["content-type", "location", "retry-after", "www-authenticate"] {
            if let Some(value) = self.headers.get(header) {
                out.field(header, value);
            }
        }
        if self.body.is_null() {
            // A page may show a token in full to its owner; a test log must not.
            out.field("text", &redacted_text(&self.text));
        } else {
            out.field("body", &format_args!("{}", redacted(self.body.clone())));
        }
        out.finish_non_exhaustive()
    }
}

fn redacted(mut value: Value) -> Value {
    match &mut value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                let secret = matches!(name.as_str(), "access_token" | "refresh_token");
                *member = if secret {
                    "[redacted]".into()
                } else {
                    redacted(member.take())
                };
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = redacted(item.take())),
        _ => {}
    }
    value
}

/// Hides every word that begins like Rescind's tokens: `eyJ` for a JWT, `rrt_` for a refresh token.
fn redacted_text(text: &str) -> String {
    let is_token_character = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let mut out = String::with_capacity(text.len());
    for word in text.split_inclusive(|c| !is_token_character(c)) {
        let end = word.trim_end_matches(|c| !is_token_character(c)).len();
        let (word, separator) = word.split_at(end);
        out.push_str(if word.starts_with("eyJ") || word.starts_with("rrt_") {
            "[redacted]"
        } else {
            word
        });
        out.push_str(separator);
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Reply;

    fn reply(text: &str) -> Reply {
        let body = serde_json::from_str(text).unwrap_or(Value::Null);
        Reply {
            status: 200,
            headers: Default::default(),
            body,
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_printed_reply_contains_no_token_at_any_depth() {
        let text =
            json!({"list": [{"access_token": "eyJhIjoi", "refresh_token": "rrt_abc", "expires_in": 60}]}).to_string();
        let printed = format!("{:?}", reply(&text));
        assert!(
            !printed.contains("eyJhIjoi") && !printed.contains("rrt_abc"),
            "{printed}"
        );
        assert!(printed.contains("expires_in"), "{printed}");
    }

    #[test]
    fn a_printed_page_contains_no_token() {
        let printed = format!(
            "{:?}",
            reply("<code>eyJh.eyJi.sig</code> <input value=\"rrt_abc\"> Hello")
        );
        assert!(!printed.contains("sig") && !printed.contains("abc"), "{printed}");
        assert!(printed.contains("Hello"), "{printed}");
    }

    #[test]
    fn the_test_can_still_read_the_whole_reply() {
        let reply = reply(r#"{"access_token": "eyJhIjoi", "session_id": "s", "expires_in": 60}"#);
        assert_eq!(reply.body["access_token"], "eyJhIjoi");
    }
}
