//! Where a request really comes from.
//!
//! The peer of the connection cannot be made up; everything in a header can. So headers are read only if the peer is a
//! proxy that the settings trust, and then from their right end, where that proxy wrote: each trusted address vouches
//! for the one on its left, and the first that is not trusted is the client. What stands further left is hearsay.
//!
//! Headers are read as bytes, entry by entry: what a client wrote on the left, readable or not, hides nothing of what the
//! proxy wrote on the right.
//!
//! Rejected: `ConnectionInfo::realip_remote_addr`, which takes the leftmost entry, the client's own word.

use std::net::{IpAddr, SocketAddr};

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderMap, HeaderName, HeaderValue},
};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of the client, as far as it can be known.
pub(crate) fn client_address(request: &HttpRequest, trusted: &[IpNet]) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip().to_canonical();
    Some(behind_proxies(peer, request.headers(), trusted))
}

fn behind_proxies(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    if !is_trusted(&peer) {
        return peer;
    }
    let walk = |name: HeaderName, read: fn(&str) -> Option<IpAddr>| {
        let lines: Vec<_> = headers.get_all(name).map(HeaderValue::as_bytes).collect();
        let entries = lines.iter().rev().flat_map(|line| line.rsplit(|byte| *byte == b','));
        let mut client = None;
        for entry in entries {
            // Something unreadable ends the walk: the last address that was vouched for stands.
            let Some(address) = read(&String::from_utf8_lossy(entry)) else {
                break;
            };
            client = Some(address);
            if !is_trusted(&address) {
                break;
            }
        }
        client
    };
    match (walk(header::FORWARDED, forwarded_for), walk(X_FORWARDED_FOR, address)) {
        // A proxy writes one of the two and passes the other on as the client sent it. Which one is not known, so if
        // they disagree the client gains nothing by it.
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
