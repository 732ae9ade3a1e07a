//! Signing up, which logs in too.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use rescind_api::{Form, Rescind, browser};
use rescind_session::Password;

use super::{
    Reader, Site, draw,
    form::{Refusal, draw_again},
    frame::{Frame, Who},
    login::Typed,
    see_other,
};

#[derive(Template)]
#[template(path = "signup.html")]
struct SignUp<'a> {
    frame: Frame,
    refusal: Refusal,
    username: &'a str,
}

pub(crate) async fn show(reader: Reader) -> actix_web::Result<HttpResponse> {
    let page = SignUp {
        frame: reader.frame_for("Sign up", reader.who().await?),
        refusal: Refusal::default(),
        username: "",
    };
    draw(StatusCode::OK, &page)
}

pub(crate) async fn submit(
    request: HttpRequest,
    site: web::Data<Site>,
    rescind: Rescind,
    Form(typed): Form<Typed>,
) -> actix_web::Result<HttpResponse> {
    let Typed { username, password, .. } = typed;
    let password = Password::new(password);
    if let Err(problem) = browser::sign_up(&request, &rescind, &username, &password).await {
        return draw_again(problem, |refusal| SignUp {
            frame: site.frame(&request, "Not signed up: Sign up", Who::Nobody),
            refusal,
            username: &username,
        });
    }
    // The account exists: sending this form again would report that the name is taken.
    Ok(match browser::log_in(&request, &rescind, &username, &password).await {
        Ok(_) => see_other("/account"),
        Err(problem) => {
            tracing::info!(code = problem.code(), "a new account could not be logged in yet");
            see_other("/login?next=/account")
        }
    })
}
