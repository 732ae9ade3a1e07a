//! The service's clock, for limits.

use governor::{clock::Clock, nanos::Nanos};
use rescind_session::SessionService;

/// The clock by which tokens are checked. While its time is not known, no logins are possible, so there are none to
/// count.
#[derive(Clone)]
pub(crate) struct ServiceClock(pub(crate) SessionService);

impl Clock for ServiceClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        let nanos = self
            .0
            .now()
            .map_or(0, |now| u64::try_from(now.as_nanosecond()).unwrap_or(0));
        Nanos::new(nanos)
    }
}
