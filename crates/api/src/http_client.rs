//! The one HTTP client: for the keys of an issuer, and for other requests of a service.
//!
//! It speaks HTTP/1.1 only. It follows no redirect and uses no proxy of the environment, so it connects to no address
//! but the one that it was given. It reads replies up to a limit.

use std::time::Duration;

pub use reqwest;
use reqwest::{Client, RequestBuilder, header::HeaderMap, redirect};

/// Less than any server keeps a connection: a request that meets the closing would be lost.
const IDLE: Duration = Duration::from_secs(1);

/// An HTTP/1.1 client. Cheap to clone.
#[derive(Debug, Clone)]
pub struct HttpClient(Client);

/// A reply that was read completely.
#[derive(Debug)]
#[non_exhaustive]
pub struct HttpReply {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is no client or no reply. It never names the address, which may contain a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// For a client: the machine's trusted certificates cannot be read. For a request: there is no reply, or not in time.
    #[error("HTTP fails")]
    Failed(#[source] reqwest::Error),
    /// The body is longer than the limit.
    #[error("the HTTP reply is longer than {0} bytes")]
    TooLong(usize),
}

impl From<reqwest::Error> for HttpError {
    fn from(error: reqwest::Error) -> Self {
        Self::Failed(error.without_url())
    }
}

impl HttpClient {
    /// A client for `https` and `http`. `timeout` is for a whole exchange, from the connection to the last byte. It trusts
    /// the certificates that the machine trusts, or those in the file that `SSL_CERT_FILE` names.
    ///
    /// # Errors
    /// [`HttpError::Failed`] if the machine has no trusted certificates.
    pub fn new(user_agent: &str, timeout: Duration) -> Result<Self, HttpError> {
        Self::build(true, user_agent, timeout, 0)
    }

    /// The same for `http` only: it trusts no certificate, and needs none.
    ///
    /// # Errors
    /// [`HttpError::Failed`].
    pub fn without_tls(user_agent: &str, timeout: Duration) -> Result<Self, HttpError> {
        Self::build(false, user_agent, timeout, 0)
    }

    /// `idle`: how many idle connections are kept, each for a second. None, unless requests follow each other: an idle
    /// connection would delay the shutdown of a server that calls itself.
    pub(crate) fn build(tls: bool, user_agent: &str, timeout: Duration, idle: usize) -> Result<Self, HttpError> {
        let builder = if tls {
            Client::builder()
        } else {
            Client::builder().tls_certs_only([])
        };
        let builder = builder.no_proxy().redirect(redirect::Policy::none()).http1_only();
        let builder = builder.timeout(timeout).connect_timeout(timeout).user_agent(user_agent);
        let builder = builder.pool_max_idle_per_host(idle).pool_idle_timeout(IDLE);
        Ok(Self(builder.build()?))
    }

    /// A `GET` request, to be sent with [`send`](Self::send).
    pub fn get(&self, url: &str) -> RequestBuilder {
        self.0.get(url)
    }

    /// A `POST` request, to be sent with [`send`](Self::send).
    pub fn post(&self, url: &str) -> RequestBuilder {
        self.0.post(url)
    }

    /// Sends a request, and reads the reply if its body has at most `longest` bytes.
    ///
    /// # Errors
    /// [`HttpError`]; not for any status.
    pub async fn send(&self, request: RequestBuilder, longest: usize) -> Result<HttpReply, HttpError> {
        let mut reply = request.send().await?;
        let (status, headers) = (reply.status().as_u16(), std::mem::take(reply.headers_mut()));
        let mut body = Vec::new();
        while let Some(piece) = reply.chunk().await? {
            if body.len() + piece.len() > longest {
                return Err(HttpError::TooLong(longest));
            }
            body.extend_from_slice(&piece);
        }
        Ok(HttpReply { status, headers, body })
    }
}
