//! The address that the program listens on, and its public URL.

use std::net::{Ipv4Addr, SocketAddr};

use url::{Host, Url};

use super::{Faults, Given};

/// The address that the program listens on, and its public URL.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listening {
    /// The address to bind; port 0 takes any port.
    pub bind: SocketAddr,
    public_url: Option<Url>,
    /// What cookie names begin with; by default the public URL decides.
    pub cookie_prefix: Option<String>,
    /// Where the metrics are served; `None`: nowhere.
    pub metrics: Option<SocketAddr>,
    /// Whether forward authentication is asked with any method at any path, as Envoy does.
    pub forward_auth_same_method: bool,
}

impl Listening {
    const BIND: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

    pub(super) fn judge(given: &Given, faults: &mut Faults) -> Self {
        let must = "must be an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080";
        let bind = faults.parsed(given.bind(), must).unwrap_or(Self::BIND);
        let must = "must be an IP address and a port, such as 127.0.0.1:9090 or [::1]:9090";
        let metrics: Option<SocketAddr> = faults.parsed(given.metrics_bind(), must);
        let is_apart = metrics.is_none_or(|metrics| metrics.port() == 0 || metrics != bind);
        let must = "must not be the address of RESCIND_BIND: the figures are not for clients";
        faults.require(is_apart, "RESCIND_METRICS_BIND", must);
        let must = "must be the address that people type, http:// or https://, a host and perhaps a port, and nothing after \
                    that: https://tokens.example";
        let url = faults.parsed_by(given.public_url(), must, |text| origin(text).ok_or(()));
        let must = "must be set when RESCIND_BIND is 0.0.0.0 or [::], which is no address to visit";
        let is_known = given.public_url().is_given() || !bind.ip().is_unspecified();
        faults.require(is_known, "RESCIND_PUBLIC_URL", must);
        let must = "must be at most 32 letters, digits, dots, dashes and underscores, and not begin with an underscore";
        // Browsers give names that begin with `__` a meaning.
        let name = |text: &str| name(text, 32).and_then(|name| if name.starts_with('_') { Err(()) } else { Ok(name) });
        let same_method = faults.is_second(given.forward_auth(), ["get", "envoy"], "must be get or envoy");
        Self {
            bind,
            public_url: url,
            metrics,
            cookie_prefix: faults.parsed_by(given.cookie_prefix(), must, name),
            forward_auth_same_method: same_method,
        }
    }

    /// The public URL, now that the port is known. An origin: scheme, host and port.
    pub(crate) fn public_url(&self, bound: SocketAddr) -> Result<Url, url::ParseError> {
        match &self.public_url {
            Some(url) => Ok(url.clone()),
            None => Url::parse(&format!("http://{bound}")),
        }
    }

    /// Whether only this machine can reach it: the address is loopback, and so is the public URL, over plain http. Any
    /// other URL names a proxy or a tunnel in front.
    pub fn is_local(&self) -> bool {
        self.bind.ip().is_loopback()
            && self
                .public_url
                .as_ref()
                .is_none_or(|url| url.scheme() == "http" && is_loopback(url))
    }

    /// Whether passwords and cookies would cross a network in the clear.
    pub(crate) fn is_plain_beyond_this_machine(&self) -> bool {
        match &self.public_url {
            Some(url) => url.scheme() == "http" && !is_loopback(url),
            None => !self.bind.ip().is_loopback(),
        }
    }
}

pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Parses a URL that is only an origin.
#[must_use]
pub fn origin(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let bare = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    bare.then_some(url)
}

/// A name that needs no quotes anywhere.
pub(super) fn name(text: &str, longest: usize) -> Result<String, ()> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if text.len() <= longest && text.chars().all(is_name) {
        Ok(text.to_owned())
    } else {
        Err(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(bind: &str, public_url: &str) -> Listening {
        let mut faults = Faults::default();
        let given = Given {
            bind: Some(bind.into()),
            public_url: Some(public_url.into()),
            ..Given::default()
        };
        let listening = Listening::judge(&given, &mut faults);
        assert!(faults.is_empty(), "{faults}");
        listening
    }

    #[test]
    fn the_public_url_follows_the_port_unless_it_is_set() {
        let bound = "127.0.0.1:40123".parse().unwrap();
        let url = |bind, public_url| at(bind, public_url).public_url(bound).unwrap().to_string();
        assert_eq!(url("127.0.0.1:0", ""), "http://127.0.0.1:40123/");
        assert_eq!(url("", "https://tokens.example:443"), "https://tokens.example/");
    }

    #[test]
    fn passwords_in_the_clear_are_noticed() {
        let plain = |bind, public_url| at(bind, public_url).is_plain_beyond_this_machine();
        assert!(!plain("", ""));
        assert!(!plain("", "http://localhost:8080"));
        assert!(!plain("", "https://tokens.example"));
        assert!(plain("", "http://tokens.example"));
        assert!(plain("192.0.2.1:80", ""));
    }
}
