//! Plain server-side sessions: actix-session with Redis, as its documentation sets it up. `sessions PORT REDIS_URL`.

use std::{env, error::Error};

use actix_session::{Session, SessionExt, SessionMiddleware, storage::RedisSessionStore};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, Responder, cookie::Key, error::ErrorUnauthorized, web};
use rescind_bench::Me;
use serde::Deserialize;

#[derive(Deserialize)]
struct Login {
    user_id: String,
    session_id: String,
}

async fn log_in(session: Session, login: web::Json<Login>) -> actix_web::Result<impl Responder> {
    session.insert("user_id", &login.user_id)?;
    session.insert("session_id", &login.session_id)?;
    Ok(HttpResponse::NoContent())
}

async fn me(request: HttpRequest) -> actix_web::Result<impl Responder> {
    let session = request.get_session();
    let entry = |name| {
        session
            .get::<String>(name)?
            .ok_or_else(|| ErrorUnauthorized("log in first"))
    };
    let (user_id, session_id) = (entry("user_id")?, entry("session_id")?);
    Ok(HttpResponse::Ok().json(Me {
        user_id: &user_id,
        session_id: &session_id,
    }))
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let address = format!("127.0.0.1:{}", arguments.next().ok_or("the port is missing")?);
    let store = RedisSessionStore::new(arguments.next().ok_or("the URL of Redis is missing")?).await?;
    let key = Key::generate();
    let app = move || {
        App::new()
            .wrap(SessionMiddleware::new(store.clone(), key.clone()))
            .route("/login", web::post().to(log_in))
            .route("/me", web::get().to(me))
    };
    Ok(HttpServer::new(app).bind(address)?.run().await?)
}
