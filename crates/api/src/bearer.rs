//! The bearer token of a request.

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderMap, HeaderValue},
};
use rescind_session::token::AccessToken;

use crate::problem::Problem;

/// The bearer token of a request (RFC 6750, section 2.1), not verified: for a handler whose rules differ from those of
/// [`Authenticated`](crate::Authenticated).
///
/// # Errors
/// [`Problem::AuthorizationUnreadable`] unless there is at most one `Authorization` header that starts with `Bearer`, and
/// one token in it.
pub fn bearer_token(request: &HttpRequest) -> Result<Option<AccessToken>, Problem> {
    bearer(request.headers())
}

pub(crate) fn bearer(headers: &HeaderMap) -> Result<Option<AccessToken>, Problem> {
    let found = bearer_header(headers)?;
    Ok(found.map(|(_, token)| token.to_owned().into()))
}

/// The bearer token of a request, with its header.
pub(crate) fn bearer_header(headers: &HeaderMap) -> Result<Option<(&HeaderValue, &str)>, Problem> {
    let values = headers.get_all(header::AUTHORIZATION);
    let mut found = values.filter_map(|value| bearer_in(value).map(|token| (value, token)));
    match (found.next(), found.next()) {
        (None, _) => Ok(None),
        (Some((value, Some(token))), None) => Ok(Some((value, token))),
        _ => Err(Problem::AuthorizationUnreadable),
    }
}

/// The token of each `Authorization` header that starts with `Bearer`, in any case and with any separator; `None` for
/// one that cannot be read. Headers of other schemes are skipped, whether they can be read or not.
pub(crate) fn bearers(headers: &HeaderMap) -> impl Iterator<Item = Option<&str>> {
    headers.get_all(header::AUTHORIZATION).filter_map(bearer_in)
}

pub(crate) fn bearer_in(value: &HeaderValue) -> Option<Option<&str>> {
    const SCHEME: &[u8] = b"Bearer";
    let (scheme, rest) = value.as_bytes().trim_ascii_start().split_at_checked(SCHEME.len())?;
    let token = || {
        let token = rest.strip_prefix(b" ")?.trim_ascii();
        // Without a way out the loop takes many bytes at a time.
        let readable = |byte: &u8| byte.is_ascii_graphic() & (*byte != b',');
        let is_readable = token.iter().fold(!token.is_empty(), |all, byte| all & readable(byte));
        str::from_utf8(token).ok().filter(|_| is_readable)
    };
    scheme.eq_ignore_ascii_case(SCHEME).then(token)
}
