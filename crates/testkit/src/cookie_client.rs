//! A visitor of the pages with cookies and forms. It is not a browser, but it sends what one sends, and a thousand of
//! them are cheap; [`Browser`](crate::Browser) is for tests that need a real one.

use std::sync::Arc;

use reqwest::cookie::{CookieStore, Jar};
use reqwest::{Client, Method, RequestBuilder, Url};
use secrecy::SecretString;

use crate::Reply;
use crate::api_client::client;

/// The origin headers of a request (Fetch Metadata, and `Origin`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Provenance {
    /// A current browser, on a page of the program itself.
    #[default]
    SameOrigin,
    /// A browser that sends no `Sec-Fetch-*`, but `Origin` with every form.
    OldBrowser,
    /// A current browser, on a page of this other origin.
    OtherOrigin(String),
    /// No browser: neither header.
    Silent,
}

/// The program's own name for its cookie `rescind_…`: with the port, if the address has one. Text after the name stays.
#[must_use]
pub fn cookie_name(base_url: &str, name: &str) -> String {
    let port = Url::parse(base_url).ok().and_then(|url| url.port());
    match (name.strip_prefix("rescind_"), port) {
        (Some(rest), Some(port)) => format!("rescind_{port}_{rest}"),
        _ => name.to_owned(),
    }
}

/// The same without the prefix `__Host-` and the port.
pub(crate) fn plain_cookie_name(name: &str) -> String {
    let name = name.strip_prefix("__Host-").unwrap_or(name);
    name.replace(|c: char| c.is_ascii_digit(), "").replace("__", "_")
}

/// A visitor with a cookie jar, who follows no redirect, so that a test sees each reply.
/// Clones share the jar: two tabs of one browser.
#[derive(Debug, Clone)]
pub struct CookieClient {
    http: Client,
    jar: Arc<Jar>,
    base_url: Url,
    provenance: Provenance,
}

impl CookieClient {
    /// A visitor of the program at `base_url`, with an empty jar.
    ///
    /// # Panics
    /// If `base_url` is not a URL, or no HTTP client can be made.
    #[must_use]
    pub fn new(base_url: &str) -> Self {
        let jar = Arc::new(Jar::default());
        let cookies = Arc::clone(&jar);
        let http = client(|builder| builder.cookie_provider(cookies).user_agent("rescind-testkit (cookies)"));
        let base_url = Url::parse(base_url).unwrap_or_else(|e| panic!("{base_url:?} is no URL: {e}"));
        Self {
            http,
            jar,
            base_url,
            provenance: Provenance::default(),
        }
    }

    /// The same visitor, with the same jar, with another origin of requests.
    #[must_use]
    pub fn with_provenance(&self, provenance: Provenance) -> Self {
        Self {
            provenance,
            ..self.clone()
        }
    }

    /// Opens a page, as by typing its address or following a link.
    pub async fn open(&self, path: &str) -> Reply {
        self.send(self.request("GET", path)).await
    }

    /// Sends a form.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        self.send(self.request("POST", path).form(fields)).await
    }

    /// Sends the form of `/login`.
    pub async fn log_in(&self, username: &str, password: &str) -> Reply {
        self.post("/login", &[("username", username), ("password", password)])
            .await
    }

    /// Presses "Log out".
    pub async fn log_out(&self) -> Reply {
        self.post("/logout", &[]).await
    }

    /// Sends the form of `/refresh`, as a page's script does before the expiry.
    pub async fn refresh(&self) -> Reply {
        self.post("/refresh", &[]).await
    }

    /// Opens the target of a redirect.
    ///
    /// # Panics
    /// If `reply` is no redirect.
    pub async fn follow(&self, reply: &Reply) -> Reply {
        match reply.header("location") {
            "" => panic!("nothing to follow in {reply:?}"),
            location => self.open(location).await,
        }
    }

    /// The value of a cookie that the visitor would send; the name may be given with or without the prefix `__Host-`
    /// and the port: `rescind_access` finds `rescind_8080_access`.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<SecretString> {
        let header = self.jar.cookies(&self.base_url)?;
        header.to_str().ok()?.split("; ").find_map(|pair| {
            let (found, value) = pair.split_once('=')?;
            (plain_cookie_name(found) == name).then(|| value.into())
        })
    }

    /// Puts a cookie into the jar, written as in `Set-Cookie`, for instance a stolen one. A name that begins with
    /// `rescind_` is replaced by the program's own name for that cookie.
    pub fn plant_cookie(&self, cookie: &str) {
        self.jar
            .add_cookie_str(&cookie_name(self.base_url.as_str(), cookie), &self.base_url);
    }

    /// Starts a request with the headers of the [`Provenance`], which the test completes.
    ///
    /// # Panics
    /// If `method` is no token (RFC 9110, section 9.1) or `path` leads nowhere.
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap_or_else(|e| panic!("{method:?} is no method: {e}"));
        let url = self
            .base_url
            .join(path)
            .unwrap_or_else(|e| panic!("{path:?} leads nowhere: {e}"));
        let own = self.base_url.origin().ascii_serialization();
        let safe = method.is_safe();
        let request = self.http.request(method, url);
        let (site, origin) = match &self.provenance {
            // A typed address has no origin; a form has its page's.
            Provenance::SameOrigin if safe => (Some("none"), None),
            Provenance::SameOrigin => (Some("same-origin"), Some(own)),
            Provenance::OldBrowser if safe => (None, None),
            Provenance::OldBrowser => (None, Some(own)),
            Provenance::OtherOrigin(_) if safe => (Some("cross-site"), None),
            Provenance::OtherOrigin(origin) => (Some("cross-site"), Some(origin.clone())),
            Provenance::Silent => (None, None),
        };
        let request = match site {
            Some(site) => request
                .header("Sec-Fetch-Site", site)
                .header("Sec-Fetch-Mode", "navigate")
                .header("Sec-Fetch-Dest", "document")
                .header("Sec-Fetch-User", "?1"),
            None => request,
        };
        match origin {
            Some(origin) => request.header("Origin", origin),
            None => request,
        }
    }

    /// Sends a request that must be answered, with any status.
    ///
    /// # Panics
    /// If there is none within 30 s.
    pub async fn send(&self, request: RequestBuilder) -> Reply {
        match request.send().await {
            Ok(response) => Reply::read(response)
                .await
                .unwrap_or_else(|e| panic!("half an answer: {e:?}")),
            Err(error) => panic!("no answer: {error:?}"),
        }
    }
}
