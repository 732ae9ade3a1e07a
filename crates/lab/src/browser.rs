//! The browser: the cookies it keeps, and the headers that it adds by itself.

use std::time::Duration;

use actix_web::{cookie::Cookie, http::Method};

use crate::raw::{ORIGIN, Reply, Request};

/// A cookie that the browser keeps.
#[derive(Clone, PartialEq, Eq)]
pub struct KeptCookie {
    /// Its name.
    pub name: String,
    /// Its value: in a sandbox, no secret.
    pub value: String,
    /// Until when, counted from the sandbox's start; without an end where the browser was told none.
    pub until: Option<Duration>,
}

/// A cookie jar for one host. It keeps what it is told as long as it is told, by time that passes and not by anybody's wall
/// clock.
#[derive(Default)]
pub(crate) struct Browser {
    cookies: Vec<KeptCookie>,
}

impl Browser {
    /// What it keeps at a time.
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

    /// Takes the cookies of a reply.
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

    /// What a page of this site sends.
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

/// What a program without a browser sends: the thief's.
pub(crate) fn plain_request(method: Method, path: &'static str) -> Request {
    Request::new(method, path, false).with_header("Host", host())
}

fn host() -> &'static str {
    ORIGIN.trim_start_matches("https://")
}
