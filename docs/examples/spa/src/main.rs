//! A single-page application on another origin than its API: `page/app.js` keeps no token, the browser keeps cookies that no
//! script can read.
//!
//! Both origins have to belong to one site (`app.example.com` and `api.example.com`; here two ports of one host): browsers
//! send our cookies, which are `SameSite=Lax`, to no other site. A page elsewhere uses bearer tokens.

use std::{io, net::TcpListener, process::ExitCode};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY},
    web,
};
use rescind_server::{
    Failure, Node, Settings,
    api::{Part, Problem, Rescind, Routes, browser},
};
use rescind_session::Password;
use serde::Deserialize;

#[derive(Deserialize)]
struct NameAndPassword {
    username: String,
    password: String,
}

/// A login whose tokens go into cookies. `POST /api/login` would give them to the script.
async fn log_in(
    request: HttpRequest,
    rescind: Rescind,
    body: web::Json<NameAndPassword>,
) -> Result<HttpResponse, Problem> {
    let password = Password::new(body.password.as_str());
    browser::log_in(&request, &rescind, &body.username, &password).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The page's own server, which knows nothing of logins. It may call the API, and no other address.
fn page(listener: TcpListener, api: &str) -> io::Result<actix_web::dev::Server> {
    let policy = format!("default-src 'self'; connect-src {api}; frame-ancestors 'none'");
    let config = format!("const API = \"{api}\";");
    let app = move || {
        let file = |kind: &'static str, text: String| {
            let policy = policy.clone();
            web::get().to(move || {
                let mut reply = HttpResponse::Ok();
                reply.content_type(kind);
                reply.insert_header((CONTENT_SECURITY_POLICY, policy.clone()));
                let reply = reply.insert_header((CACHE_CONTROL, "no-cache")).body(text.clone());
                async { reply }
            })
        };
        let index = include_str!("../page/index.html").to_owned();
        let script = include_str!("../page/app.js").to_owned();
        App::new()
            .route("/", file("text/html; charset=utf-8", index))
            .route("/app.js", file("text/javascript", script))
            .route("/config.js", file("text/javascript", config.clone()))
    };
    Ok(HttpServer::new(app)
        .workers(1)
        .disable_signals()
        .listen(listener)?
        .run())
}

async fn serve(settings: Settings) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::other("the page cannot be served", error);
    let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
    let origin = format!("http://{}", listener.local_addr().map_err(failed)?);
    let allowed = origin
        .parse()
        .map_err(|error| Failure::other("the page has no address", error))?;
    let node = Node::builder(settings)
        .configure_http(|http| http.allowed_origins([allowed]))
        .start()
        .await?;
    let rescind = node.rescind().clone();
    let own = rescind.settings().public_url.origin().ascii_serialization();
    let page = page(listener, &own).map_err(failed)?;
    let stop = page.handle();
    tokio::spawn(page);
    println!("The page is on {origin}");
    let routes = Routes::default().with(Part::SignUp).with(Part::Health);
    let served = node
        .serve(move || {
            App::new()
                .configure(rescind.mount(routes.clone()))
                .route("/session", web::post().to(log_in))
                .wrap(rescind.guard())
        })
        .await;
    stop.stop(false).await;
    served
}

fn main() -> ExitCode {
    rescind_server::run("spa", serve)
}
