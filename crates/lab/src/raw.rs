//! Requests and replies as on the wire, for pages that show them and explain each attribute of each cookie.
//!
//! They hold tokens in plain text. These are valid only in their own sandbox.

use std::borrow::Cow;

use actix_web::{
    cookie::Cookie,
    http::{Method, StatusCode},
};
use serde::Deserialize;

/// The address of the sandbox's server. It does not exist (RFC 2606, section 3).
pub const ORIGIN: &str = "https://sandbox.example";

pub(crate) const ACCESS_COOKIE: &str = "__Host-rescind_access";
pub(crate) const REFRESH_COOKIE: &str = "__Host-rescind_refresh";

/// The fields of the form at `/login`.
#[derive(Deserialize)]
pub(crate) struct NameAndPassword {
    pub(crate) username: String,
    pub(crate) password: String,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    pub method: Method,
    /// The path, without a query.
    pub path: Cow<'static, str>,
    /// Name and value, as a browser would write them.
    pub headers: Vec<(&'static str, String)>,
    /// The body, if there is one.
    pub body: Option<String>,
    /// Whether it has an access token, readable or not.
    pub carries_token: bool,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: StatusCode,
    /// The code of its problem document, if it is one (RFC 9457).
    pub code: Option<String>,
    /// Names and values, in order; names in their usual case.
    pub headers: Vec<(String, String)>,
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

    /// The size of its cookies.
    #[must_use]
    pub fn cookie_bytes(&self) -> usize {
        let cookies = self
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("cookie"));
        cookies.map(|(_, value)| value.len()).sum()
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

    /// Its approximate heap size.
    pub(crate) fn bytes(&self) -> usize {
        let headers = self.headers.iter().map(|header| size_of_val(header) + header.1.len());
        headers.sum::<usize>() + self.body.as_ref().map_or(0, String::len)
    }
}

impl Reply {
    /// A reply without a body and with at most the header `Location`.
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

    /// Its approximate heap size.
    pub(crate) fn bytes(&self) -> usize {
        let headers = self.headers.iter();
        let headers = headers.map(|header| size_of_val(header) + header.0.len() + header.1.len());
        headers.sum::<usize>() + self.body.len()
    }

    /// The first header with that name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The path of a redirect.
    #[must_use]
    pub fn leads_to(&self) -> Option<&str> {
        self.header("location")?.split('?').next()
    }

    /// A string member of a JSON body.
    #[must_use]
    pub fn json_member(&self, name: &str) -> Option<String> {
        let body: serde_json::Value = serde_json::from_str(&self.body).ok()?;
        Some(body.get(name)?.as_str()?.to_owned())
    }

    /// Every cookie that it sets or deletes, as in its header.
    pub fn set_cookies(&self) -> impl Iterator<Item = &str> {
        self.headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"))
            .map(|(_, value)| value.as_str())
    }

    /// The same, parsed. An unreadable one is skipped, as in a browser.
    pub fn explained_cookies(&self) -> impl Iterator<Item = ExplainedCookie> {
        self.set_cookies().filter_map(ExplainedCookie::read)
    }
}

/// A parsed `Set-Cookie` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedCookie {
    pub name: String,
    /// Its value; empty if the cookie is deleted.
    pub value: String,
    /// Each attribute with its purpose.
    pub attributes: Vec<Attribute>,
}

/// One attribute of a cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// As it is written.
    pub text: String,
    /// Its purpose, in one or two sentences.
    pub purpose: &'static str,
}

impl ExplainedCookie {
    /// Whether it deletes the cookie.
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
    fn a_cookie_is_parsed_and_each_attribute_has_a_purpose() {
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
