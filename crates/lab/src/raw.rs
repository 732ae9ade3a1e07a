//! Requests and replies as on the wire, for pages that show them.
//!
//! They hold tokens in plain text. These are valid only in their own sandbox.

use std::borrow::Cow;

use actix_web::http::{Method, StatusCode};
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
}
