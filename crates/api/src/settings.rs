//! The settings of the HTTP side.

use std::{num::NonZeroU32, str::FromStr, time::Duration};

use actix_web::http::header::HeaderValue;
use ipnet::IpNet;
use rescind_session::token::{ClientId, RegisteredClient};
use strum::VariantArray;
use url::Url;

/// The HTTP side's settings: [`Settings::new`], then one method for each setting that is not the default.
///
/// ```
/// # use rescind_api::Settings;
/// let settings = Settings::new("https://shop.example".parse()?)
///     .cookie_prefix("shop")
///     .realm("shop")
///     .login_limit("5/min".parse::<rescind_api::RateLimit>()?);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// The address that people type: scheme, host and port alone. Only pages of this origin may write. If it is `https`, cookies are `Secure` and have the
    /// `__Host-` prefix, and replies make browsers use `https` only.
    pub public_url: Url,
    /// The proxies whose `Forwarded` and `X-Forwarded-For` headers are trusted. Anybody else could forge them.
    pub trusted_proxies: Vec<IpNet>,
    /// Other origins whose pages may use this service: a single-page application, for example. Only the origin of each
    /// URL counts. None by default.
    pub allowed_origins: Vec<Url>,
    /// The prefix of the cookies' names. Cookies ignore ports, so two instances on one host need two prefixes. By
    /// default `rescind`, or `rescind_<port>` if the public URL names a port.
    pub cookie_prefix: String,
    /// The name of the access token's cookie, without `__Host-`, which is put in front over `https`. By default the
    /// prefix and `_access`.
    pub access_cookie: Option<String>,
    /// The name of the refresh token's cookie, likewise. By default the prefix and `_refresh`.
    pub refresh_cookie: Option<String>,
    /// The realm in the `WWW-Authenticate` of a 401. By default `rescind`.
    pub realm: String,
    /// The client in the tokens of a login with [`handlers::log_in`](crate::handlers::log_in) or
    /// [`browser::log_in`](crate::browser::log_in). By default [`ClientId::first_party`].
    pub client_id: ClientId,
    /// The clients of the [OAuth endpoints](crate::oauth), which also authenticate at
    /// [`handlers::log_in`](crate::handlers::log_in). None by default.
    pub oauth_clients: Vec<RegisteredClient>,
    /// A `Content-Security-Policy` for every reply of the application that has none. By default only replies of this
    /// crate have one.
    pub content_security_policy: Option<String>,
    /// How long the body of a request may take behind [`Rescind::guard`](crate::Rescind::guard), counted from the end of
    /// its head. By default 10 s; an application with uploads needs more.
    pub body_deadline: Duration,
    /// How long others may keep our published keys. A new key has to be published for longer than that before it signs, and
    /// one that was removed is refused elsewhere that much later. By default a minute.
    pub jwks_max_age: Duration,
    /// The application's login page. By default `/login`.
    pub login_path: String,
    /// Where [`Part::Browser`](crate::Part::Browser) refreshes. By default `/refresh`.
    pub refresh_path: String,
    /// Where [`Part::Browser`](crate::Part::Browser) logs out. By default `/logout`.
    pub logout_path: String,
    /// Where [`Part::ForwardAuth`](crate::Part::ForwardAuth) answers. By default `/auth/check`.
    pub forward_auth_path: String,
    /// Whether [`Part::ForwardAuth`](crate::Part::ForwardAuth) also answers any method at any path below its own, as Envoy's
    /// `ext_authz` asks. By default not.
    pub forward_auth_same_method: bool,
    /// How many logins of an address may fail. By default ten a minute.
    pub login_limit: RateLimit,
    /// How many accounts an address may create. By default ten a minute.
    pub signup_limit: RateLimit,
    /// The name of this node, if there are several. `/health/ready` shows it.
    pub node: Option<String>,
}

