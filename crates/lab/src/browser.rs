//! The browser: its cookies, and the headers that it adds itself.

use std::{borrow::Cow, time::Duration};

use actix_web::{cookie::Cookie, http::Method};

use crate::raw::{ORIGIN, Reply, Request};

/// A stored cookie.
#[derive(Clone, PartialEq, Eq)]
pub struct KeptCookie {
    pub name: String,
    /// Its value: not secret in a sandbox.
    pub value: String,
    /// Its expiry, counted from the sandbox's start; `None` for a cookie without one.
    pub until: Option<Duration>,
}

/// A cookie jar for one host. It counts lifetimes by elapsed time, not by a wall clock.
#[derive(Default)]
pub(crate) struct Browser {
    cookies: Vec<KeptCookie>,
}

impl Browser {
    /// The unexpired cookies.
    pub(crate) fn cookies(&self, now: Duration) -> impl Iterator<Item = &KeptCookie> {
        self.cookies
            .iter()
            .filter(move |cookie| cookie.until.is_none_or(|until| now < until))
    }

    pub(crate) fn value(&self, name: &str, now: Duration) -> Option<&str> {
        self.cookies(now)
            .find(|cookie| cookie.name == name)
            .map(|cookie| cookie.value.as_str())
    }

    /// Stores the cookies of a reply.
    pub(crate) fn take(&mut self, reply: &Reply, now: Duration) {
        for header in reply.set_cookies() {
            let Ok(cookie) = Cookie::parse(header) else { continue };
            self.cookies.retain(|kept| kept.name != cookie.name());
            let life = cookie
                .max_age()
                .map(|life| Duration::from_secs(life.whole_seconds().max(0).unsigned_abs()));
            if life != Some(Duration::ZERO) {
                self.cookies.push(KeptCookie {
                    name: cookie.name().to_owned(),
                    value: cookie.value().to_owned(),
                    until: life.map(|life| now.saturating_add(life)),
                });
            }
        }
    }

    /// The headers of a request from this site's page.
    pub(crate) fn request(&self, method: Method, path: &'static str, now: Duration) -> Request {
        let is_write = method != Method::GET;
        let mut request = Request::new(method, path, false).with_header("Host", host());
        if is_write {
            request = request
                .with_header("Origin", ORIGIN)
                .with_header("Sec-Fetch-Site", "same-origin");
        }
        let cookies: Vec<_> = self
            .cookies(now)
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        if !cookies.is_empty() {
            request = request.with_header("Cookie", cookies.join("; "));
        }
        request
    }
}

/// The headers of a program without a browser: the thief's.
pub(crate) fn plain_request(method: Method, path: impl Into<Cow<'static, str>>) -> Request {
    Request::new(method, path, false).with_header("Host", host())
}

fn host() -> &'static str {
    ORIGIN.trim_start_matches("https://")
}
