//! Many addresses that guess the password of one account, at once.

use std::time::Duration;

use rescind_testkit::rounds;
use tokio::time::Instant;

use crate::crowd::{Flood, PASSWORD, address, login, open, percentile, program, signup};

#[tokio::test(flavor = "multi_thread")]
async fn sixty_addresses_guess_slowly_and_the_known_device_logs_in() {
    let seconds = u64::from(rounds(12, 60));
    let running = open(program().env("RESCIND_LOGIN_LIMIT", "10/min")).await;
    let (owner, api) = (running.cookie_client(), running.api_client());
    api.send(signup(&api, &address(1), "carol")).await.expect_status(201);
    owner.log_in("carol", PASSWORD).await.expect_status(303);
    for name in ["carol", "nobody-of-that-name"] {
        let flood = Flood::start(&running, 60, move |api, client, turn| {
            login(
                api,
                &address(client + turn * 60),
                name,
                &format!("guess {client} {turn}"),
            )
        });
        let began = Instant::now();
        let mut logins = Vec::new();
        while began.elapsed() < Duration::from_secs(seconds) {
            if name == "carol" {
                let pressed = Instant::now();
                owner.log_in("carol", PASSWORD).await.expect_status(303);
                logins.push(pressed.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        let statuses = flood.stop().await;
        let guesses = statuses.iter().filter(|status| **status == 401).count();
        eprintln!("{name}: {guesses} guesses in {seconds} s, {} requests", statuses.len());
        // A burst of a few, then one each few seconds; 40 in a minute.
        let most = if seconds >= 60 { 40 } else { 16 };
        assert!(guesses <= most && guesses > 2, "{guesses} guesses in {seconds} s");
        if name == "carol" {
            let slow = percentile(&logins, 95);
            eprintln!("{} logins of the known device, 95 % within {slow:?}", logins.len());
            assert!(slow < Duration::from_secs(2), "{logins:?}");
        }
    }
}