/// The same for a setting that has no value by default.
macro_rules! optional_setters {
    ($($name:ident: $kind:ty,)*) => {$(
        #[doc = concat!("Sets [`", stringify!($name), "`](Self#structfield.", stringify!($name), ").")]
        #[must_use]
        pub fn $name(mut self, value: impl Into<$kind>) -> Self {
            self.$name = Some(value.into());
            self
        }
    )*};
}

/// One method for each setting.
macro_rules! setters {
    ($($name:ident: $kind:ty,)*) => {$(
        #[doc = concat!("Sets [`", stringify!($name), "`](Self#structfield.", stringify!($name), ").")]
        #[must_use]
        pub fn $name(mut self, value: impl Into<$kind>) -> Self {
            self.$name = value.into();
            self
        }
    )*};
}

/// A setting that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the setting `{setting}` {must}")]
#[non_exhaustive]
pub struct InvalidSetting {
    /// Its name.
    pub setting: &'static str,
    /// What it must be, worded to follow the name.
    pub must: &'static str,
}

impl Settings {
    setters! {
        trusted_proxies: Vec<IpNet>,
        allowed_origins: Vec<Url>,
        cookie_prefix: String,
        realm: String,
        client_id: ClientId,
        oauth_clients: Vec<RegisteredClient>,
        body_deadline: Duration,
        jwks_max_age: Duration,
        login_path: String,
        refresh_path: String,
        logout_path: String,
        forward_auth_path: String,
        forward_auth_same_method: bool,
        login_limit: RateLimit,
        signup_limit: RateLimit,
        node: Option<String>,
    }

    optional_setters! {
        access_cookie: String,
        refresh_cookie: String,
        content_security_policy: String,
    }

    pub(crate) fn validate(&self) -> Result<(), InvalidSetting> {
        let check = |is_good, setting, must| {
            if is_good {
                Ok(())
            } else {
                Err(InvalidSetting { setting, must })
            }
        };
        let is_cookie_name = |name: &str| {
            !name.is_empty()
                // Browsers give names with this beginning a meaning.
                && !name.starts_with("__")
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        let is_web = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
        let origin = self.public_url.origin().ascii_serialization();
        let is_origin = is_web(&self.public_url) && self.public_url.as_str() == format!("{origin}/");
        check(
            is_origin,
            "public_url",
            "must be an http or https URL of a host alone, without a path",
        )?;
        let names = [self.access_cookie.as_deref(), self.refresh_cookie.as_deref()];
        let is_path = |path: &String| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
            path.starts_with('/') && !path.contains("//") && path.bytes().all(is_plain)
        };
        let paths = [
            (&self.login_path, "login_path"),
            (&self.refresh_path, "refresh_path"),
            (&self.logout_path, "logout_path"),
            (&self.forward_auth_path, "forward_auth_path"),
        ];
        let csp = self.content_security_policy.as_deref().map(HeaderValue::from_str);
        let is_realm = |byte: u8| (b' '..=b'~').contains(&byte) && !b"\"\\".contains(&byte);
        let letters = "must be letters, digits, `-`, `_` and `.`, and not begin with `__`";
        check(is_cookie_name(&self.cookie_prefix), "cookie_prefix", letters)?;
        check(names[0].is_none_or(is_cookie_name), "access_cookie", letters)?;
        check(names[1].is_none_or(is_cookie_name), "refresh_cookie", letters)?;
        let all = ["access", "refresh", "left", "notice"].map(|what| self.cookie_name(what));
        let differ = |own: usize| all.iter().filter(|name| **name == all[own]).count() == 1;
        check(differ(1), "refresh_cookie", "must differ from our other cookies")?;
        check(differ(0), "access_cookie", "must differ from our other cookies")?;
        check(
            self.realm.bytes().all(is_realm),
            "realm",
            "must be printable ASCII without quotes and backslashes",
        )?;
        check(
            !matches!(csp, Some(Err(_))),
            "content_security_policy",
            "must be able to stand in a header",
        )?;
        let is_own = |client: &RegisteredClient| *client.id() == self.client_id;
        check(
            !self.oauth_clients.iter().any(is_own),
            "oauth_clients",
            "must not contain `client_id`, whose sessions every client may use",
        )?;
        let are_origins = self.allowed_origins.iter().all(is_web);
        check(are_origins, "allowed_origins", "must be http or https URLs")?;
        for (path, name) in paths {
            check(
                is_path(path),
                name,
                "must begin with `/`, followed by letters, digits, `/`, `-`, `_`, `.` and `~`",
            )?;
        }
        Ok(())
    }

