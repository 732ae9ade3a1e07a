//! The frame of every page.

use std::sync::Arc;

use rescind_session::User;

use super::{assets::Assets, theme::Theme};
use crate::{accounts::shown, stores::Stores};

/// Title, navigation, the policy in force, and the choice of a theme.
pub(crate) struct Frame {
    pub(crate) title: String,
    /// What a search engine and a preview of a link say of the page.
    pub(crate) description: &'static str,
    /// The page's own address, marked in the navigation.
    pub(crate) path: String,
    pub(crate) who: Who,
    pub(crate) demo: bool,
    /// The node and stores that drew the page; shown only in the demo, since elsewhere this is internal.
    pub(crate) stores: Arc<Stores>,
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

/// Whom a page is drawn for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Who {
    Somebody(String),
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
