//! Security headers for every reply.
//!
//! A handler that sets one of these headers itself keeps its own.

use actix_web::{
    HttpMessage,
    body::MessageBody,
    http::header::{self, HeaderName, HeaderValue},
};

use crate::{
    layer::{Layer, Layered, Replied, Reply, middleware},
    problem::PROBLEM_JSON,
    rescind::Rescind,
};

// ANCHOR: headers
/// Nothing but what is named: no script at all, so that text which slips into a page stays text.
pub const STRICT_CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    // Not `no-referrer`: under it browsers send `Origin: null` with forms, and those that know no `Sec-Fetch-Site` could
    // then not be told from another origin.
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (
        header::CROSS_ORIGIN_OPENER_POLICY,
        HeaderValue::from_static("same-origin"),
    ),
    (
        header::CROSS_ORIGIN_RESOURCE_POLICY,
        HeaderValue::from_static("same-origin"),
    ),
    (
        header::PERMISSIONS_POLICY,
        HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=()"),
    ),
];
// ANCHOR_END: headers

/// Marks a request whose reply depends on the user, so that no cache keeps a copy: after a logout the browser's back
/// button must not show it.
pub(crate) struct Personal;

/// Marks a reply of this crate's own.
pub(crate) struct Own;

/// A year, for this host only: its subdomains may not support `https`.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// A middleware: puts security headers on each reply that lacks them, and `Cache-Control: no-store` on those that depend
/// on the user. [`Rescind::guard`] contains it.
///
/// The `Content-Security-Policy` is the [setting](crate::Settings::content_security_policy). Without it only this crate's
/// own replies have one: it would break the application's pages.
///
/// ```
/// # use actix_web::App;
/// # fn of(rescind: &rescind_api::Rescind) {
/// App::new().wrap(rescind.security_headers());
/// # }
/// ```
#[derive(Clone)]
pub struct SecurityHeaders {
    https: bool,
    policy: Option<HeaderValue>,
}

impl Rescind {
    /// The middleware [`SecurityHeaders`], for an application that does not take the whole [`guard`](Self::guard).
    pub fn security_headers(&self) -> SecurityHeaders {
        let policy = self.settings().content_security_policy.as_deref();
        SecurityHeaders {
            https: self.settings().is_https(),
            // The settings were validated.
            policy: policy.and_then(|policy| HeaderValue::from_str(policy).ok()),
        }
    }
}

impl SecurityHeaders {
    /// Adds the headers that a reply does not have yet.
    pub(crate) fn add<B>(&self, replied: &Replied<'_>, reply: &mut Reply<B>) {
        let personal = replied
            .request
            .is_none_or(|request| request.extensions().contains::<Personal>());
        let kind = reply.headers().get(header::CONTENT_TYPE);
        let is_own = kind.is_some_and(|kind| kind == PROBLEM_JSON) || reply.extensions().contains::<Own>();
        let strict = is_own.then_some(HeaderValue::from_static(STRICT_CONTENT_SECURITY_POLICY));
        let policy = self.policy.clone().or(strict);
        let more = [
            policy.map(|policy| (header::CONTENT_SECURITY_POLICY, policy)),
            self.https.then_some((header::STRICT_TRANSPORT_SECURITY, HSTS)),
            personal.then_some((header::CACHE_CONTROL, HeaderValue::from_static("no-store"))),
        ];
        let headers = reply.headers_mut();
        headers.reserve(HEADERS.len() + more.len());
        for (name, value) in HEADERS.into_iter().chain(more.into_iter().flatten()) {
            if !headers.contains_key(&name) {
                headers.insert(name, value);
            }
        }
    }
}

impl Layer for SecurityHeaders {
    fn after<B: MessageBody + 'static>(&self, replied: &Replied<'_>, mut reply: Reply<B>) -> Reply<B> {
        self.add(replied, &mut reply);
        reply
    }
}

middleware!(Layered: SecurityHeaders);
