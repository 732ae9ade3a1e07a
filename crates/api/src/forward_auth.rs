//! Forward authentication: a proxy asks here, before each request, whether it may pass it on to a service that knows
//! nothing of tokens. `docs/forward-auth.md` has the replies, the headers, and the rule for writes of other origins.
//!
//! **The headers of a 200** are percent-encoded and never left out: a proxy copies them over those of the client, and a
//! missing one would leave the client's in place.
//!
//! **Refused credentials are 401**, the unreadable ones too, which are 400 elsewhere: nginx takes every other status for a
//! failure of this service.

use actix_web::{
    FromRequest, HttpRequest, HttpResponse, ResponseError,
    http::{
        Method, StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{authenticated::OwnUser, browser, client_address, origin, problem::Problem, rescind::Rescind};

const METHODS: [HeaderName; 2] = [
    HeaderName::from_static("x-original-method"),
    HeaderName::from_static("x-forwarded-method"),
];
const ADDRESSES: [HeaderName; 2] = [
    HeaderName::from_static("x-original-uri"),
    HeaderName::from_static("x-forwarded-uri"),
];

/// `+` is encoded, which some decoders take for a space.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':')
    .remove(b'@');

/// For nginx `auth_request`, Traefik ForwardAuth and Caddy `forward_auth`, which ask with GET: whether the user of the
/// proxied request is logged in. Its method is in `X-Original-Method` or `X-Forwarded-Method`.
///
/// A 401 has the header `X-Auth-Refresh`: where a proxy may redirect a browser that asked for a page. It returns to the
/// address in `X-Original-URI` or `X-Forwarded-Uri`, or to `/`.
///
/// # Errors
/// [`Problem`]: 401, 403 or 503.
pub async fn forward_auth(request: HttpRequest, rescind: Rescind) -> HttpResponse {
    let told = from_proxy(&request, &rescind, &METHODS);
    // If there are several, perhaps one of them is the client's: all have to be harmless.
    let is_read = !told.is_empty() && told.iter().all(|method| is_safe(method));
    check(&request, &rescind, if is_read { &Method::GET } else { &Method::POST }).await
}

/// For Envoy's HTTP `ext_authz`, which asks with the method of the proxied request, at its path below a prefix.
/// Otherwise the same as [`forward_auth`].
///
/// Mount it at [`Settings::forward_auth_path`](crate::Settings::forward_auth_path), below [`Rescind::guard`]: elsewhere, or
/// below [`Rescind::cors`] alone, a preflight of an allowed origin gets a 200 without the headers.
///
/// # Errors
/// [`Problem`]: 401, 403 or 503.
pub async fn forward_auth_same_method(request: HttpRequest, rescind: Rescind) -> HttpResponse {
    check(&request, &rescind, request.method()).await
}

async fn check(request: &HttpRequest, rescind: &Rescind, method: &Method) -> HttpResponse {
    match accept(request, rescind, method).await {
        Ok(accepted) => accepted,
        Err(problem) if problem.status_code() == StatusCode::BAD_REQUEST => {
            refuse(request, rescind, &Problem::TokenInvalid)
        }
        Err(problem) => refuse(request, rescind, &problem),
    }
}

async fn accept(request: &HttpRequest, rescind: &Rescind, method: &Method) -> Result<HttpResponse, Problem> {
    origin::check(method, request.headers(), rescind.origin(), rescind.allowed_origins())?;
    let OwnUser(caller) = OwnUser::extract(request).await?;
    let expires = caller.claims().expires_at.to_string();
    let mut reply = HttpResponse::Ok();
    reply.insert_header((header::CACHE_CONTROL, "no-store"));
    for (name, value) in [
        ("x-auth-user", caller.user_id().to_string()),
        ("x-auth-session", caller.session_id().to_string()),
        ("x-auth-expires", expires),
    ] {
        reply.insert_header((name, encoded(&value)));
    }
    Ok(reply.finish())
}

fn refuse(request: &HttpRequest, rescind: &Rescind, problem: &Problem) -> HttpResponse {
    let mut reply = problem.error_response();
    if reply.status() == StatusCode::UNAUTHORIZED {
        let asked = from_proxy(request, rescind, &ADDRESSES);
        let next = asked.first().and_then(|asked| asked.to_str().ok());
        let next = next.and_then(browser::local_path).unwrap_or_else(|| "/".to_owned());
        let refresh = browser::with_next(&rescind.settings().refresh_path, &next);
        if let Ok(refresh) = HeaderValue::from_str(&refresh) {
            reply
                .headers_mut()
                .insert(HeaderName::from_static("x-auth-refresh"), refresh);
        }
    }
    reply
}

/// The values of these headers, if a trusted proxy sent the request.
fn from_proxy<'a>(request: &'a HttpRequest, rescind: &Rescind, names: &[HeaderName]) -> Vec<&'a HeaderValue> {
    if !client_address::is_from_proxy(request, &rescind.settings().trusted_proxies) {
        return Vec::new();
    }
    let values = names.iter().flat_map(|name| request.headers().get_all(name));
    values.collect()
}

fn is_safe(method: &HeaderValue) -> bool {
    Method::from_bytes(method.as_bytes()).is_ok_and(|method| method.is_safe())
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}
