//! What an authentication allocates, counted exactly.

use allocation_counter::measure;
use jiff::Timestamp;
use rescind_session::{
    Config, Device, HashingSettings, Keys, ManualClock, Password, SessionService, SystemRandom, memory, token::ClientId,
};

/// With the blacklist in the memory of the process.
#[test]
fn authenticating_a_remembered_token_allocates_at_most_once() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut rng = SystemRandom::new().unwrap();
    let config = Config::new("https://rescind.example", "rescind-api")
        .hashing(HashingSettings::default().memory_kib(64).iterations(1));
    let clock = ManualClock::at("2026-01-01T12:00:00Z".parse::<Timestamp>().unwrap());
    let keys = Keys::generate(&mut rng).unwrap();
    let service = SessionService::new(config, keys, memory::ports(clock), rng).unwrap();
    let password = Password::new("correct horse battery staple");
    let tokens = runtime.block_on(async {
        service.sync_blacklist(100).await.unwrap();
        service.sign_up("alice", &password).await.unwrap();
        let mut tokens = Vec::new();
        for _ in 0..100 {
            let issued = service.log_in("alice", &password, ClientId::first_party(), Device::default());
            tokens.push(issued.await.unwrap().access_token.expose_secret().to_owned());
        }
        tokens
    });
    let all = || {
        runtime.block_on(async {
            for token in &tokens {
                service.authenticate(token).await.unwrap();
            }
        });
    };
    let first = measure(all);
    let again = measure(all);
    let each = again.count_total / tokens.len() as u64;
    assert!(each <= 1, "{each} allocations");
    let kept = (first.bytes_current.max(0) as u64) / tokens.len() as u64;
    assert!(kept <= 1_000, "{kept} bytes for each remembered token");
    println!("{each} allocations; {kept} bytes for each remembered token");
}
