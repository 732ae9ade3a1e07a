//! The accounts of the demo, whose password is public, and each visitor's own copies of them.
//!
//! A browser that logs in as alice gets an alice of its own: a class does not share one account page, and "log out everywhere"
//! ends one visitor's logins. The copy is stored as `alice~` and a number, with alice's password hash, and shown as alice. No
//! typed name can be that of a [copy](typed_username), so only the browser that was given it gets in. Plain alice remains for
//! the API and the terminal.
//!
//! **Bounds.** A visitor has at most one copy of each account, and a node makes at most [`MOST`]. Copies of visitors who were
//! forgotten are [deleted](Copies::delete_idle), after their sessions were ended. The number names the process that made it:
//! beside other nodes on the same database, and after a restart, a copy of another process is deleted only when no token of it
//! can have been used in the last half an hour.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix_web::{HttpMessage, HttpRequest};
use rand::Rng;
use rescind_api::{
    Problem, Rescind,
    browser::{self, BrowserLogin},
};
use rescind_server::Failure;
use rescind_session::{
    DemoAccount, Device, InvalidUsername, IssuedTokens, ListedUser, OpenSessionError, Password, SessionService,
    Unavailable, User, UserKind, Username, token::ClientId,
};
use tokio::sync::Notify;

use crate::settings::Demo;

/// The accounts on the login page of the demo.
pub(crate) const DEMO_ACCOUNTS: [&str; 2] = [VICTIM, "bob"];
pub(crate) const VICTIM: &str = "alice";
/// Shown on the login page of the demo.
pub(crate) const DEMO_PASSWORD: &str = "correct horse battery staple";

/// After how long without a request a visitor is forgotten, and their copies are deleted.
pub(crate) const IDLE: Duration = Duration::from_secs(30 * 60);
const BETWEEN_SWEEPS: Duration = Duration::from_secs(10);
/// Visitors are forgotten beyond a thousand, and some of them have two copies.
const MOST: usize = 2_500;
/// Above this number, copies are deleted as soon as another one is made.
const MANY: usize = 2_000;
const LISTED_AT_ONCE: u32 = 500;
/// How many tries a login has, if its copy is deleted meanwhile.
const TRIES: usize = 3;

/// Creates the accounts; with the demo off, ends their sessions instead, and deletes the copies.
pub(crate) async fn prepare(demo: Demo, service: SessionService) -> Result<(), Failure> {
    let failed = |why| Failure::Other("the demo accounts cannot be made ready", why);
    for name in DEMO_ACCOUNTS {
        prepare_one(demo, &service, name).await.map_err(failed)?;
    }
    Ok(())
}

async fn prepare_one(
    demo: Demo,
    service: &SessionService,
    name: &str,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    if !demo.is_on() {
        service.retire_demo_account(name).await?;
        for copy in copies_of(service, name).await? {
            service.delete_user(&copy.user.id).await?;
        }
        return Ok(());
    }
    let password = Password::new(DEMO_PASSWORD);
    if service.ensure_demo_account(name, &password).await? == DemoAccount::TakenByPerson {
        tracing::warn!(name, "a person has the name of this demo account, and keeps it");
    }
    Ok(())
}

/// The demo account and the number, if the name is of a copy. Other names with a `~` are people's.
fn parts(username: &str) -> Option<(&str, &str)> {
    let (account, number) = username.split_once('~')?;
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_number = number.len() == Own::DIGITS && number.bytes().all(is_digit);
    (is_number && DEMO_ACCOUNTS.contains(&account)).then_some((account, number))
}

/// The name to show: a copy has that of its account.
pub(crate) fn shown(username: &str) -> &str {
    parts(username).map_or(username, |(account, _)| account)
}

/// The rule for typed names: no sign-up and no login by password is for a copy.
///
/// # Errors
/// [`InvalidUsername`]
pub(crate) fn typed_username(typed: &str) -> Result<Username, InvalidUsername> {
    let username = Username::parse(typed)?;
    match parts(username.as_str()) {
        Some(_) => Err(InvalidUsername),
        None => Ok(username),
    }
}

/// The demo account that is meant, if the public password was typed.
pub(crate) fn public(username: &str, password: &str) -> Option<&'static str> {
    let username = Username::parse(username).ok().filter(|_| password == DEMO_PASSWORD)?;
    DEMO_ACCOUNTS.into_iter().find(|account| *account == username.as_str())
}

/// The number of a visitor's copies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Own(Arc<str>);

impl Own {
    const DIGITS: usize = 24;

    /// Whether the name is of the visitor's own copy of an account.
    pub(crate) fn is(&self, account: &str, username: &str) -> bool {
        parts(username) == Some((account, &*self.0))
    }

    fn copy(&self, account: &str) -> Result<Username, InvalidUsername> {
        Username::from_normalized(format!("{account}~{}", self.0))
    }
}

/// All visitors' copies.
pub(crate) struct Copies {
    /// The first part of each number that this process gives.
    process: String,
    made: AtomicUsize,
    crowded: Notify,
}

impl Copies {
    pub(crate) fn new(rng: &mut impl Rng) -> Self {
        Self {
            process: format!("{:08x}", rng.next_u32()),
            made: AtomicUsize::new(0),
            crowded: Notify::new(),
        }
    }

    /// A number for a new visitor. It is no secret.
    pub(crate) fn number(&self, rng: &mut impl Rng) -> Own {
        Own(format!("{}{:016x}", self.process, rng.next_u64()).into())
    }

