//! The receivers of security events.

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::{Faults, Given, Tokens, listening::is_loopback, tokens::duration};

/// The receivers of revocation events, and how long the log waits for them.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Events {
    /// The receivers.
    pub receivers: Vec<EventReceiver>,
    /// How long a revocation is kept at most for a receiver that has not acknowledged it.
    pub retention: Duration,
}

/// A receiver of security events.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EventReceiver {
    /// Where events are sent: `https`, or `http` on this machine. It is stored in the database and logged.
    pub url: Url,
    /// The `aud` of its events; by default the URL.
    pub audience: String,
    /// Sent as `Authorization: Bearer`.
    pub bearer: Option<SecretString>,
}

impl Events {
    const RETENTION: Duration = Duration::from_secs(7 * 24 * 60 * 60);
    const SHORTEST_RETENTION: Duration = Duration::from_secs(60);

    pub(super) fn judge(given: &Given, tokens: &Tokens, faults: &mut Faults) -> Self {
        let must = "must be addresses with commas between them, each once and perhaps followed by audience=NAME and \
                    bearer=TOKEN: https://shop.example/events audience=shop. An address is https, or http on this machine, \
                    without a user, a query or a fragment: it is logged";
        let receivers = faults
            .parsed_by(given.event_receivers(), must, receivers)
            .unwrap_or_default();
        let preset = tokens.policy.preset;
        if !receivers.is_empty() && !tokens.policy.keeps_sessions() {
            let must = format!("must not be set under RESCIND_POLICY={preset}, under which a logout revokes nothing");
            faults.add("RESCIND_EVENT_RECEIVERS", must);
        }
        let retention = duration(given.event_retention(), faults).unwrap_or(Self::RETENTION);
        let must = "must be at least 1m";
        faults.require(retention >= Self::SHORTEST_RETENTION, "RESCIND_EVENT_RETENTION", must);
        Self { receivers, retention }
    }
}

fn receivers(text: &str) -> Result<Vec<EventReceiver>, ()> {
    let receivers: Vec<_> = text.split(',').map(receiver).collect::<Result<_, _>>()?;
    let is_repeated = |(n, one): (usize, &EventReceiver)| receivers[..n].iter().any(|other| other.url == one.url);
    if receivers.iter().enumerate().any(is_repeated) {
        return Err(());
    }
    Ok(receivers)
}

fn receiver(text: &str) -> Result<EventReceiver, ()> {
    let mut words = text.split_whitespace();
    let url = Url::parse(words.next().ok_or(())?).map_err(drop)?;
    let is_safe = match url.scheme() {
        "https" => url.has_host(),
        "http" => is_loopback(&url),
        _ => false,
    };
    let is_plain =
        url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    let (mut audience, mut bearer) = (None, None);
    for word in words {
        let (kept, value) = match word.split_once('=').ok_or(())? {
            ("audience", value) if value.len() <= 200 => (&mut audience, value),
            ("bearer", value) if is_bearer_token(value) => (&mut bearer, value),
            _ => return Err(()),
        };
        if value.is_empty() || kept.replace(value.to_owned()).is_some() {
            return Err(());
        }
    }
    if !is_safe || !is_plain || url.as_str().len() > 1_000 {
        return Err(());
    }
    Ok(EventReceiver {
        audience: audience.unwrap_or_else(|| url.to_string()),
        bearer: bearer.map(SecretString::from),
        url,
    })
}

/// RFC 6750 section 2.1.
fn is_bearer_token(text: &str) -> bool {
    let text = text.trim_end_matches('=');
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b))
}
