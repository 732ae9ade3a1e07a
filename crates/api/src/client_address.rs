//! The address that a request comes from.
//!
//! The peer of the connection cannot be forged; everything in a header can. So headers are read only if the peer is a
//! proxy that the settings trust. They are read from their right end, where that proxy wrote: each trusted address
//! confirms the one on its left, and the first address that is not trusted is the client. Entries further left are
//! unconfirmed.
//!
//! Headers are read as bytes, entry by entry, so that a client's entry on the left, readable or not, cannot hide the
//! proxy's entry on the right.
//!
//! Rejected: `ConnectionInfo::realip_remote_addr`, which takes the leftmost entry, the client's own claim.

use std::net::{IpAddr, SocketAddr};

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderMap, HeaderName, HeaderValue},
};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The client's address, as far as it can be known. Hidden: public for the fuzz target.
#[doc(hidden)]
pub fn client_address(request: &HttpRequest, trusted: &[IpNet]) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip().to_canonical();
    Some(behind_proxies(peer, request.headers(), trusted))
}

/// Whether a trusted proxy sent this request.
pub(crate) fn is_from_proxy(request: &HttpRequest, trusted: &[IpNet]) -> bool {
    let peer = request.peer_addr().map(|peer| peer.ip().to_canonical());
    peer.is_some_and(|peer| is_trusted(&peer, trusted))
}

fn is_trusted(address: &IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(address))
}

fn behind_proxies(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    if !is_trusted(&peer, trusted) {
        return peer;
    }
    let walk = |name: HeaderName, read: fn(&str) -> Option<IpAddr>| {
        let lines: Vec<_> = headers.get_all(name).map(HeaderValue::as_bytes).collect();
        let entries = lines.iter().rev().flat_map(|line| line.rsplit(|byte| *byte == b','));
        let mut client = None;
        for entry in entries {
            // An unreadable entry ends the walk: the result is the last confirmed address.
            let Some(address) = read(&String::from_utf8_lossy(entry)) else {
                break;
            };
            client = Some(address);
            if !is_trusted(&address, trusted) {
                break;
            }
        }
        client
    };
    match (walk(header::FORWARDED, forwarded_for), walk(X_FORWARDED_FOR, address)) {
        // A proxy writes one of the two and passes the other on as the client sent it. It is not known which one, so if
        // they differ neither is used.
        (Some(one), Some(other)) if one != other => peer,
        (Some(client), _) | (None, Some(client)) => client,
        (None, None) => peer,
    }
}

/// The `for` of one element of a `Forwarded` header (RFC 7239, section 4).
fn forwarded_for(element: &str) -> Option<IpAddr> {
    element
        .split(';')
        .find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            name.trim().eq_ignore_ascii_case("for").then_some(value)
        })
        .and_then(|value| address(value.trim().trim_matches('"')))
}

/// An address with or without a port, IPv6 with or without brackets.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    let address = bare
        .parse()
        .or_else(|_| text.parse().map(|socket: SocketAddr| socket.ip()));
    address.ok().map(|address| address.to_canonical())
}
