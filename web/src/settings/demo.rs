//! Whether this is a place to play in.

use super::{Faults, Given, Listening, Setting};

/// Whether the demo is on: accounts whose password everybody knows, and tokens in full on the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Demo {
    /// It is.
    On,
    /// It is not: demo accounts are refused, and no page shows a token.
    Off,
}

impl Demo {
    pub(super) fn judge(given: &Given, listening: &Listening, faults: &mut Faults) -> Self {
        let setting = Setting::new("RESCIND_DEMO", &given.demo);
        match faults.text(setting) {
            None if listening.is_local() => Self::On,
            None | Some("off") => Self::Off,
            Some("public") => Self::On,
            Some("on") if listening.is_local() => Self::On,
            Some("on") => {
                faults.add(
                    setting.variable,
                    "must not be `on` where others may come in (RESCIND_BIND or RESCIND_PUBLIC_URL is not loopback, or the \
                     URL is https): everybody knows the demo's passwords; `public` says that this is meant",
                );
                Self::Off
            }
            Some(_) => {
                faults.add(setting.variable, "must be on, off or public");
                Self::Off
            }
        }
    }

    pub(crate) fn is_on(self) -> bool {
        self == Self::On
    }
}
