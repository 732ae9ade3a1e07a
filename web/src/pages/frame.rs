//! The frame of every page.

use std::sync::Arc;

use rescind_api::Problem;
use rescind_session::User;

use super::{assets::Assets, theme::Theme, times};
use crate::accounts::shown;

/// Title, navigation, the policy in force, and the choice of a theme.
pub(crate) struct Frame {
    pub(crate) title: String,
    /// What a search engine and a preview of a link say of the page.
    pub(crate) description: &'static str,
    /// The page's own address, marked in the navigation.
    pub(crate) path: String,
    pub(crate) who: Who,
    /// Whether the demo is on.
    pub(crate) demo: bool,
    /// The node and stores that drew the page; only in the demo, since elsewhere this is internal.
    pub(crate) place: Option<Place>,
    pub(crate) theme: Theme,
    pub(crate) back: String,
    /// The public address of this site, without a slash at its end.
    pub(crate) origin: String,
    pub(crate) assets: Arc<Assets>,
    /// For the script: the page's login, as [`SessionState`](super::session_state::SessionState) in JSON.
    pub(crate) session: Option<String>,
    pub(crate) policy: &'static str,
    pub(crate) promise: String,
}

impl Frame {
    /// Whether the page belongs to the lab, the inspector, the course or the glossary.
    pub(crate) fn teaches(&self) -> bool {
        let folder = self.path.split('/').nth(1);
        matches!(folder, Some("lab" | "inspector" | "learn" | "glossary"))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The node that answered, if there are several.
    pub(crate) node: Option<String>,
    pub(crate) stores: String,
}

/// Whom a page is drawn for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Who {
    Somebody(String),
    /// Not logged in.
    Nobody,
    /// Not queried: on an error page the store may be what fails.
    Unknown,
}

impl Who {
    /// By the name that pages show.
    pub(crate) fn of(user: &User) -> Self {
        Self::Somebody(shown(user.username.as_str()).to_owned())
    }
}

/// One field of a form, for `field.html`.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    /// The `type` of the input.
    pub(crate) kind: &'static str,
    /// For password managers.
    pub(crate) autocomplete: &'static str,
    /// The typed value, but never a password.
    pub(crate) value: String,
    pub(crate) hint: Option<&'static str>,
    /// Its error, read after the label.
    pub(crate) error: Option<String>,
    pub(crate) focus: bool,
}

impl Field {
    pub(crate) fn username(typed: &str) -> Self {
        Self {
            name: "username",
            label: "Username",
            kind: "text",
            autocomplete: "username",
            value: typed.to_owned(),
            hint: None,
            error: None,
            focus: true,
        }
    }

    /// `autocomplete`: `current-password` or `new-password`.
    pub(crate) fn password(autocomplete: &'static str) -> Self {
        Self {
            name: "password",
            label: "Password",
            kind: "password",
            autocomplete,
            value: String::new(),
            hint: None,
            error: None,
            focus: false,
        }
    }

    /// The ids of the input's descriptions, for screen readers.
    pub(crate) fn described_by(&self) -> Option<String> {
        let hint = self.hint.map(|_| format!("{}-hint", self.name));
        let error = self.error.as_ref().map(|_| format!("{}-error", self.name));
        match (hint, error) {
            (Some(hint), Some(error)) => Some(format!("{hint} {error}")),
            (hint, error) => hint.or(error),
        }
    }
}

/// Gives each field its error, and the first of them the cursor.
pub(crate) fn tell(fields: &mut [Field], errors: &[rescind_api::FieldError]) {
    for field in fields.iter_mut() {
        field.error = errors
            .iter()
            .find(|error| error.field == field.name)
            .map(|error| error.detail.clone());
    }
    if let Some(first) = fields.iter().position(|field| field.error.is_some()) {
        for (n, field) in fields.iter_mut().enumerate() {
            field.focus = n == first;
        }
    }
}

/// The error, and how long to wait if that helps.
pub(crate) fn explained(problem: &Problem) -> String {
    match (problem, problem.retry_after()) {
        (Problem::RateLimited { .. }, Some(wait)) => {
            let wait = times::span(wait.try_into().unwrap_or_default());
            format!("Too many attempts. Try again in {wait}.")
        }
        _ => problem.detail().to_owned(),
    }
}
