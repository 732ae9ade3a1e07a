//! Security headers for every reply.
//!
//! A handler that sets one of these headers itself keeps its own.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

// ANCHOR: headers
const HEADERS: [(HeaderName, HeaderValue); 7] = [
    // Nothing but what is named: no script at all, so that text which slips into a page stays text.
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
    ),
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

/// A year, for this host only: its subdomains may not support `https`.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Adds the headers that a reply does not have yet.
pub(crate) fn add(headers: &mut HeaderMap, https: bool) {
    let hsts = https.then_some((header::STRICT_TRANSPORT_SECURITY, HSTS));
    for (name, value) in HEADERS.into_iter().chain(hsts) {
        if !headers.contains_key(&name) {
            headers.insert(name, value);
        }
    }
}
