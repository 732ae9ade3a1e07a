//! A service in Python behind a real nginx, as `docs/examples/any-language` describes it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers included"
)]

use std::{
    fs,
    net::TcpStream,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use rescind_testkit::{ApiClient, CookieClient, ExposeSecret, Program, Provenance, Running, Tool, free_port, needs};
use rustix::process::{Pid, Signal, kill_process_group};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/examples/any-language");
const PASSWORD: &str = "correct horse battery staple";

/// Ends with the test, and so do its children: nginx has workers.
struct Process(Child);

impl Process {
    fn start(command: &mut Command, port: u16) -> Self {
        let mut started = Self(command.stdin(Stdio::null()).process_group(0).spawn().unwrap());
        for _ in 0..1_500 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return started;
            }
            assert!(started.0.try_wait().unwrap().is_none(), "{command:?} has ended");
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("{command:?} does not listen");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.0.wait();
    }
}

/// Rescind, the service and nginx.
struct Shop {
    rescind: Running,
    url: String,
    _processes: [Process; 2],
    _directory: tempfile::TempDir,
}

impl Shop {
    async fn open() -> Option<Self> {
        let (nginx, python) = (needs(Tool::Nginx)?, needs(Tool::Python)?);
        let [proxy, service] = [free_port(), free_port()];
        let url = format!("http://127.0.0.1:{proxy}");
        let rescind = Program::new(env!("CARGO_BIN_EXE_rescind"))
            .env("RESCIND_PUBLIC_URL", &url)
            .env("RESCIND_TRUSTED_PROXIES", "127.0.0.1")
            .env("RESCIND_STORE_TIMEOUT", "10s")
            .start()
            .await
            .unwrap();
        rescind.ready().await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let own = rescind.base_url().trim_start_matches("http://");
        let ports = [
            ("127.0.0.1:8080", own.to_owned()),
            ("127.0.0.1:8000", format!("127.0.0.1:{proxy}")),
            ("127.0.0.1:9000", format!("127.0.0.1:{service}")),
            ("\"127.0.0.1\", 9000", format!("\"127.0.0.1\", {service}")),
        ];
        for file in ["nginx.conf", "service.py"] {
            let text = fs::read_to_string(Path::new(EXAMPLE).join(file)).unwrap();
            let text = ports
                .iter()
                .fold(text, |text, (ours, theirs)| text.replace(ours, theirs));
            fs::write(directory.path().join(file), text).unwrap();
        }
        let started = [
            Process::start(Command::new(python).arg(directory.path().join("service.py")), service),
            Process::start(
                Command::new(nginx)
                    .arg("-p")
                    .arg(directory.path())
                    .args(["-c", "nginx.conf"]),
                proxy,
            ),
        ];
        Some(Self {
            rescind,
            url,
            _processes: started,
            _directory: directory,
        })
    }

    fn api(&self) -> ApiClient {
        ApiClient::new(&self.url)
    }
}

#[tokio::test]
async fn a_logout_counts_at_the_next_request_and_forged_headers_are_replaced() {
    let Some(shop) = Shop::open().await else { return };
    let api = shop.api();
    let refused = api.get("/orders", None).await.expect_status(401);
    assert_eq!(refused.header("www-authenticate"), r#"Bearer realm="rescind""#);
    let tokens = api.log_in("alice", PASSWORD).await.expect_status(200).tokens();
    let me = api.me(tokens.access()).await.body["user_id"]
        .as_str()
        .unwrap()
        .to_owned();
    for method in ["GET", "POST"] {
        let forged = api
            .request(method, "/orders")
            .bearer_auth(tokens.access().expose_secret())
            .header("X-Auth-User", "mallory")
            .header("X_Auth_User", "mallory");
        let reply = api.send(forged).await.expect_status(200);
        assert_eq!(reply.text, format!("Orders of {me}\n"));
    }
    let forged = api.request("GET", "/orders").header("X-Auth-User", "mallory");
    api.send(forged).await.expect_status(401);
    // The proxy's own question cannot be asked from outside.
    api.get("/auth/check", Some(tokens.access())).await.expect_status(404);

    api.log_out(tokens.access()).await.expect_status(204);
    let refused = api.get("/orders", Some(tokens.access())).await.expect_status(401);
    assert!(refused.header("www-authenticate").contains("invalid_token"));

    shop.rescind.kill_9().await;
    let closed = api.get("/orders", Some(tokens.access())).await.expect_status(503);
    assert_eq!(closed.header("retry-after"), "1");
}

#[tokio::test]
async fn pages_are_renewed_and_writes_of_other_sites_refused() {
    let Some(shop) = Shop::open().await else { return };
    let visitor = CookieClient::new(&shop.url);
    let page = |client: &CookieClient, method: &str| {
        client
            .request(method, "/orders?page=2&size=5")
            .header("Accept", "text/html")
    };
    let first = visitor.send(page(&visitor, "GET")).await.expect_status(303);
    assert_eq!(
        first.header("location"),
        "/refresh?next=%2Forders%3Fpage%3D2%26size%3D5"
    );
    visitor.log_in("alice", PASSWORD).await.expect_status(303);
    visitor.send(page(&visitor, "GET")).await.expect_status(200);

    let elsewhere = visitor.with_provenance(Provenance::OtherOrigin("https://evil.example".to_owned()));
    elsewhere.send(page(&elsewhere, "GET")).await.expect_status(200);
    elsewhere.send(page(&elsewhere, "POST")).await.expect_status(403);
    let forged = page(&elsewhere, "POST")
        .header("X-Original-Method", "GET")
        .header("X-Forwarded-Method", "GET");
    elsewhere.send(forged).await.expect_status(403);
    visitor.send(page(&visitor, "POST")).await.expect_status(200);

    visitor.plant_cookie("rescind_access=; Path=/; Max-Age=0");
    let expired = visitor.send(page(&visitor, "GET")).await.expect_status(303);
    let renewed = visitor.follow(&expired).await.expect_status(303);
    let back = visitor.follow(&renewed).await.expect_status(303);
    assert_eq!(back.header("location"), "/orders?page=2&size=5");
    visitor.follow(&back).await.expect_status(200);
}
