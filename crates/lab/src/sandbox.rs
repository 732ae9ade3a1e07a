//! One world: a server with its stores, your browser, a thief, and the time.
//!
//! The code under it is real: the session logic, the HTTP side, the stores in memory. Only the outside is simulated:
//! the wire, the browser's cookie jar, the thief, and the clocks. A sandbox belongs to one visitor, and [`MOST_STEPS`]
//! bounds its size.

use std::{sync::Arc, time::Duration};

use actix_web::http::Method;
use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rescind_session::{
    Check, MachineClock, Policy, Position,
    ports::{Blacklist, RevocationStatus, SessionStore, Tail},
    token::{SessionId, TokenId},
};

use crate::{
    action::Action,
    answer::{Answer, News},
    browser::{Browser, plain_request},
    clock::Machine,
    deciding::Asked,
    elsewhere::{Elsewhere, LISTENED, to_the_service},
    faults::BlacklistFault,
    plain,
    raw::{ACCESS_COOKIE, REFRESH_COOKIE, Request},
    server::{Hardware, Kind, Server},
    snapshot::{Loot, PlainRow, Snapshot},
    step::Step,
    trace::{Exchange, Outcome, Recorder, Who},
};

/// How many steps a sandbox remembers; then it must be restarted.
pub const MOST_STEPS: usize = 60;
/// The only user of every sandbox.
pub const USERNAME: &str = "alice";
pub const PASSWORD: &str = "correct horse battery staple";

const A_SECOND: Duration = Duration::from_secs(1);

/// The settings of a sandbox.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The answer that it shows.
    pub answer: Answer,
    /// The lifetimes, if there are tokens.
    pub policy: Policy,
    /// The lifetime of a plain session.
    pub session_life: Duration,
    /// The initial wall clock.
    pub started: Timestamp,
}

impl Setup {
    /// An answer with its usual lifetimes. A plain session lasts as long as a session with refresh tokens may be idle.
    #[must_use]
    pub fn new(answer: Answer, started: Timestamp) -> Self {
        let policy = answer.preset().map_or_else(Policy::client_delete, Policy::preset);
        Self {
            answer,
            policy,
            session_life: Duration::from_secs(7 * 24 * 60 * 60),
            // In whole seconds, like `exp`, so that "a second before it expires" is exact.
            started: Timestamp::from_second(started.as_second()).unwrap_or(started),
        }
    }
}

/// Why a button cannot be pressed now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// [`MOST_STEPS`] were taken.
    #[error("this sandbox has reached its limit of sixty steps: restart it")]
    TooManySteps,
    /// The browser does not have it.
    #[error("there is nothing to copy: your browser holds no such token now")]
    NothingToCopy,
    /// The browser has no refresh token.
    #[error("your browser holds no refresh token now")]
    NothingToRefresh,
    /// The thief does not have it.
    #[error("the thief has no such token: copy one first")]
    NothingStolen,
    /// The answer has no refresh tokens.
    #[error("there are no refresh tokens under this answer")]
    NoRefreshTokens,
    /// The answer does not check a blacklist.
    #[error("no blacklist is asked under this answer")]
    NoBlacklist,
    /// No token will expire.
    #[error("there is no token that is going to expire")]
    NothingExpires,
    #[error("the server runs")]
    ServerRuns,
    /// The server does not run.
    #[error("the server does not run: start it first")]
    ServerIsDown,
    #[error("the server could not be started")]
    DoesNotStart,
}

/// One world: a server, a browser, a thief, and the time.
pub struct Sandbox {
    setup: Setup,
    hardware: Arc<Hardware>,
    server: Option<Server>,
    /// The service that is asked, if it is another one.
    elsewhere: Option<Elsewhere>,
    browser: Browser,
    loot: Loot,
    loses_next_reply: bool,
    /// Every session so far: stores do not list closed ones.
    sessions: Vec<SessionId>,
    now: Duration,
    steps: Vec<Step>,
}

