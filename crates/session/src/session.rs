//! A session: one login on one device, one row.

use std::net::{IpAddr, Ipv6Addr};

use jiff::Timestamp;
use rescind_token::{ClientId, Generation, Salt, SessionId, UserId};

use crate::revocation::EndReason;

/// One login on one device.
///
/// The row holds no token and no hash of one. A refresh token is rebuilt from the session's id, its generation and its
/// salt under the server's key, so whoever steals the database can mint nothing, and a session costs one row however
/// often it refreshes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The `sid` of every token of this session.
    pub id: SessionId,
    /// Whose it is. Never changes.
    pub user: UserId,
    /// The OAuth client that logged in.
    pub client_id: ClientId,
    /// When the login happened.
    pub created_at: Timestamp,
    /// When the session last proved itself: at login, then at each rotation.
    pub last_seen_at: Timestamp,
    /// The absolute end. No token of the session lives past it.
    pub expires_at: Timestamp,
    /// The latest `exp` of any access token issued: what a revocation must outlive.
    pub access_until: Timestamp,
    /// What the refresh token hangs on, where the policy has one.
    pub refresh: Option<RefreshState>,
    /// Whether it is still open.
    pub state: SessionState,
    /// When a copy of a refresh token was first noticed; recorded even for a session that was closed already.
    pub reuse_noticed_at: Option<Timestamp>,
    /// The device that was seen last.
    pub device: Device,
}

/// Where a session's chain of refresh tokens stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshState {
    /// The generation that buys the next access token.
    pub generation: Generation,
    /// The session's share of the refresh tag.
    pub salt: Salt,
    /// When the session ends if nobody refreshes before.
    pub idle_until: Timestamp,
    /// Until when generation *n-1* still answers with generation *n*; set by the rotation that made *n*.
    pub grace_until: Option<Timestamp>,
}

/// Open, or closed for a reason. That a session ran out is not written down: it follows from the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionState {
    /// Nobody has ended it.
    Open,
    /// Ended, for good: there is no way back to [`SessionState::Open`].
    Closed {
        /// When.
        at: Timestamp,
        /// Why.
        cause: EndReason,
    },
}

impl Session {
    /// Open, and neither idle for too long nor too old.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.state == SessionState::Open && !self.is_expired(now)
    }

    /// Whether the idle or the absolute end has passed.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.ends_at()
    }

    /// When the session ends if it is left alone.
    #[must_use]
    pub fn ends_at(&self) -> Timestamp {
        match &self.refresh {
            Some(refresh) => refresh.idle_until.min(self.expires_at),
            None => self.expires_at,
        }
    }

    /// The generation of the current refresh token; the first one where the policy has none.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.refresh
            .as_ref()
            .map_or(Generation::FIRST, |refresh| refresh.generation)
    }
}

/// What a person needs to recognise a device in a list. Both come from the request and are not to be trusted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Device {
    /// The `User-Agent` header, cut to [`Device::USER_AGENT_MAX`] characters.
    pub user_agent: Option<String>,
    /// The address that the request came from.
    pub address: Option<IpAddr>,
}

impl Device {
    /// A longer `User-Agent` is cut: rows are bounded.
    pub const USER_AGENT_MAX: usize = 256;

    /// A device as a request describes it.
    #[must_use]
    pub fn new(user_agent: Option<&str>, address: Option<IpAddr>) -> Self {
        Self {
            user_agent: user_agent.map(|name| name.chars().take(Self::USER_AGENT_MAX).collect()),
            address,
        }
    }
}

/// The part of an address that limits count as one client: IPv4 whole, and of IPv6 the 64 bits of the network, which is
/// what one customer gets.
#[must_use]
pub fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}
