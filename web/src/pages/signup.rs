//! Signing up, which logs in too.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use rescind_api::{FieldError, Form, Problem, Rescind, Visitor, browser};
use rescind_session::Password;

use super::{
    Site, draw, draw_again,
    frame::{Field, Frame, Who, explained, tell},
    login::Typed,
    see_other,
};

#[derive(Template)]
#[template(path = "signup.html")]
struct SignUp {
    frame: Frame,
    error: Option<String>,
    fields: [Field; 2],
}

impl SignUp {
    fn new(request: &HttpRequest, site: &Site, who: Who, username: &str) -> Self {
        let name = Field {
            hint: Some("Letters, digits and . _ - + @"),
            ..Field::username(username)
        };
        let password = Field {
            hint: Some("At least 15 characters."),
            ..Field::password("new-password")
        };
        Self {
            frame: site.frame(request, "Sign up", who),
            error: None,
            fields: [name, password],
        }
    }
}

pub(crate) async fn show(
    request: HttpRequest,
    visitor: Result<Visitor, Problem>,
    site: web::Data<Site>,
    rescind: Rescind,
) -> actix_web::Result<HttpResponse> {
    let who = match &visitor {
        Ok(visitor) => site.who(&rescind, visitor).await?,
        Err(_) => Who::Nobody,
    };
    draw(StatusCode::OK, &SignUp::new(&request, &site, who, ""))
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
        return refused(&request, &site, &username, problem);
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

fn refused(request: &HttpRequest, site: &Site, username: &str, problem: Problem) -> actix_web::Result<HttpResponse> {
    let mut page = SignUp::new(request, site, Who::Nobody, username);
    page.frame.title.insert_str(0, "Not signed up: ");
    match &problem {
        Problem::InvalidInput(errors) => tell(&mut page.fields, errors),
        Problem::UsernameTaken => {
            let taken = FieldError::new("username", "is taken; choose another");
            tell(&mut page.fields, &[taken]);
        }
        Problem::RateLimited { .. } | Problem::Overloaded => page.error = Some(explained(&problem)),
        _ => return Err(problem.into()),
    }
    draw_again(&problem, &page)
}