impl Sandbox {
    /// A world without a login. `rng` is its only source of randomness, except for the signing key.
    ///
    /// # Errors
    /// It cannot be set up, which is not the visitor's fault.
    pub async fn open(setup: Setup, rng: StdRng) -> anyhow::Result<Self> {
        let news = setup.answer.news();
        let began = news.and_then(|_| setup.started.checked_sub(LISTENED).ok());
        let hardware = Arc::new(Hardware::new(Machine::at(began.unwrap_or(setup.started)), rng)?);
        let server = Server::start(&hardware, kind(&setup)).await?;
        server.sign_up(USERNAME, PASSWORD).await?;
        let elsewhere = match news {
            Some(news) => {
                let mut elsewhere = Elsewhere::start(&hardware, &server, news).await?;
                elsewhere.hear(&hardware, &server).await;
                hardware.machine.pass(LISTENED);
                elsewhere.hear(&hardware, &server).await;
                Some(elsewhere)
            }
            None => None,
        };
        Ok(Self {
            setup,
            hardware,
            elsewhere,
            server: Some(server),
            browser: Browser::default(),
            loot: Loot::default(),
            loses_next_reply: false,
            sessions: Vec::new(),
            now: Duration::ZERO,
            steps: Vec::new(),
        })
    }

    #[must_use]
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Its approximate size in memory, for a holder of many of them.
    #[must_use]
    pub fn bytes(&self) -> usize {
        /// Service, stores and keys, before anything has happened. Measured, and rounded up.
        const EMPTY: usize = 64 * 1024;
        let elsewhere = self.elsewhere.as_ref().map_or(0, Elsewhere::bytes);
        EMPTY + elsewhere + self.steps.iter().map(Step::bytes).sum::<usize>()
    }

