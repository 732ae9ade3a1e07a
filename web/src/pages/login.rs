//! Logging in.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use rescind_api::{FieldError, Form, Problem, Rescind, Visitor, browser};
use rescind_session::Password;
use serde::Deserialize;

use super::{
    Site, draw, draw_again,
    ended::Ended,
    frame::{Field, Frame, Who, explained, tell},
    see_other,
};
use crate::accounts::{self, Copies, DEMO_ACCOUNTS, DEMO_PASSWORD};

#[derive(Template)]
#[template(path = "login.html")]
struct Login {
    frame: Frame,
    ended: Option<Ended>,
    error: Option<String>,
    fields: [Field; 2],
    next: Option<String>,
    demo: Option<DemoAccounts>,
}

struct DemoAccounts {
    accounts: [&'static str; 2],
    password: &'static str,
}

#[derive(Deserialize)]
pub(crate) struct Way {
    next: Option<String>,
}

/// The form's fields. No `Debug`: people type passwords here, sometimes into the wrong field.
#[derive(Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    pub(crate) username: String,
    #[serde(default)]
    pub(crate) password: String,
    pub(crate) next: Option<String>,
}

impl Login {
    fn new(request: &HttpRequest, site: &Site, who: Who, username: &str, next: Option<&str>) -> Self {
        let demo = DemoAccounts {
            accounts: DEMO_ACCOUNTS,
            password: DEMO_PASSWORD,
        };
        Self {
            frame: site.frame(request, "Log in", who),
            ended: None,
            error: None,
            fields: [Field::username(username), Field::password("current-password")],
            next: next.and_then(browser::local_path),
            demo: site.demo().is_on().then_some(demo),
        }
    }
}

/// `visitor` may be an error: this page is the way out for a browser with contradicting cookies.
pub(crate) async fn show(
    request: HttpRequest,
    visitor: Result<Visitor, Problem>,
    site: web::Data<Site>,
    rescind: Rescind,
    way: web::Query<Way>,
) -> actix_web::Result<HttpResponse> {
    let who = match &visitor {
        Ok(visitor) => site.who(&rescind, visitor).await?,
        Err(_) => Who::Nobody,
    };
    let ended = match who {
        Who::Nobody => Ended::of(&request, &rescind).await,
        Who::Somebody(_) | Who::Unknown => None,
    };
    let page = Login {
        ended,
        ..Login::new(&request, &site, who, "", way.next.as_deref())
    };
    draw(StatusCode::OK, &page)
}

pub(crate) async fn submit(
    request: HttpRequest,
    site: web::Data<Site>,
    rescind: Rescind,
    copies: Option<web::Data<Copies>>,
    Form(typed): Form<Typed>,
) -> actix_web::Result<HttpResponse> {
    let Typed {
        username,
        password,
        next,
    } = typed;
    let mut page = Login::new(&request, &site, Who::Nobody, &username, next.as_deref());
    let missing = missing([("username", username.trim()), ("password", &password)]);
    if !missing.is_empty() {
        tell(&mut page.fields, &missing);
        return draw_again(&Problem::InvalidInput(missing), &page);
    }
    // As a demo account, with the password that is shown above, a visitor gets in as their own copy of it.
    let login = match (copies, accounts::public(&username, &password)) {
        (Some(copies), Some(account)) => copies.log_in_browser(&request, &rescind, account).await?,
        _ => None,
    };
    let login = match login {
        Some(login) => Ok(login),
        None => browser::log_in(&request, &rescind, &username, &Password::new(password)).await,
    };
    match login {
        Ok(_) => Ok(see_other(page.next.as_deref().unwrap_or("/account"))),
        Err(problem @ (Problem::InvalidCredentials | Problem::RateLimited { .. } | Problem::Overloaded)) => {
            page.error = Some(explained(&problem));
            page.frame.title.insert_str(0, "Not logged in: ");
            // The name is kept, so only the password has to be typed.
            let [username, password] = &mut page.fields;
            (username.focus, password.focus) = (false, true);
            draw_again(&problem, &page)
        }
        Err(problem) => Err(problem.into()),
    }
}

/// The fields that were left empty.
pub(crate) fn missing(typed: [(&'static str, &str); 2]) -> Vec<FieldError> {
    let empty = typed.into_iter().filter(|(_, typed)| typed.is_empty());
    empty.map(|(field, _)| FieldError::new(field, "is missing")).collect()
}
