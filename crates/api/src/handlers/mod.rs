//! The JSON calls. [`Routes`](crate::Routes) mounts them under a prefix, or mount them one by one:
//! `App::route("/signin", web::post().to(handlers::log_in))`.
//!
//! | call | body | answer |
//! | --- | --- | --- |
//! | [`log_in`]: `POST /login` | `{username, password}`, perhaps a `refresh_token` of the account, by which the device is known; perhaps the authentication of an [OAuth client](crate::oauth) | 200 tokens |
//! | [`refresh`]: `POST /refresh` | `{refresh_token}`, or none and the cookies | 200 tokens |
//! | [`log_out`]: `POST /logout` | `{refresh_token}` or none; a bearer token, or else the cookies | 204 |
//! | [`log_out_everywhere`]: `POST /logout-everywhere` | none | 204 |
//! | [`reauthenticate`]: `POST /reauthenticate` | `{password}` | 200 tokens with a new `auth_time` |
//! | [`me`]: `GET /me` | | 200 `{user_id, username, session_id, token_id, issued_at, expires_at}` |
//! | [`sessions`]: `GET /sessions` | `?limit=` 1 to 100, or 50; `?after=` a session's id | 200, a list; `Link: rel="next"` if there are more |
//! | [`end_session`]: `DELETE /sessions/{id}` | | 204; 401 for another device after a login older than [`FRESH_FOR`] |
//! | [`sign_up`]: `POST /users` | `{username, password}` | 201 `{user_id, username}` |
//! | [`forward_auth`]: `GET /auth/check` | | 200 with `X-Auth-User`, `X-Auth-Session` and `X-Auth-Expires` |
//! | [`status_list`]: `GET /oauth/status/{n}` | | 200 `application/statuslist+jwt` |
//! | [`live`], [`ready`]: `GET /health/live`, `GET /health/ready` | | 200 |
//!
//! The caller is identified by a bearer token or by the cookies. A login here never sets cookies: its tokens are in the
//! reply, for a program to keep. A caller that sent cookies gets cookies, and no token in a body, since a script that
//! could read it could leak it.
//!
//! They need the application's [`Rescind`](crate::Rescind) and nothing else of it: its `JsonConfig` and other limits do
//! not reach them. No reply of them may be cached.

pub(crate) mod accounts;
pub(crate) mod sessions;
mod status_list;
pub(crate) mod tokens;

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::{StatusCode, header},
};

pub use accounts::{Me, me, sign_up};
pub use sessions::{FRESH_FOR, end_session, log_out_everywhere, sessions};
pub use status_list::status_list;
pub use tokens::{log_in, log_out, reauthenticate, refresh, tokens};

pub use crate::forward_auth::{forward_auth, forward_auth_same_method};
pub use crate::health::{live, ready};
use crate::security_headers::Own;

/// A reply of this crate.
pub(crate) fn reply(status: StatusCode) -> HttpResponseBuilder {
    let mut reply = HttpResponse::build(status);
    reply.insert_header((header::CACHE_CONTROL, "no-store"));
    reply.extensions_mut().insert(Own);
    reply
}