    /// Its age, in its own time.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.now
    }

    #[must_use]
    pub fn loot(&self) -> &Loot {
        &self.loot
    }

    /// The service behind it, while the server runs: for inspecting a token with its keys.
    #[must_use]
    pub fn service(&self) -> Option<&rescind_session::SessionService> {
        self.server.as_ref().map(Server::service)
    }

    /// What your browser sends with each request: an access token or a plain session's cookie.
    #[must_use]
    pub fn access(&self) -> Option<&str> {
        self.browser.value(self.access_cookie(), self.now)
    }

    #[must_use]
    pub fn refresh_token(&self) -> Option<&str> {
        self.browser.value(REFRESH_COOKIE, self.now)
    }

    /// Whether a button can be pressed now.
    ///
    /// # Errors
    /// [`Refused`]: why not.
    pub fn can(&self, action: Action) -> Result<(), Refused> {
        let need = |there: bool, or: Refused| if there { Ok(()) } else { Err(or) };
        need(self.steps.len() < MOST_STEPS, Refused::TooManySteps)?;
        let refreshes = self.setup.answer.preset().is_some() && self.setup.policy.refresh.is_some();
        let blacklist = self.check() == Some(Check::Blacklist);
        match action {
            Action::CopyAccess => need(self.access().is_some(), Refused::NothingToCopy),
            Action::Replay => need(self.loot.access.is_some(), Refused::NothingStolen),
            Action::CopyRefresh | Action::Refresh | Action::LoseReply | Action::ThiefRefreshes if !refreshes => {
                Err(Refused::NoRefreshTokens)
            }
            Action::CopyRefresh => need(self.refresh_token().is_some(), Refused::NothingToCopy),
            Action::Refresh => need(self.refresh_token().is_some(), Refused::NothingToRefresh),
            Action::ThiefRefreshes => need(self.loot.refresh.is_some(), Refused::NothingStolen),
            Action::BlacklistForgets | Action::BlacklistSlow | Action::BlacklistStops | Action::BlacklistWell => {
                need(blacklist, Refused::NoBlacklist)
            }
            Action::WaitBeforeExpiry => self.until_expiry(A_SECOND).map(drop),
            Action::WaitAfterExpiry => self.until_expiry(Duration::ZERO).map(drop),
            Action::KillServer => need(self.server.is_some(), Refused::ServerIsDown),
            Action::StartServer => need(self.server.is_none(), Refused::ServerRuns),
            Action::LogIn
            | Action::Call
            | Action::AskBoth
            | Action::LogOut
            | Action::Wait30s
            | Action::Wait5m
            | Action::LoseReply
            | Action::SetClockBack => Ok(()),
        }
    }

    /// Presses a button.
    ///
    /// # Errors
    /// [`Refused`]; then it had no effect.
    pub async fn press(&mut self, action: Action) -> Result<&Step, Refused> {
        self.can(action)?;
        let mut news = Vec::new();
        let exchanges = match action {
            Action::LogIn => vec![self.log_in().await],
            Action::Call => self.call().await,
            Action::Refresh => vec![self.refresh().await],
            Action::LogOut => vec![self.log_out().await],
            Action::CopyAccess => {
                self.loot.access = self.access().map(str::to_owned);
                Vec::new()
            }
            Action::CopyRefresh => {
                self.loot.refresh = self.refresh_token().map(str::to_owned);
                Vec::new()
            }
            Action::Replay => self.replay().await.into_iter().collect(),
            Action::AskBoth => {
                let mut exchanges = self.call().await;
                exchanges.extend(self.replay().await);
                exchanges
            }
            Action::ThiefRefreshes => self.thief_refreshes().await.into_iter().collect(),
            _ => {
                news = self.without_a_request(action).await?;
                Vec::new()
            }
        };
        let maintenance = if self.maintenance_follows(action, &exchanges) {
            self.run_maintenance().await
        } else {
            Vec::new()
        };
        let step = Step {
            number: self.steps.len() + 1,
            at: self.now,
            action,
            exchanges,
            maintenance,
            news,
            after: self.snapshot().await,
        };
        self.steps.push(step);
        self.steps.last().ok_or(Refused::TooManySteps)
    }

    async fn without_a_request(&mut self, action: Action) -> Result<Vec<Exchange>, Refused> {
        match action {
            Action::WaitBeforeExpiry => {
                let left = self.until_expiry(A_SECOND)?;
                return Ok(self.pass(left.saturating_sub(A_SECOND)).await);
            }
            Action::WaitAfterExpiry => {
                let left = self.until_expiry(Duration::ZERO)?;
                return Ok(self.pass(left.saturating_add(A_SECOND)).await);
            }
            Action::BlacklistForgets => {
                let _ = self.hardware.blacklist.inner().forget();
            }
            Action::BlacklistSlow => self.hardware.blacklist.set_fault(BlacklistFault::Slow),
            Action::BlacklistStops => self.hardware.blacklist.set_fault(BlacklistFault::Stopped),
            Action::BlacklistWell => self.hardware.blacklist.set_fault(BlacklistFault::None),
            Action::LoseReply => self.loses_next_reply = true,
            Action::KillServer => self.server = None,
            Action::StartServer => {
                let started = Server::start(&self.hardware, kind(&self.setup)).await;
                self.server = Some(started.map_err(|_| Refused::DoesNotStart)?);
            }
            Action::SetClockBack => self.hardware.machine.step_wall(SignedDuration::from_hours(-1)),
            other => {
                if let Some(by) = other.fixed_wait() {
                    return Ok(self.pass(by).await);
                }
            }
        }
        Ok(Vec::new())
    }

    /// The program reads the log twice a second. Here time is stopped, so the sandbox does it when time passes, when
    /// something is repaired, and right after a check found the blacklist incomplete: in between, a learner sees the
    /// gap.
    fn maintenance_follows(&self, action: Action, exchanges: &[Exchange]) -> bool {
        let passes = matches!(
            action,
            Action::Wait30s | Action::Wait5m | Action::WaitBeforeExpiry | Action::WaitAfterExpiry
        );
        passes
            || matches!(action, Action::BlacklistWell | Action::BlacklistSlow)
            || exchanges.iter().any(|exchange| exchange.outcome == Outcome::CannotTell)
    }

    /// Time passes, for all parties. Returns what reached the service elsewhere.
    pub(crate) async fn pass(&mut self, by: Duration) -> Vec<Exchange> {
        let until = self.now.saturating_add(by);
        let mut news = Vec::new();
        if let (Some(elsewhere), Some(server)) = (&mut self.elsewhere, &self.server) {
            for stop in elsewhere.stops(self.now, until) {
                self.hardware.machine.pass(stop.saturating_sub(self.now));
                self.now = stop;
                news.extend(elsewhere.hear(&self.hardware, server).await);
            }
        }
        self.hardware.machine.pass(until.saturating_sub(self.now));
        self.now = until;
        news
    }

    /// When the service elsewhere is going to learn of a session that has ended.
    pub(crate) fn news_due(&self) -> Option<Duration> {
        self.elsewhere.as_ref()?.heard().due
    }

    pub(crate) async fn run_maintenance(&self) -> Vec<crate::meter::Call> {
        match &self.server {
            Some(server) => server.run_maintenance().await,
            None => Vec::new(),
        }
    }

    pub(crate) async fn log_in(&mut self) -> Exchange {
        let form = format!("username={USERNAME}&password={}", PASSWORD.replace(' ', "+"));
        let request = self
            .browser
            .request(Method::POST, "/login", self.now)
            .with_body("application/x-www-form-urlencoded", form);
        let exchange = self.yours(request).await;
        if let Some(claims) = self.claims(self.access())
            && !self.sessions.contains(&claims.session_id)
        {
            self.sessions.push(claims.session_id);
        }
        exchange
    }

    /// Calls the API; if the access token has expired, refreshes and calls again.
    pub(crate) async fn call(&mut self) -> Vec<Exchange> {
        let first = self.call_once().await;
        let has_expired = first.code() == Some("token_expired");
        let mut exchanges = vec![first];
        if has_expired && self.refresh_token().is_some() {
            let refreshed = self.refresh().await;
            let goes_on = refreshed.outcome == Outcome::Accepted && refreshed.arrived;
            exchanges.push(refreshed);
            if goes_on {
                exchanges.push(self.call_once().await);
            }
        }
        exchanges
    }

    async fn call_once(&mut self) -> Exchange {
        let request = match &self.elsewhere {
            None => self.browser.request(Method::GET, "/api/me", self.now),
            // A service at another host gets no cookie of the issuer's: the token is handed on to it.
            Some(_) => match self.access() {
                Some(token) => {
                    to_the_service(Method::GET, "/api/me").with_header("Authorization", format!("Bearer {token}"))
                }
                None => to_the_service(Method::GET, "/api/me"),
            },
        };
        self.yours(request).await
    }

    pub(crate) async fn refresh(&mut self) -> Exchange {
        let request = self
            .browser
            .request(Method::POST, "/api/refresh", self.now)
            .with_body("application/json", "{}".to_owned());
        self.yours(request).await
    }

    pub(crate) async fn log_out(&mut self) -> Exchange {
        let request = self.browser.request(Method::POST, "/logout", self.now);
        self.yours(request).await
    }

    pub(crate) async fn replay(&mut self) -> Option<Exchange> {
        let stolen = self.loot.access.clone()?;
        let request = match &self.elsewhere {
            Some(_) => to_the_service(Method::GET, "/api/me"),
            None => plain_request(Method::GET, "/api/me"),
        };
        let request = match self.setup.answer {
            Answer::Tokens(_) | Answer::Elsewhere(_) => {
                request.with_header("Authorization", format!("Bearer {stolen}"))
            }
            Answer::Sessions => request.with_header("Cookie", format!("{}={stolen}", plain::COOKIE)),
        };
        Some(self.exchange(Who::Thief, request).await)
    }

    pub(crate) async fn thief_refreshes(&mut self) -> Option<Exchange> {
        let stolen = self.loot.refresh.clone()?;
        let body = serde_json::json!({ "refresh_token": stolen }).to_string();
        let request = plain_request(Method::POST, "/api/refresh").with_body("application/json", body);
        let exchange = self.exchange(Who::Thief, request).await;
        if let (Outcome::Accepted, Some(reply)) = (exchange.outcome, &exchange.reply) {
            self.loot = Loot {
                access: reply.json_member("access_token").or(self.loot.access.take()),
                refresh: reply.json_member("refresh_token").or(self.loot.refresh.take()),
            };
        }
        Some(exchange)
    }

    /// Gives the thief these tokens in place of others.
    pub fn steal(&mut self, loot: Loot) {
        self.loot = loot;
    }

    /// Discards a stolen refresh token that is no longer accepted.
    pub(crate) fn drop_stolen_refresh(&mut self) {
        self.loot.refresh = None;
    }

    /// When your access token or plain session expires, in the sandbox's own time.
    pub(crate) fn yours_until(&self) -> Option<Duration> {
        match self.setup.answer {
            Answer::Tokens(_) | Answer::Elsewhere(_) => self.runs_out(self.access()?),
            Answer::Sessions => {
                let mut cookies = self.browser.cookies(self.now);
                cookies.find(|cookie| cookie.name == plain::COOKIE)?.until
            }
        }
    }

    /// When the thief's newest access token expires.
    pub(crate) fn thiefs_until(&self) -> Option<Duration> {
        self.runs_out(self.loot.access.as_deref()?)
    }

    fn runs_out(&self, token: &str) -> Option<Duration> {
        let (claims, now) = (self.claims(Some(token))?, self.service()?.now().ok()?);
        let left = Duration::try_from(claims.expires_at.duration_since(now)).ok()?;
        Some(self.now.saturating_add(left))
    }

    async fn yours(&mut self, request: Request) -> Exchange {
        let is_refresh = request.path == "/api/refresh";
        let mut exchange = self.exchange(Who::You, request).await;
        if is_refresh && self.loses_next_reply && exchange.reply.is_some() {
            self.loses_next_reply = false;
            exchange.arrived = false;
        }
        if let (true, Some(reply)) = (exchange.arrived, &exchange.reply) {
            self.browser.take(reply, self.now);
        }
        exchange
    }

    async fn exchange(&mut self, who: Who, request: Request) -> Exchange {
        let asked = match request.path.as_ref() {
            "/login" => Asked::LogIn,
            "/logout" => Asked::LogOut,
            "/api/refresh" => Asked::Refresh,
            _ => Asked::AskingDoor,
        };
        let recorder = Recorder::start(who, asked, request);
        if let (Some(elsewhere), Asked::AskingDoor) = (&self.elsewhere, asked) {
            return elsewhere.asked(recorder).await;
        }
        let reply = match &self.server {
            Some(server) => Some(server.answer(&recorder).await),
            None => None,
        };
        if let Some(elsewhere) = &mut self.elsewhere {
            elsewhere.notice(&self.hardware, self.now).await;
        }
        recorder.end(reply, self.check())
    }

    /// The policy's check on every request, if there are tokens.
    fn check(&self) -> Option<Check> {
        self.setup.answer.preset().map(|_| self.setup.policy.check)
    }

    fn access_cookie(&self) -> &'static str {
        match self.setup.answer {
            Answer::Tokens(_) | Answer::Elsewhere(_) => ACCESS_COOKIE,
            Answer::Sessions => plain::COOKIE,
        }
    }

    fn claims(&self, token: Option<&str>) -> Option<rescind_session::token::AccessClaims> {
        self.service()?.genuine_claims(token?).ok()
    }

    /// How long until the next of the tokens expires, yours or the thief's.
    fn until_expiry(&self, further_than: Duration) -> Result<Duration, Refused> {
        let service = self.service().ok_or(Refused::ServerIsDown)?;
        let now = service.now().map_err(|_| Refused::NothingExpires)?;
        let left = |until: Timestamp| {
            Duration::try_from(until.duration_since(now))
                .ok()
                .filter(|left| *left > further_than)
        };
        let of_tokens = [self.access(), self.loot.access.as_deref()]
            .into_iter()
            .filter_map(|token| left(self.claims(token)?.expires_at));
        let of_rows = self
            .hardware
            .plain
            .rows()
            .into_iter()
            .filter_map(|(_, _, until)| left(until));
        of_tokens.chain(of_rows).min().ok_or(Refused::NothingExpires)
    }

    /// A snapshot.
    pub async fn snapshot(&self) -> Snapshot {
        let mut sessions = Vec::new();
        for id in &self.sessions {
            if let Ok(Some(session)) = self.hardware.sessions.find(*id).await {
                sessions.push(session);
            }
        }
        let log = match self
            .hardware
            .sessions
            .revocations_after(Position::START, u32::MAX)
            .await
        {
            Ok(Tail::Entries(log)) => log,
            _ => Vec::new(),
        };
        let nobody = uuid::Uuid::nil();
        let nobody = (TokenId::from_uuid(nobody), SessionId::from_uuid(nobody));
        let blacklist = self.hardware.blacklist.inner();
        let mut on_it = Vec::new();
        for entry in &log {
            let (token, session) = match entry.scope {
                rescind_session::Scope::Token(token) => (token, nobody.1),
                rescind_session::Scope::Session(session) => (nobody.0, session),
            };
            if matches!(blacklist.check(token, session).await, Ok(RevocationStatus::Revoked(_))) {
                on_it.push(entry.clone());
            }
        }
        Snapshot {
            at: self.now,
            server_time: self.service().and_then(|service| service.now().ok()),
            wall_clock: self.hardware.machine.wall(),
            cookies: self.browser.cookies(self.now).cloned().collect(),
            loot: self.loot.clone(),
            sessions,
            plain: self.hardware.plain.rows().into_iter().map(plain_row).collect(),
            log,
            blacklist: on_it,
            blacklist_is_complete: matches!(
                blacklist.check(nobody.0, nobody.1).await,
                Ok(RevocationStatus::NotRevoked)
            ),
            heard: self.elsewhere.as_ref().map(|elsewhere| elsewhere.heard().clone()),
            fault: self.hardware.blacklist.fault(),
            loses_next_reply: self.loses_next_reply,
        }
    }
}

fn plain_row((key, values, until): (String, std::collections::HashMap<String, String>, Timestamp)) -> PlainRow {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort();
    PlainRow { key, values, until }
}

fn kind(setup: &Setup) -> Kind {
    match setup.answer {
        Answer::Tokens(_) | Answer::Elsewhere(News::Event) => Kind::Tokens(setup.policy.clone(), false),
        Answer::Elsewhere(News::List) => Kind::Tokens(setup.policy.clone(), true),
        Answer::Sessions => Kind::Sessions(setup.session_life),
    }
}
