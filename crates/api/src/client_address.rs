//! Where a request really comes from.
//!
//! The peer of the connection cannot be made up; everything in a header can. So headers are read only if the peer is a
//! proxy that the settings trust, and then from their right end, where that proxy wrote: each trusted address vouches
//! for the one on its left, and the first that is not trusted is the client. What stands further left is hearsay.
//!
//! Rejected: `ConnectionInfo::realip_remote_addr`, which takes the leftmost entry, the client's own word; and a parser
//! of the whole header, which would let a client's garbage on the left hide what the proxy wrote on the right.

use std::net::{IpAddr, SocketAddr};

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderMap, HeaderName},
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
        let entries: Vec<_> = headers
            .get_all(name)
            .map(|value| value.to_str().unwrap_or_default())
            .collect();
        let mut client = None;
        for entry in entries.iter().rev().flat_map(|value| value.rsplit(',')) {
            // Something unreadable ends the walk: the last address that was vouched for stands.
            let Some(address) = read(entry) else { break };
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

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn client(peer: &str, headers: &[(HeaderName, &str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.clone(), HeaderValue::from_str(value).unwrap());
        }
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        behind_proxies(peer.parse().unwrap(), &map, &trusted).to_string()
    }

    #[test]
    fn the_headers_of_an_untrusted_peer_are_not_read() {
        assert_eq!(client("192.0.2.1", &[(X_FORWARDED_FOR, "198.51.100.7")]), "192.0.2.1");
        assert_eq!(
            client("192.0.2.1", &[(header::FORWARDED, "for=198.51.100.7")]),
            "192.0.2.1"
        );
    }

    #[test]
    fn behind_trusted_proxies_the_first_untrusted_address_from_the_right_is_the_client() {
        let forged_then_real = "203.0.113.66, 198.51.100.7, 10.0.0.9";
        assert_eq!(
            client("10.0.0.1", &[(X_FORWARDED_FOR, forged_then_real)]),
            "198.51.100.7"
        );
        let elements = r#"for=203.0.113.66, for="[2001:db8::7]:4711";proto=https;by=10.0.0.9, For=10.0.0.9"#;
        assert_eq!(client("10.0.0.1", &[(header::FORWARDED, elements)]), "2001:db8::7");
        let two_lines = [(X_FORWARDED_FOR, "203.0.113.66"), (X_FORWARDED_FOR, "198.51.100.7")];
        assert_eq!(client("10.0.0.1", &two_lines), "198.51.100.7");
    }

    #[test]
    fn garbage_ends_the_walk_and_hides_nothing_to_its_right() {
        assert_eq!(
            client("10.0.0.1", &[(X_FORWARDED_FOR, "198.51.100.7, nonsense, 10.0.0.9")]),
            "10.0.0.9"
        );
        assert_eq!(client("10.0.0.1", &[(X_FORWARDED_FOR, "nonsense")]), "10.0.0.1");
        let open_quote = r#"for="_x, for=198.51.100.7"#;
        assert_eq!(client("10.0.0.1", &[(header::FORWARDED, open_quote)]), "198.51.100.7");
    }

    #[test]
    fn two_headers_that_disagree_are_both_ignored() {
        let both = [
            (header::FORWARDED, "for=203.0.113.66"),
            (X_FORWARDED_FOR, "198.51.100.7"),
        ];
        assert_eq!(client("10.0.0.1", &both), "10.0.0.1");
        let agreed = [
            (header::FORWARDED, "for=198.51.100.7"),
            (X_FORWARDED_FOR, "198.51.100.7"),
        ];
        assert_eq!(client("10.0.0.1", &agreed), "198.51.100.7");
    }

    #[test]
    fn an_ipv4_address_in_ipv6_clothes_is_the_same_address() {
        assert_eq!(
            client("10.0.0.1", &[(X_FORWARDED_FOR, "::ffff:198.51.100.7")]),
            "198.51.100.7"
        );
    }
}
