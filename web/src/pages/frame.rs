//! What stands around every page.

use std::sync::Arc;

use super::{assets::Assets, theme::Theme};

/// Title, navigation, the policy in force, and the choice of a theme.
pub(crate) struct Frame {
    pub(crate) title: String,
    /// The page's own address, to mark it in the navigation.
    pub(crate) path: String,
    pub(crate) who: Who,
    /// Whether there is a demo to go to.
    pub(crate) demo: bool,
    /// Where the page comes from, in the demo: elsewhere it is nobody's business.
    pub(crate) place: Option<Place>,
    pub(crate) theme: Theme,
    /// Where the choice of a theme leads back to.
    pub(crate) back: String,
    pub(crate) assets: Arc<Assets>,
    /// For the script: the login that the page is drawn for, as [`SessionState`](super::session_state::SessionState) in
    /// JSON.
    pub(crate) session: Option<String>,
    pub(crate) policy: &'static str,
    pub(crate) promise: String,
}

impl Frame {
    /// Whether it stands around a page of the lab, the inspector, the course or the glossary.
    pub(crate) fn teaches(&self) -> bool {
        let folder = self.path.split('/').nth(1);
        matches!(folder, Some("lab" | "inspector" | "learn" | "glossary"))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The node that answered, where there are several.
    pub(crate) node: Option<String>,
    /// The stores that it asks.
    pub(crate) stores: String,
}

/// Whom a page is drawn for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Who {
    Somebody(String),
    /// Nobody who is.
    Nobody,
    /// Nobody has asked: on an error page the store may be what fails.
    Unknown,
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
    /// What was typed; a password never comes back.
    pub(crate) value: String,
    pub(crate) hint: Option<&'static str>,
    /// What is wrong with it, to be read after the label.
    pub(crate) error: Option<String>,
    /// Whether the cursor begins here.
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

    /// The ids of what describes the input, for a screen reader to read with it.
    pub(crate) fn described_by(&self) -> Option<String> {
        let hint = self.hint.map(|_| format!("{}-hint", self.name));
        let error = self.error.as_ref().map(|_| format!("{}-error", self.name));
        match (hint, error) {
            (Some(hint), Some(error)) => Some(format!("{hint} {error}")),
            (hint, error) => hint.or(error),
        }
    }
}

/// Gives each field what is wrong with it, and the cursor to the first of them.
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