    /// Logs the sender of a form in with their own copy of a demo account. No password is hashed; `None` if there is no such
    /// account, or if the sender is no visitor of the demo.
    ///
    /// # Errors
    /// [`Problem`], as for [`browser::start`]; 503 if there are too many copies.
    pub(crate) async fn log_in_browser(
        &self,
        request: &HttpRequest,
        rescind: &Rescind,
        account: &str,
    ) -> Result<Option<BrowserLogin>, Problem> {
        let Some(own) = request.extensions().get::<Own>().cloned() else {
            return Ok(None);
        };
        let device = browser::device(request, rescind);
        let client = rescind.settings().client_id.clone();
        match self.log_in(rescind.service(), account, &own, client, device).await? {
            Some(issued) => browser::start(request, rescind, issued).await.map(Some),
            None => Ok(None),
        }
    }

    /// The same without a browser.
    pub(crate) async fn log_in(
        &self,
        service: &SessionService,
        account: &str,
        own: &Own,
        client: ClientId,
        device: Device,
    ) -> Result<Option<IssuedTokens>, Problem> {
        let Ok(copy) = own.copy(account) else { return Ok(None) };
        for _ in 0..TRIES {
            let user = match service.user_named(&copy).await? {
                Some(user) if user.kind == UserKind::Demo => user,
                Some(_) => return Ok(None),
                None => match self.make(service, account, &copy).await? {
                    Some(user) => user,
                    None => return Ok(None),
                },
            };
            let attempt = service.begin_login(user.id.clone()).await?;
            // Read after the attempt began: a copy that is deleted from here on ends the session.
            if service.user(&user.id).await?.is_none() {
                continue;
            }
            match attempt.open_session(client.clone(), device.clone()).await {
                Ok(issued) => {
                    tracing::info!(session = %issued.claims.session_id, user = %user.id, "logged in");
                    return Ok(Some(issued));
                }
                Err(OpenSessionError::Superseded) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Problem::Overloaded)
    }

    async fn make(&self, service: &SessionService, account: &str, copy: &Username) -> Result<Option<User>, Problem> {
        let made = self.made.fetch_add(1, Ordering::Relaxed);
        if made >= MANY {
            self.crowded.notify_one();
        }
        if made >= MOST {
            // The next sweep counts them again.
            return Err(Problem::Overloaded);
        }
        Ok(service.copy_demo_account(account, copy).await?)
    }

    /// Deletes the copies of visitors who were forgotten, again and again. `known`: the numbers of the others.
    pub(crate) async fn delete_idle(&self, service: &SessionService, known: impl Fn() -> HashSet<Own>) {
        loop {
            let _ = tokio::time::timeout(BETWEEN_SWEEPS, self.crowded.notified()).await;
            if let Err(error) = self.delete_idle_once(service, &known).await {
                tracing::warn!(%error, "copies of the demo accounts were not deleted; the next try is in {BETWEEN_SWEEPS:?}");
            }
        }
    }

    async fn delete_idle_once(
        &self,
        service: &SessionService,
        known: impl Fn() -> HashSet<Own>,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let mut kept = 0;
        for account in DEMO_ACCOUNTS {
            let copies = copies_of(service, account).await?;
            // Read after the list: a visitor is known before they have a copy.
            let known = known();
            for copy in copies {
                let number = parts(copy.user.username.as_str()).map_or("", |(_, number)| number);
                let is_own = number.starts_with(&self.process);
                let stays = match known.contains(&Own(number.into())) {
                    true => true,
                    false => !is_own && may_be_in_use(service, &copy).await?,
                };
                if stays {
                    kept += usize::from(is_own);
                } else if let Err(error) = service.delete_user(&copy.user.id).await {
                    tracing::warn!(user = %copy.user.id, %error, "a copy of a demo account was not deleted");
                    kept += usize::from(is_own);
                }
            }
        }
        self.made.store(kept, Ordering::Relaxed);
        Ok(())
    }
}

/// Whether a token of another process's copy can have been used in the last half an hour.
async fn may_be_in_use(
    service: &SessionService,
    copy: &ListedUser,
) -> Result<bool, Box<dyn std::error::Error + Send + Sync>> {
    let policy = service.policy();
    let since = service.now()?.checked_sub(IDLE.saturating_add(policy.access_ttl))?;
    if copy.created_at > since || !policy.keeps_sessions() {
        return Ok(copy.created_at > since);
    }
    let sessions = service.sessions(&copy.user.id).await?;
    Ok(sessions.iter().any(|session| session.last_seen_at > since))
}

async fn copies_of(service: &SessionService, account: &str) -> Result<Vec<ListedUser>, Unavailable> {
    let mut copies = Vec::new();
    let mut after = Username::from_normalized(format!("{account}~")).ok();
    loop {
        let listed = service.users(after.as_ref(), LISTED_AT_ONCE).await?;
        let before = copies.len();
        after = listed.last().map(|last| last.user.username.clone());
        copies.extend(listed.into_iter().filter(|listed| {
            let of = parts(listed.user.username.as_str()).map(|(account, _)| account);
            listed.user.kind == UserKind::Demo && of == Some(account)
        }));
        // The database may sort a few other names between them, but not so many.
        if copies.len() == before {
            return Ok(copies);
        }
    }
}
