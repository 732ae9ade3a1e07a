//! The one HTTP client: for the keys of an issuer, and for whatever else a service has to fetch or send.
//!
//! It speaks HTTP/1.1 only. It follows no redirect and uses no proxy of the environment, so it connects to no address
//! but the one that it was given. It reads replies up to a limit.

use std::time::Duration;

pub use reqwest;
use reqwest::{Client, RequestBuilder, header::HeaderMap, redirect};

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
    /// The client cannot be built: for TLS it needs certificates that the machine trusts.
    #[error("no HTTP client: the machine's trusted certificates cannot be read")]
    Client(#[source] reqwest::Error),
    /// There is no reply, or not in time.
    #[error("no complete HTTP reply")]
    Exchange(#[source] reqwest::Error),
    /// The body is longer than the limit.
    #[error("the HTTP reply is longer than {0} bytes")]
    TooLong(usize),
}

impl HttpClient {
    /// A client for `https` and `http`. `timeout` is for a whole exchange, from the connection to the last byte. It trusts
    /// the certificates that the machine trusts, or those in the file that `SSL_CERT_FILE` names.
    ///
    /// # Errors
    /// [`HttpError::Client`] if the machine has no trusted certificates.
    pub fn new(user_agent: &str, timeout: Duration) -> Result<Self, HttpError> {
        Self::build(Client::builder(), user_agent, timeout)
    }

    /// The same for `http` only: it trusts no certificate.
    ///
    /// # Errors
    /// [`HttpError::Client`].
    pub fn without_tls(user_agent: &str, timeout: Duration) -> Result<Self, HttpError> {
        Self::build(Client::builder().tls_certs_only([]), user_agent, timeout)
    }

    fn build(builder: reqwest::ClientBuilder, user_agent: &str, timeout: Duration) -> Result<Self, HttpError> {
        let client = builder
            .no_proxy()
            .redirect(redirect::Policy::none())
            .http1_only()
            .timeout(timeout)
            .connect_timeout(timeout)
            // An idle connection would delay the shutdown of a server that is called by itself.
            .pool_max_idle_per_host(0)
            .user_agent(user_agent)
            .build();
        Ok(Self(client.map_err(HttpError::Client)?))
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
    /// [`HttpError`]; not for the status, whatever it is.
    pub async fn send(&self, request: RequestBuilder, longest: usize) -> Result<HttpReply, HttpError> {
        let failed = |error: reqwest::Error| HttpError::Exchange(error.without_url());
        let mut reply = request.send().await.map_err(failed)?;
        let mut body = Vec::new();
        while let Some(piece) = reply.chunk().await.map_err(failed)? {
            if body.len() + piece.len() > longest {
                return Err(HttpError::TooLong(longest));
            }
            body.extend_from_slice(&piece);
        }
        Ok(HttpReply {
            status: reply.status().as_u16(),
            headers: std::mem::take(reply.headers_mut()),
            body,
        })
    }
}
