//! The start of every story: a freshly started program, and logins.

use std::time::Duration;

use rescind_testkit::{ApiClient, Program, Reply, Running, Tokens};
use serde_json::Value;

/// The password of the demo accounts.
pub(crate) const DEMO_PASSWORD: &str = "correct horse battery staple";

/// The program, with lifetimes so long that no token expires even on a slow machine, a long store timeout for the same reason,
/// and no limit on logins.
pub(crate) fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_rescind"))
        .env("RESCIND_ACCESS_TTL", "10m")
        .env("RESCIND_STORE_TIMEOUT", "20s")
        .env("RESCIND_LOGIN_LIMIT", "off")
}

/// Polls until it is so, for as long as the slowest machine may take.
pub(crate) async fn until(is_so: impl AsyncFn() -> bool) {
    let mut again = tokio::time::interval(Duration::from_millis(20));
    again.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let so = async {
        while !is_so().await {
            again.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), so).await.unwrap();
}

/// A running program, and a client of it.
pub(crate) struct Stage {
    pub(crate) running: Running,
    pub(crate) api: ApiClient,
}

impl Stage {
    /// Starts [`program`].
    pub(crate) async fn open() -> Self {
        Self::with(program()).await
    }

    /// Starts a program and waits until it is ready.
    pub(crate) async fn with(program: Program) -> Self {
        let stage = Self::unready(program).await;
        stage.running.ready().await.unwrap();
        stage
    }

    /// Starts a program that may not become ready.
    pub(crate) async fn unready(program: Program) -> Self {
        let running = program.start().await.unwrap();
        let api = running.api_client();
        Self { running, api }
    }

    /// A login of alice, on another device each time.
    pub(crate) async fn log_in(&self) -> Tokens {
        self.api.log_in("alice", DEMO_PASSWORD).await.tokens()
    }

    /// The access token is accepted, as a token of its session.
    #[track_caller]
    pub(crate) fn assert_alive(&self, tokens: &Tokens) -> impl Future<Output = ()> {
        let (api, tokens) = (self.api.clone(), tokens.clone());
        async move {
            let me = api.me(tokens.access()).await.expect_status(200);
            assert_eq!(me.body["session_id"], tokens.session_id.as_str());
        }
    }

    /// Both tokens are refused: the access token is revoked, and the refresh token has no successor.
    pub(crate) async fn assert_dead(&self, tokens: &Tokens) {
        self.api.me(tokens.access()).await.expect_problem(401, "token_revoked");
        if tokens.has_refresh() {
            let refused = self.api.refresh(tokens.refresh()).await;
            refused.expect_problem(401, "session_closed");
        }
    }

    /// The open sessions, as listed for `asks`.
    pub(crate) async fn open_sessions(&self, asks: &Tokens) -> Vec<Value> {
        let reply = self.api.sessions(asks.access()).await.expect_status(200);
        reply.body.as_array().unwrap().clone()
    }

    /// How often an open session was rotated; `None` if it is not open.
    pub(crate) async fn generation(&self, asks: &Tokens, session_id: &str) -> Option<u64> {
        let sessions = self.open_sessions(asks).await;
        let session = sessions.iter().find(|session| session["session_id"] == session_id)?;
        Some(session["generation"].as_u64().unwrap())
    }
}

/// Whether an answer of `GET /api/me` is an acceptance, a refusal for the one right reason, or a failure of the test.
pub(crate) fn accepted(me: Reply) -> bool {
    match me.status {
        200 => true,
        _ => {
            me.expect_problem(401, "token_revoked");
            false
        }
    }
}