    /// Settings for a service without a proxy in front.
    pub fn new(public_url: Url) -> Self {
        Self {
            cookie_prefix: public_url
                .port()
                .map_or_else(|| "rescind".to_owned(), |port| format!("rescind_{port}")),
            public_url,
            trusted_proxies: Vec::new(),
            allowed_origins: Vec::new(),
            access_cookie: None,
            refresh_cookie: None,
            realm: "rescind".to_owned(),
            client_id: ClientId::first_party(),
            oauth_clients: Vec::new(),
            content_security_policy: None,
            body_deadline: DEADLINE,
            jwks_max_age: JWKS_MAX_AGE,
            login_path: "/login".to_owned(),
            refresh_path: "/refresh".to_owned(),
            logout_path: "/logout".to_owned(),
            forward_auth_path: "/auth/check".to_owned(),
            forward_auth_same_method: false,
            login_limit: RateLimit::default(),
            signup_limit: RateLimit::default(),
            node: None,
        }
    }

    /// The name of a cookie of this service that no other host can set.
    #[must_use]
    pub fn cookie_name(&self, what: &str) -> String {
        let host_only = if self.is_https() { "__Host-" } else { "" };
        let own = match what {
            "access" => self.access_cookie.as_deref(),
            "refresh" => self.refresh_cookie.as_deref(),
            _ => None,
        };
        own.map_or_else(
            || format!("{host_only}{}_{what}", self.cookie_prefix),
            |own| format!("{host_only}{own}"),
        )
    }

    /// Whether the public URL is `https`.
    pub fn is_https(&self) -> bool {
        self.public_url.scheme() == "https"
    }
}

/// How long a body may take, counted from the end of the request's head.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// How long others may keep our published keys.
const JWKS_MAX_AGE: Duration = Duration::from_secs(60);

/// How often an action is allowed. Written as `10/min`, `100/hour`, `5/s` or `off`.
#[derive(Debug, Clone, Copy, derive_more::Display, PartialEq, Eq)]
#[non_exhaustive]
pub enum RateLimit {
    /// No limit.
    #[display("off")]
    Off,
    /// So many at once; a used-up quota grows back evenly over the period.
    #[display("{count}/{per}")]
    Quota {
        /// How many.
        count: NonZeroU32,
        /// The period.
        per: Period,
    },
}

/// The time over which a [`RateLimit`] grows back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display, VariantArray)]
#[non_exhaustive]
pub enum Period {
    /// `s`
    #[strum(serialize = "s")]
    Second,
    /// `min`
    #[strum(serialize = "min")]
    Minute,
    /// `hour`
    #[strum(serialize = "hour")]
    Hour,
}

impl Default for RateLimit {
    /// Ten a minute.
    fn default() -> Self {
        let count = NonZeroU32::MIN.saturating_add(9);
        Self::Quota {
            count,
            per: Period::Minute,
        }
    }
}

/// A limit that cannot be parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a number per s, min or hour, such as 10/min, or off")]
pub struct InvalidRateLimit;

impl FromStr for RateLimit {
    type Err = InvalidRateLimit;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" {
            return Ok(Self::Off);
        }
        let (count, period) = text.split_once('/').ok_or(InvalidRateLimit)?;
        let count = count.parse().map_err(|_| InvalidRateLimit)?;
        let mut periods = Period::VARIANTS.iter().copied();
        let per = periods.find(|per| per.to_string() == period).ok_or(InvalidRateLimit)?;
        Ok(Self::Quota { count, per })
    }
}
