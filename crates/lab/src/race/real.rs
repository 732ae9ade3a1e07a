//! The real service, on stores in memory.

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use jiff::Timestamp;
use rand::{SeedableRng, rngs::StdRng};
use rescind_session::{
    Device, IssuedTokens, Keys, ManualClock, Password, Policy, Ports, Refresh, RefreshError, SessionService,
    SessionState,
    decorate::{self, Around, Call},
    memory,
    ports::{SessionStore, StoreError},
    token::{ClientId, SessionId},
};

use super::{
    ACCESS_TTL,
    held::{Held, RefreshReply, Tokens},
};
use crate::{
    meter::{self, Meter, Operation, metered},
    sandbox::{PASSWORD, USERNAME},
    server,
};

/// A call waits only for the other party.
const STORE_TIMEOUT: Duration = Duration::from_secs(10);
const BATCH: u32 = 100;
/// When every run begins. Only the run moves the time.
const BEGINNING: Timestamp = Timestamp::constant(1_767_268_800, 0);

pub(super) struct Real {
    pub(super) service: SessionService,
    clock: ManualClock,
    session: SessionId,
    meter: Meter,
}

impl Real {
    pub(super) async fn log_in(grace: Duration, rng: &mut StdRng) -> anyhow::Result<(Self, Tokens)> {
        let clock = ManualClock::at(BEGINNING);
        let usual = Policy::blacklist();
        let policy = Policy {
            access_ttl: ACCESS_TTL,
            refresh: usual.refresh.map(|refresh| Refresh { grace, ..refresh }),
            ..usual
        };
        let config = server::config(policy, STORE_TIMEOUT);
        let keys = Keys::generate(rng)?;
        let meter = Meter::default();
        let ports = memory::ports(clock.clone());
        let service = SessionService::new(config, keys, metered(&ports, &meter), rng.fork())?;
        // The blacklist is complete after a sync.
        service.sync_blacklist(BATCH).await?;
        let password = Password::new(PASSWORD);
        service.sign_up(USERNAME, &password).await?;
        let issued = service
            .log_in(USERNAME, &password, ClientId::first_party(), Device::default())
            .await?;
        let real = Self {
            session: issued.claims.session_id,
            service,
            clock,
            meter,
        };
        Ok((real, tokens(&issued)?))
    }

    pub(super) async fn refresh(&self, token: &str, at: Duration, held: Option<&Held>) -> anyhow::Result<RefreshReply> {
        self.clock.set(BEGINNING.checked_add(at).unwrap_or(Timestamp::MAX));
        let service = match held {
            None => self.service.clone(),
            Some(held) => {
                let ports = self.service.ports();
                let sessions = Arc::new(HeldSessions {
                    inner: Arc::clone(&ports.sessions),
                    held: held.clone(),
                    was_held: AtomicBool::new(false),
                });
                self.service.with_ports(Ports {
                    sessions,
                    ..ports.clone()
                })?
            }
        };
        match service.refresh(token, Device::default()).await {
            Ok(issued) => Ok(RefreshReply::Given(tokens(&issued)?)),
            Err(RefreshError::Reused) => Ok(RefreshReply::Reused),
            Err(RefreshError::Closed) => Ok(RefreshReply::Closed),
            Err(error) => Err(error.into()),
        }
    }

    /// How many swaps had this result.
    pub(super) fn swaps(&self, answer: meter::StoreReply) -> usize {
        let calls = self.meter.calls();
        calls
            .iter()
            .filter(|call| call.operation == Operation::Rotate && call.answer == answer)
            .count()
    }

    pub(super) async fn is_open(&self) -> Result<bool, StoreError> {
        let row = self.service.ports().sessions.find(self.session).await?;
        Ok(row.is_some_and(|row| row.state == SessionState::Open))
    }
}

fn tokens(issued: &IssuedTokens) -> anyhow::Result<Tokens> {
    let refresh = issued
        .refresh
        .as_ref()
        .context("there is no refresh token to race with")?;
    Ok(Tokens {
        access: issued.access_token.expose_secret().to_owned(),
        refresh: refresh.token.expose_secret().to_owned(),
    })
}

/// The session store of a caller that is held after its first read. Other calls pass through.
struct HeldSessions {
    inner: Arc<dyn SessionStore>,
    held: Held,
    was_held: AtomicBool,
}

impl Around<dyn SessionStore> for HeldSessions {
    fn inner(&self) -> impl Deref<Target = dyn SessionStore> + Send + Sync {
        &*self.inner
    }

    async fn around<T: decorate::Answer>(
        &self,
        call: Call<'_>,
        next: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        match call {
            Call::FindSession(_) => {
                let found = next.await;
                if !self.was_held.swap(true, Ordering::Relaxed) {
                    self.held.has_read().await;
                }
                found
            }
            Call::Rotate(_) => {
                self.held.may_write().await;
                let rotated = next.await;
                self.held.has_written();
                rotated
            }
            _ => next.await,
        }
    }
}
