//! What one check costs: `just bench checks`. `BENCH_FULL=1` adds 10,000,000 revocations.

use std::{
    cell::Cell,
    collections::BTreeMap,
    env,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use aws_lc_rs::{
    hmac,
    signature::{ED25519, Ed25519KeyPair, KeyPair, ParsedPublicKey},
};
use divan::{AllocProfiler, Bencher, black_box};
use futures::FutureExt;
use rescind_bench::{AUDIENCE, mint};
use rescind_session::{
    Clock, Config, Keys, LogId, Policy, Ports, Scope, SessionService, SystemClock, SystemRandom, Timestamp, Uuid,
    memory::{self, MemoryBlacklist},
    ports::{Blacklist, RebuildClaim, RevocationStatus},
    token::{Algorithm, KeyRing, RefreshKey, RefreshKeys, SessionId, SigningKey, TokenId, Verifier},
};
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

/// As many tokens and sessions are valid, and used in turn.
const LIVE: usize = 10_000;
const HOUR: Duration = Duration::from_secs(60 * 60);
const ISSUER: &str = "http://127.0.0.1:8080";

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

fn main() {
    divan::main();
}

/// The next of as many things, for each thread by itself.
fn next() -> usize {
    thread_local!(static NUMBER: Cell<usize> = const { Cell::new(0) });
    NUMBER.with(|number| number.replace((number.get() + 1) % LIVE))
}

/// A complete blacklist with that many sessions in it. Made once.
fn blacklist(entries: usize) -> Arc<MemoryBlacklist> {
    static MADE: Mutex<BTreeMap<usize, Arc<MemoryBlacklist>>> = Mutex::new(BTreeMap::new());
    let make = || {
        let (now, mut rng) = (SystemClock::counting().now().unwrap(), SystemRandom::new().unwrap());
        let blacklist = MemoryBlacklist::new();
        for _ in 0..entries {
            let session = Scope::Session(SessionId::new(now, &mut rng));
            blacklist.add(session, now + HOUR).unwrap();
        }
        let claim = RebuildClaim {
            log: LogId::from_uuid(Uuid::nil()),
            nonce: Uuid::nil(),
        };
        let complete = async { (blacklist.claim(claim).await, blacklist.complete(claim).await) };
        let (claimed, completed) = complete.now_or_never().unwrap();
        let _ = (claimed.unwrap(), completed.unwrap());
        Arc::new(blacklist)
    };
    Arc::clone(MADE.lock().unwrap().entry(entries).or_insert_with(make))
}

fn keys(algorithm: Algorithm) -> Keys {
    let mut rng = SystemRandom::new().unwrap();
    Keys {
        ring: KeyRing::new(SigningKey::generate(algorithm).unwrap()),
        refresh: RefreshKeys::new(RefreshKey::generate(&mut rng), Vec::new()).unwrap(),
    }
}

/// A service with a million revocations in memory, and tokens that it accepts.
fn service(algorithm: Algorithm, token_cache: usize) -> (SessionService, Vec<String>) {
    let policy = Policy {
        access_ttl: HOUR,
        ..Policy::blacklist()
    };
    let config = Config::new(ISSUER, AUDIENCE).policy(policy).token_cache(token_cache);
    let ports = Ports {
        blacklist: blacklist(1_000_000),
        ..memory::ports(SystemClock::counting())
    };
    let rng = SystemRandom::new().unwrap();
    let service = SessionService::new(config, keys(algorithm), ports, rng).unwrap();
    let synced = RUNTIME.block_on(service.sync_blacklist(1_000)).unwrap();
    assert!(synced.complete);
    let tokens = mint(&service, LIVE).unwrap();
    (service, tokens)
}

/// Each check of a token: genuine, not expired, not revoked.
fn authenticate(bencher: Bencher<'_, '_>, token_cache: usize) {
    let (service, tokens) = service(Algorithm::EdDsa, token_cache);
    let accept = |token: &String| {
        let _entered = RUNTIME.enter();
        let accepted = service.authenticate(token).now_or_never();
        accepted.expect("nothing to wait for").unwrap()
    };
    tokens.iter().for_each(|token| drop(accept(token)));
    bencher.bench(|| accept(&tokens[next()]));
}

#[divan::bench(threads = [1, 2], sample_size = 1_000)]
fn authenticate_hit(bencher: Bencher<'_, '_>) {
    authenticate(bencher, 2 * LIVE);
}

#[divan::bench(sample_size = 20)]
fn authenticate_first_time(bencher: Bencher<'_, '_>) {
    authenticate(bencher, 0);
}

fn verify(bencher: Bencher<'_, '_>, algorithm: Algorithm) {
    let (service, tokens) = service(algorithm, 0);
    let verifier = Verifier::new(ISSUER, AUDIENCE);
    let (keys, now) = (service.keys(), service.now().unwrap());
    bencher.bench_local(|| verifier.verify(&keys.ring, &tokens[next()], now).unwrap());
}

#[divan::bench(sample_size = 20)]
fn verify_eddsa(bencher: Bencher<'_, '_>) {
    verify(bencher, Algorithm::EdDsa);
}

#[divan::bench(sample_size = 100)]
fn verify_hs256(bencher: Bencher<'_, '_>) {
    verify(bencher, Algorithm::Hs256);
}

/// What a token of ours signs, in length.
const SIGNED: [u8; 480] = [b'x'; 480];

#[divan::bench(sample_size = 20)]
fn raw_eddsa(bencher: Bencher<'_, '_>) {
    let pair = Ed25519KeyPair::generate().unwrap();
    let key = ParsedPublicKey::new(&ED25519, pair.public_key().as_ref()).unwrap();
    let signature = pair.sign(&SIGNED);
    bencher.bench_local(|| key.verify_sig(black_box(&SIGNED), signature.as_ref()).unwrap());
}

#[divan::bench(sample_size = 1_000)]
fn raw_hs256(bencher: Bencher<'_, '_>) {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
    let tag = hmac::sign(&key, &SIGNED);
    bencher.bench_local(|| hmac::verify(&key, black_box(&SIGNED), tag.as_ref()).unwrap());
}

fn entries() -> Vec<usize> {
    let all = [1_000, 1_000_000, 10_000_000];
    let full = env::var_os("BENCH_FULL").is_some();
    all[..if full { 3 } else { 2 }].to_vec()
}

/// The check of the blacklist alone.
#[divan::bench(args = entries(), threads = [1, 2], sample_size = 1_000)]
fn is_revoked(bencher: Bencher<'_, '_>, entries: usize) {
    let blacklist = blacklist(entries);
    let mut rng = SystemRandom::new().unwrap();
    let now = Timestamp::UNIX_EPOCH;
    let ids: Vec<_> = (0..LIVE)
        .map(|_| (TokenId::random(&mut rng), SessionId::new(now, &mut rng)))
        .collect();
    bencher.bench(|| {
        let (token, session) = ids[next()];
        let status = blacklist.check(token, session).now_or_never().unwrap().unwrap();
        assert_eq!(status, RevocationStatus::NotRevoked);
    });
}
