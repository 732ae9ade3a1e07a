//! Sessions: one login on one device, one row.

use std::net::{IpAddr, Ipv6Addr};

use jiff::Timestamp;
use rescind_token::{ClientId, Generation, Salt, SessionId, UserId};

use crate::{revocation::EndReason, status_index::StatusIndex};

/// One login on one device.
///
/// The row holds no token and no hash of one. A refresh token is recomputed from the session's id, generation and salt
/// with the server's key. So a stolen database does not allow minting tokens, and a session costs one row however often
/// it refreshes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The `sid` of every token of this session.
    pub id: SessionId,
    /// The user. Never changes.
    pub user: UserId,
    /// The OAuth client that logged in.
    pub client_id: ClientId,
    /// When the login happened.
    pub created_at: Timestamp,
    /// When the user last proved who they are: at login, or later with the password again.
    pub auth_time: Timestamp,
    /// When the session was last used: at login, then at each rotation.
    pub last_seen_at: Timestamp,
    /// The absolute end. No token of the session is valid after it.
    pub expires_at: Timestamp,
    /// The latest `exp` of any access token issued: a revocation must be kept longer.
    pub access_until: Timestamp,
    /// The state of the refresh token, if the policy has one.
    pub refresh: Option<RefreshState>,
    /// Whether it is still open.
    pub state: SessionState,
    /// When reuse of a refresh token was first noticed; recorded even for a closed session.
    pub reuse_noticed_at: Option<Timestamp>,
    /// Its place in a status list, if the service has them.
    pub status_index: Option<StatusIndex>,
    /// The device seen last.
    pub device: Device,
}

/// The state of a session's chain of refresh tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshState {
    /// The generation that buys the next access token.
    pub generation: Generation,
    /// The session's salt for the refresh tag.
    pub salt: Salt,
    /// When the session ends unless it is refreshed.
    pub idle_until: Timestamp,
    /// Until when generation *n-1* still answers with generation *n*; set by the rotation that made *n*.
    pub grace_until: Option<Timestamp>,
}

/// Open, or closed for a reason. Expiry is not stored: it follows from the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionState {
    /// Not ended.
    Open,
    /// Ended. It never becomes [`SessionState::Open`] again.
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

    /// When the session ends if it is not refreshed.
    pub fn ends_at(&self) -> Timestamp {
        match &self.refresh {
            Some(refresh) => refresh.idle_until.min(self.expires_at),
            None => self.expires_at,
        }
    }

    /// The generation of the current refresh token; the first one if the policy has none.
    pub fn generation(&self) -> Generation {
        self.refresh
            .as_ref()
            .map_or(Generation::FIRST, |refresh| refresh.generation)
    }
}

/// What a user needs to recognise a device in a list. Both values are from the request and must not be trusted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Device {
    /// The `User-Agent` header, cut to [`Device::USER_AGENT_MAX`] characters.
    pub user_agent: Option<String>,
    /// The address that the request came from.
    pub address: Option<IpAddr>,
}

impl Device {
    /// A longer `User-Agent` is cut, to bound the size of rows.
    pub const USER_AGENT_MAX: usize = 256;

    /// A device as a request describes it.
    pub fn new(user_agent: Option<&str>, address: Option<IpAddr>) -> Self {
        Self {
            user_agent: user_agent.map(|name| name.chars().take(Self::USER_AGENT_MAX).collect()),
            address,
        }
    }
}

/// The part of an address that limits count as one client: all of an IPv4 address, and the 64 network bits of an IPv6
/// address, which is what one customer gets.
#[must_use]
pub fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}
