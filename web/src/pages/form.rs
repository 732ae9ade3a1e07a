//! Forms that come back because their sender can do something about the problem.

use actix_web::{HttpResponse, ResponseError, http::header};
use askama::Template;
use rescind_api::{FieldError, Problem};

use super::{draw, times};

/// Why a form comes back: for `form.html`.
#[derive(Default)]
pub(crate) struct Refusal {
    /// Above the form.
    pub(crate) error: Option<String>,
    /// Beside its fields; the first of them gets the cursor.
    pub(crate) fields: Vec<FieldError>,
}

impl Refusal {
    /// `None`, if the sender of the form cannot do anything about it.
    pub(crate) fn of(problem: &Problem) -> Option<Self> {
        let mut refusal = Self::default();
        match problem {
            Problem::InvalidInput(errors) => refusal.fields.clone_from(errors),
            Problem::UsernameTaken => {
                let taken = FieldError::new("username", "is taken; choose another");
                refusal.fields.push(taken);
            }
            Problem::RateLimited { retry_after } => {
                let wait = times::length(*retry_after);
                refusal.error = Some(format!("Too many attempts. Try again in {wait}."));
            }
            // The form asks for it.
            Problem::InsufficientUserAuthentication { .. } => {}
            Problem::InvalidCredentials | Problem::DemoAccount | Problem::Overloaded => {
                refusal.error = Some(problem.detail().to_owned())
            }
            _ => return None,
        }
        Some(refusal)
    }

    pub(crate) fn beside(&self, field: &str) -> Option<&str> {
        let mut errors = self.fields.iter();
        errors
            .find(|error| error.field == field)
            .map(|error| error.detail.as_str())
    }

    /// `usual`: whether the field has the cursor in a form without errors beside its fields.
    pub(crate) fn focuses(&self, field: &str, usual: bool) -> bool {
        self.fields.first().map_or(usual, |first| first.field == field)
    }
}

pub(crate) fn require(typed: [(&'static str, &str); 2]) -> Result<(), Problem> {
    let empty = typed.into_iter().filter(|(_, typed)| typed.is_empty());
    let missing: Vec<_> = empty.map(|(field, _)| FieldError::new(field, "is missing")).collect();
    match missing.is_empty() {
        true => Ok(()),
        false => Err(Problem::InvalidInput(missing)),
    }
}

/// Draws a form again with its errors, if its sender can do something about them.
pub(super) fn draw_again<T: Template>(
    problem: Problem,
    page: impl FnOnce(Refusal) -> T,
) -> actix_web::Result<HttpResponse> {
    match Refusal::of(&problem) {
        Some(refusal) => draw_problem(problem, &page(refusal)),
        None => Err(problem.into()),
    }
}

/// Draws a page that shows a problem in words, with the headers that the API sends.
pub(super) fn draw_problem(problem: Problem, page: &impl Template) -> actix_web::Result<HttpResponse> {
    let told = problem.error_response();
    let mut drawn = draw(told.status(), page)?;
    for name in [header::RETRY_AFTER, header::WWW_AUTHENTICATE] {
        if let Some(value) = told.headers().get(&name) {
            drawn.headers_mut().insert(name, value.clone());
        }
    }
    // For the middlewares.
    drawn.extensions_mut().insert(problem);
    Ok(drawn)
}
