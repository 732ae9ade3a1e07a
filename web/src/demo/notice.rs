//! The notice that a victim gets once a copy of their session was used.

use super::{log::Actor, log_view::clock_time, screen::Scene, thief};
use crate::pages::{device_name::device_name, times::Time};

/// "A copy of your session was used at … from …; it was ended."
pub(crate) struct Notice {
    pub(crate) used_at: Time,
    /// The device and the address that the copy was used from.
    pub(crate) from: String,
    /// Who gave it away.
    pub(crate) how: &'static str,
}

impl Notice {
    pub(crate) fn of(scene: &Scene) -> Option<Self> {
        let reuse = scene.heist?.reuse()?;
        Some(Self {
            used_at: clock_time(reuse.used_at),
            from: format!("“{}” at {}", device_name(Some(thief::AGENT)), scene.thief_at),
            how: match reuse.noticed_by {
                Actor::Thief => {
                    "The thief came with a refresh token that you had exchanged already. That is how it was noticed."
                }
                Actor::You | Actor::Browser => {
                    "You came with a refresh token that the thief had exchanged already. That is how it was noticed."
                }
            },
        })
    }
}
