//! The program under load, and clients that come from many addresses.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use reqwest::RequestBuilder;
use rescind_testkit::{ApiClient, Program, Running};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use tokio::task::JoinSet;

/// The password of the demo accounts.
pub(crate) const DEMO_PASSWORD: &str = "correct horse battery staple";
/// The password of the people who sign up.
pub(crate) const PASSWORD: &str = "a password of nobody else's";

/// The program behind a trusted proxy, so that each request can have its own address.
pub(crate) fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_rescind"))
        .env("RESCIND_ACCESS_TTL", "10m")
        .env("RESCIND_STORE_TIMEOUT", "20s")
        .env("RESCIND_TRUSTED_PROXIES", "127.0.0.1")
}

pub(crate) async fn open(program: Program) -> Running {
    let running = program.start().await.unwrap();
    running.ready().await.unwrap();
    running
}

/// The test process holds one end of every connection.
pub(crate) fn allow_files(count: u64) {
    let allowed = getrlimit(Resource::Nofile);
    if allowed.current.is_some_and(|current| current < count) {
        let more = Rlimit {
            current: Some(count),
            ..allowed
        };
        setrlimit(Resource::Nofile, more).unwrap();
    }
}

/// A separate address for each number, each in a separate network.
pub(crate) fn address(number: usize) -> String {
    format!("198.{}.{}.{}", 18 + number / 65_536, number / 256 % 256, number % 256)
}

pub(crate) fn login(api: &ApiClient, from: &str, name: &str, password: &str) -> RequestBuilder {
    call(api, "/api/login", from, name, password)
}

pub(crate) fn signup(api: &ApiClient, from: &str, name: &str) -> RequestBuilder {
    call(api, "/api/users", from, name, PASSWORD)
}

fn call(api: &ApiClient, path: &str, from: &str, name: &str, password: &str) -> RequestBuilder {
    let body = json!({ "username": name, "password": password });
    api.request("POST", path).header("X-Forwarded-For", from).json(&body)
}

/// Clients that send one request after the other until they are stopped.
pub(crate) struct Flood {
    clients: JoinSet<Vec<u16>>,
    over: Arc<AtomicBool>,
}

impl Flood {
    /// Starts `clients` of them; `request` makes the request of a client's turn.
    pub(crate) fn start(
        running: &Running,
        clients: usize,
        request: impl Fn(&ApiClient, usize, usize) -> RequestBuilder + Send + Sync + 'static,
    ) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let request = Arc::new(request);
        let mut tasks = JoinSet::new();
        for client in 0..clients {
            let (over, request, api) = (Arc::clone(&over), Arc::clone(&request), running.api_client());
            tasks.spawn(async move {
                let mut statuses = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    let request = request(&api, client, statuses.len());
                    let status = api.attempt(request).await.map_or(0, |reply| reply.status);
                    statuses.push(status);
                    if status == 0 || status >= 429 {
                        // A flood is bounded too.
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
                statuses
            });
        }
        Self { clients: tasks, over }
    }

    /// Stops them; the statuses that they got.
    pub(crate) async fn stop(self) -> Vec<u16> {
        self.over.store(true, Ordering::Relaxed);
        self.clients.join_all().await.concat()
    }
}

/// The most memory that the program has had resident, in KiB.
pub(crate) fn peak_kib(running: &Running) -> u64 {
    memory_kib(running, "VmHWM:")
}

/// The memory that the program has resident, in KiB.
pub(crate) fn resident_kib(running: &Running) -> u64 {
    memory_kib(running, "VmRSS:")
}

fn memory_kib(running: &Running, what: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", running.process_id().unwrap())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// The time within which `percent` of them were done.
pub(crate) fn percentile(times: &[Duration], percent: usize) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted[(sorted.len() * percent).div_ceil(100).max(1) - 1]
}
