//! Requests and replies as they are on the wire, so that a page can show them and explain each attribute of each cookie.
//!
//! They hold tokens in plain text. Those are tokens of a sandbox: they open nothing but the sandbox that they came from.

use std::borrow::Cow;

use actix_web::{
    cookie::Cookie,
    http::{Method, StatusCode},
};
use serde::Deserialize;

/// Where the sandbox's server is said to be. There is nobody at that address (RFC 2606, section 3).
pub const ORIGIN: &str = "https://sandbox.example";

pub(crate) const ACCESS_COOKIE: &str = "__Host-rescind_access";
pub(crate) const REFRESH_COOKIE: &str = "__Host-rescind_refresh";

/// What the form at `/login` sends.
#[derive(Deserialize)]
pub(crate) struct NameAndPassword {
    pub(crate) username: String,
    pub(crate) password: String,
}

/// A request.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path, without a query.
    pub path: Cow<'static, str>,
    /// Name and value, as a browser would write them.
    pub headers: Vec<(&'static str, String)>,
    /// The body, if there is one.
    pub body: Option<String>,
    /// Whether it carries an access token, readable or not.
    pub carries_token: bool,
}

/// A reply.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The code of the problem that it tells of, if it does (RFC 9457).
    pub code: Option<String>,
    /// Name and value, in the order in which they came; names as they are usually written.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Request {
    /// A request without headers and without a body.
    #[must_use]
    pub fn new(method: Method, path: impl Into<Cow<'static, str>>, carries_token: bool) -> Self {
        Self {
            method,
            path: path.into(),
            headers: Vec::new(),
            body: None,
            carries_token,
        }
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        let value = value.into();
        self.carries_token |= match name {
            "Authorization" => true,
            "Cookie" => value.contains(ACCESS_COOKIE),
            _ => false,
        };
        self.headers.push((name, value));
        self
    }

    pub(crate) fn with_body(mut self, content_type: &'static str, body: String) -> Self {
        self.headers.push(("Content-Type", content_type.to_owned()));
        self.body = Some(body);
        self
    }

    /// About how much memory it takes beside itself.
    pub(crate) fn bytes(&self) -> usize {
        let headers = self.headers.iter().map(|header| size_of_val(header) + header.1.len());
        headers.sum::<usize>() + self.body.as_ref().map_or(0, String::len)
    }
}

impl Reply {
    /// A reply without a body, and without headers but where it sends the browser.
    #[must_use]
    pub fn new(status: StatusCode, code: Option<&str>, location: Option<&str>) -> Self {
        let location = location.map(|to| ("Location".to_owned(), to.to_owned()));
        Self {
            status,
            code: code.map(str::to_owned),
            headers: location.into_iter().collect(),
            body: String::new(),
        }
    }

    /// About how much memory it takes beside itself.
    pub(crate) fn bytes(&self) -> usize {
        let headers = self.headers.iter();
        let headers = headers.map(|header| size_of_val(header) + header.0.len() + header.1.len());
        headers.sum::<usize>() + self.body.len()
    }

    /// The first header of that name, written in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The path that a redirect leads to.
    #[must_use]
    pub fn leads_to(&self) -> Option<&str> {
        self.header("location")?.split('?').next()
    }

    /// A member of the body, where the body is a JSON object and the member a string.
    #[must_use]
    pub fn json_member(&self, name: &str) -> Option<String> {
        let body: serde_json::Value = serde_json::from_str(&self.body).ok()?;
        Some(body.get(name)?.as_str()?.to_owned())
    }

    /// Every cookie that it sets or drops, as it stands in its header.
    pub fn set_cookies(&self) -> impl Iterator<Item = &str> {
        self.headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"))
            .map(|(_, value)| value.as_str())
    }

    /// The same, taken apart. One that cannot be read is left out, as a browser would.
    pub fn explained_cookies(&self) -> impl Iterator<Item = ExplainedCookie> {
        self.set_cookies().filter_map(ExplainedCookie::read)
    }
}

/// A cookie as it is set, attribute by attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedCookie {
    /// Its name.
    pub name: String,
    /// What is in it; empty where it is dropped.
    pub value: String,
    /// Each attribute with what it is there for.
    pub attributes: Vec<Attribute>,
}

/// One attribute of a cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// As it is written.
    pub text: String,
    /// What it is there for. One sentence, or two.
    pub purpose: &'static str,
}

impl ExplainedCookie {
    /// Whether the browser is told to forget it.
    #[must_use]
    pub fn is_dropped(&self) -> bool {
        self.attributes.iter().any(|attribute| attribute.text == "Max-Age=0")
    }

    fn read(header: &str) -> Option<Self> {
        let cookie = Cookie::parse(header).ok()?;
        let mut attributes: Vec<_> = header
            .split(';')
            .skip(1)
            .map(|attribute| attribute.trim())
            .map(|text| Attribute {
                text: text.to_owned(),
                purpose: purpose(text),
            })
            .collect();
        if cookie.name().starts_with("__Host-") {
            attributes.insert(
                0,
                Attribute {
                    text: "__Host- (in its name)".to_owned(),
                    purpose: "A browser takes a cookie of this prefix only from this very host, over https, and for the \
                              whole site, so that no neighbouring subdomain can plant one (RFC 6265bis, section 4.1.3.2).",
                },
            );
        }
        Some(Self {
            name: cookie.name().to_owned(),
            value: cookie.value().to_owned(),
            attributes,
        })
    }
}

fn purpose(attribute: &str) -> &'static str {
    let name = attribute.split('=').next().unwrap_or_default().to_ascii_lowercase();
    match (name.as_str(), attribute) {
        ("httponly", _) => "No script can read it. A script on the page can still send requests with it.",
        ("secure", _) => "It is never sent over plain http, where anybody on the way could copy it.",
        ("samesite", "SameSite=Lax") => {
            "Another site's page cannot have it sent along with a form or a script, only by a link to this one."
        }
        ("samesite", _) => "Whether it is sent along with requests that another site's page begins.",
        ("path", _) => "It goes with requests to every path of this host.",
        ("max-age", "Max-Age=0") => "Forget it now: this is how a reply deletes a cookie.",
        ("max-age", _) => "For how many seconds the browser keeps it. The server does not rely on it.",
        ("expires", _) => "Until when the browser keeps it; where there is a Max-Age, that one counts.",
        ("domain", _) => "To which hosts it is sent.",
        _ => "Not one of the usual attributes.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_taken_apart_and_every_attribute_of_ours_has_its_purpose() {
        let header = "__Host-rescind_access=abc; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=60";
        let cookie = ExplainedCookie::read(header).unwrap();
        assert_eq!(
            (cookie.name.as_str(), cookie.value.as_str()),
            ("__Host-rescind_access", "abc")
        );
        assert_eq!(cookie.attributes.len(), 6);
        assert!(cookie.attributes.iter().all(|a| !a.purpose.starts_with("Not one")));
        assert!(!cookie.is_dropped());
        assert!(ExplainedCookie::read("a=; Max-Age=0").unwrap().is_dropped());
    }
}
