//! The JSON calls, under `/api`.
//!
//! | call | body | answer |
//! | --- | --- | --- |
//! | `POST /api/users` | `{username, password}` | 201 `{user_id, username}` |
//! | `POST /api/login` | `{username, password}`, perhaps a `refresh_token` of the account, by which the device is known | 200 tokens |
//! | `POST /api/refresh` | `{refresh_token}`, or none and the cookies | 200 tokens |
//! | `POST /api/logout` | `{refresh_token}` or none; a bearer token, or else the cookies | 204 |
//! | `POST /api/logout-everywhere` | none | 204 |
//! | `GET /api/me` | | 200 `{user_id, username, session_id, token_id, issued_at, expires_at}` |
//! | `GET /api/sessions` | `?limit=` 1 to 100, or 50; `?after=` a session's id | 200, a list; `Link: rel="next"` if there are more |
//! | `DELETE /api/sessions/{id}` | | 204 |
//!
//! The caller is identified by a bearer token or by the cookies. A login here never sets cookies: its tokens are in the
//! reply, for a program to keep. A caller that sent cookies gets cookies, and no token in a body, since a script that
//! could read it could leak it.

mod accounts;
mod sessions;
mod tokens;

use actix_web::{
    HttpResponse,
    http::header,
    middleware::DefaultHeaders,
    web::{self, PayloadConfig, resource},
};

pub use accounts::{Me, me};

use crate::{body, problem::Problem};

pub(crate) fn configure(cfg: &mut web::ServiceConfig) {
    let calls = web::scope("/api")
        .app_data(PayloadConfig::new(body::LONGEST))
        .service(resource("/users").route(web::post().to(accounts::sign_up)))
        .service(resource("/login").route(web::post().to(tokens::log_in)))
        .service(resource("/refresh").route(web::post().to(tokens::refresh)))
        .service(resource("/logout").route(web::post().to(tokens::log_out)))
        .service(resource("/logout-everywhere").route(web::post().to(sessions::log_out_everywhere)))
        .service(
            resource("/me")
                .route(web::get().to(accounts::show_me))
                .route(web::head().to(accounts::show_me)),
        )
        .service(
            resource("/sessions")
                .route(web::get().to(sessions::list))
                .route(web::head().to(sessions::list)),
        )
        .service(resource("/sessions/{id}").route(web::delete().to(sessions::end)))
        .default_service(web::to(nothing_here))
        .wrap(DefaultHeaders::new().add((header::CACHE_CONTROL, "no-store")));
    cfg.service(calls);
}

async fn nothing_here() -> Result<HttpResponse, Problem> {
    Err(Problem::NotFound)
}
