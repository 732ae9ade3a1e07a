//! A free port for a server that needs a given one.
//!
//! Port 0 would be better, but neither Redis nor Postgres can report which one it got, and after a crash it has to use
//! the same one again. So this looks for a port that was free a moment ago, **below** the range that the kernel assigns
//! by itself. Inside that range the port of a stopped server may become the local end of some connection, even of the
//! very connection that is being tried: a client that keeps connecting to a closed port of its own machine connects to
//! itself sooner or later (TCP's simultaneous open), and the server does not get its port back.

use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};

/// The lowest port to use: those of well-known services are below.
const LOWEST: u16 = 10_000;
/// Linux's default, where the range cannot be read.
const USUAL_FIRST_EPHEMERAL: u16 = 32_768;
const TRIES: usize = 1_000;

/// A port of 127.0.0.1 on which no program listens. It may be taken before it is used: try again then.
///
/// # Panics
/// If a thousand ports are taken.
pub fn free_port() -> u16 {
    let end = first_ephemeral().max(LOWEST + 1_000);
    (0..TRIES)
        .map(|_| LOWEST + random(end - LOWEST))
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .unwrap_or_else(|| panic!("no free port from {LOWEST} to {end}"))
}

fn first_ephemeral() -> u16 {
    fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|range| range.split_whitespace().next()?.parse().ok())
        .unwrap_or(USUAL_FIRST_EPHEMERAL)
}

/// The standard library's hash maps are seeded at random; that is random enough to keep test processes apart.
fn random(below: u16) -> u16 {
    let drawn = RandomState::new().build_hasher().finish() % u64::from(below);
    u16::try_from(drawn).unwrap_or_default()
}
