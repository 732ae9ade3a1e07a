//! A client of the JSON API with bearer tokens, and a thief with copies of them.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::time::{interval, timeout};

use crate::{Reply, Tokens};

/// Longer than any timeout of the program, so that a hang is a failure.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long an idle connection is kept: less than the five seconds after which the program closes it, since a request
/// that meets the closing is lost.
const IDLE: Duration = Duration::from_secs(1);

/// A client of the JSON API. It keeps no token and no cookie and follows no redirect: a call sends only its arguments.
/// Clones share their connections.
#[derive(Debug, Clone)]
pub struct ApiClient {
    http: Client,
    base_url: String,
}

impl ApiClient {
    /// A client of the program at `base_url`, which has no slash at its end.
    ///
    /// # Panics
    /// If no HTTP client can be made.
    #[must_use]
    pub fn new(base_url: &str) -> Self {
        Self {
            http: client(|builder| builder.user_agent("rescind-testkit")),
            base_url: base_url.to_owned(),
        }
    }

    /// `POST /api/users`.
    pub async fn sign_up(&self, username: &str, password: &str) -> Reply {
        let body = json!({"username": username, "password": password});
        self.post("/api/users", None, Some(&body)).await
    }

    /// `POST /api/login`. [`Reply::tokens`] returns the tokens.
    pub async fn log_in(&self, username: &str, password: &str) -> Reply {
        let body = json!({"username": username, "password": password});
        self.post("/api/login", None, Some(&body)).await
    }

    /// `POST /api/refresh`.
    pub async fn refresh(&self, refresh_token: &SecretString) -> Reply {
        let body = json!({"refresh_token": refresh_token.expose_secret()});
        self.post("/api/refresh", None, Some(&body)).await
    }

    /// `POST /api/logout` with the access token.
    pub async fn log_out(&self, access_token: &SecretString) -> Reply {
        self.post("/api/logout", Some(access_token), None).await
    }

    /// `POST /api/logout` with the refresh token only, like a client whose access token has expired.
    pub async fn log_out_by_refresh_token(&self, refresh_token: &SecretString) -> Reply {
        let body = json!({"refresh_token": refresh_token.expose_secret()});
        self.post("/api/logout", None, Some(&body)).await
    }

    /// `POST /api/logout-everywhere`.
    pub async fn log_out_everywhere(&self, access_token: &SecretString) -> Reply {
        self.post("/api/logout-everywhere", Some(access_token), None).await
    }

    /// `GET /api/me`.
    pub async fn me(&self, access_token: &SecretString) -> Reply {
        self.get("/api/me", Some(access_token)).await
    }

    /// Waits until an access token has expired: until `GET /api/me` answers `token_expired`. Its lifetime is real time;
    /// start the program with a short one.
    ///
    /// # Panics
    /// If it is refused for another reason, or still accepted after 30 s.
    pub async fn until_expired(&self, access_token: &SecretString) {
        let mut again = interval(Duration::from_millis(50));
        let expired = async {
            loop {
                again.tick().await;
                let reply = self.me(access_token).await;
                if reply.status != 200 {
                    return reply.expect_problem(401, "token_expired");
                }
            }
        };
        if timeout(PATIENCE, expired).await.is_err() {
            panic!("the token is still accepted after {} s", PATIENCE.as_secs());
        }
    }

    /// `GET /api/sessions`.
    pub async fn sessions(&self, access_token: &SecretString) -> Reply {
        self.get("/api/sessions", Some(access_token)).await
    }

    /// `DELETE /api/sessions/{id}`.
    pub async fn log_out_session(&self, access_token: &SecretString, session_id: &str) -> Reply {
        self.delete(&format!("/api/sessions/{session_id}"), Some(access_token))
            .await
    }

    /// `GET` of any path, with an access token or without.
    pub async fn get(&self, path: &str, access_token: Option<&SecretString>) -> Reply {
        self.send(bearing(self.request("GET", path), access_token)).await
    }

    /// `POST` to any path, with a JSON body or without.
    pub async fn post(&self, path: &str, access_token: Option<&SecretString>, body: Option<&Value>) -> Reply {
        let request = bearing(self.request("POST", path), access_token);
        self.send(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
    }

    /// `DELETE` of any path.
    pub async fn delete(&self, path: &str, access_token: Option<&SecretString>) -> Reply {
        self.send(bearing(self.request("DELETE", path), access_token)).await
    }

    /// Starts a request that the test completes, for [`send`](Self::send) or [`attempt`](Self::attempt).
    ///
    /// # Panics
    /// If `method` is no token (RFC 9110, section 9.1).
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap_or_else(|e| panic!("{method:?} is no method: {e}"));
        self.http.request(method, format!("{}{path}", self.base_url))
    }

    /// Sends a request that must be answered, with any status.
    ///
    /// # Panics
    /// If there is none within 30 s.
    pub async fn send(&self, request: RequestBuilder) -> Reply {
        self.attempt(request)
            .await
            .unwrap_or_else(|e| panic!("no answer: {e:?}"))
    }

    /// Sends a request that may get no answer, because the program is being killed meanwhile.
    ///
    /// # Errors
    /// The error of the connection.
    pub async fn attempt(&self, request: RequestBuilder) -> reqwest::Result<Reply> {
        Reply::read(request.send().await?).await
    }
}

/// An HTTP client that follows no redirect.
pub(crate) fn client(more: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Client {
    let builder = Client::builder()
        // Only http: reading the machine's certificates takes long.
        .tls_certs_only([])
        .redirect(Policy::none())
        .no_proxy()
        .timeout(PATIENCE)
        .pool_idle_timeout(IDLE);
    more(builder).build().unwrap_or_else(|e| panic!("no HTTP client: {e}"))
}

fn bearing(request: RequestBuilder, access_token: Option<&SecretString>) -> RequestBuilder {
    match access_token {
        Some(token) => request.bearer_auth(token.expose_secret()),
        None => request,
    }
}

/// Somebody with copies of another's tokens, who tries to use them.
#[derive(Debug)]
pub struct Thief {
    client: ApiClient,
    loot: Tokens,
}

impl Thief {
    /// Copies the tokens; their owner does not notice.
    #[must_use]
    pub fn copying(client: &ApiClient, tokens: &Tokens) -> Self {
        Self {
            client: client.clone(),
            loot: tokens.clone(),
        }
    }

    /// Presents the stolen access token at `GET /api/me`.
    pub async fn tries_me(&self) -> Reply {
        self.client.me(self.loot.access()).await
    }

    /// Tries to buy new tokens with the stolen refresh token; on success the new ones replace the copies.
    pub async fn tries_refresh(&mut self) -> Reply {
        let reply = self.client.refresh(self.loot.refresh()).await;
        if let (200, Some(tokens)) = (reply.status, Tokens::of(&reply.body)) {
            self.loot = tokens;
        }
        reply
    }
}
