#!/usr/bin/env bash
# The test command: formatting, lints, docs, all tests. Installs what the tests need; the last line is the sum.
#
#   scripts/test.sh          the first tier, for every change
#   scripts/test.sh --full   the second tier: the same tests with their large numbers

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
    echo "usage: scripts/test.sh [--full]" >&2
    exit 2
}

stop() {
    echo "scripts/test.sh: $*" >&2
    exit 2
}

step() {
    echo
    echo "== $* ($(date +%H:%M:%S))"
}

export RESCIND_TEST_FULL=0
for argument in "$@"; do
    case $argument in
        --full) RESCIND_TEST_FULL=1 ;;
        *) usage ;;
    esac
done

# --- What is needed -----------------------------------------------------------------------------------------------------

# A shell that was open while Rust was installed does not have it on its path yet.
if ! command -v cargo >/dev/null && [ -f "$HOME/.cargo/env" ]; then
    . "$HOME/.cargo/env"
fi
command -v cargo >/dev/null ||
    stop "Rust is missing. Install it: curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"
if ! cargo fmt --version >/dev/null 2>&1 || ! cargo clippy --version >/dev/null 2>&1; then
    command -v rustup >/dev/null || stop "rustfmt or clippy is missing; with Rust from rustup this script adds them itself"
    rustup component add rustfmt clippy
fi

has() {
    command -v "$1" >/dev/null
}

has_browser() {
    { [ -n "${RESCIND_TEST_CHROMIUM:-}" ] || has chromium || has google-chrome || has chrome; } &&
        { [ -n "${RESCIND_TEST_CHROMEDRIVER:-}" ] || has chromedriver; }
}

has_faketime() {
    compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null ||
        compgen -G '/usr/*/faketime/libfaketimeMT.so.1' >/dev/null ||
        compgen -G '/usr/local/lib/faketime/libfaketimeMT.so.1' >/dev/null
}

has_redis() {
    [ -n "${RESCIND_TEST_REDIS_SERVER:-}" ] || has redis-server
}

# Debian keeps the server's programs off the path, in a directory for each version.
has_postgres() {
    [ -n "${RESCIND_TEST_POSTGRES_BIN:-}" ] || has initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
}

is_ubuntu() {
    [ -r /etc/os-release ] && (. /etc/os-release && [ "${ID:-}" = ubuntu ])
}

missing=()
has cc && has make || missing+=(build-essential)
has curl || missing+=(curl ca-certificates)
has jq || missing+=(jq)
has python3 || missing+=(python3)
has openssl || missing+=(openssl)
has npm || missing+=(npm)
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
has_faketime || missing+=(faketime)
has_redis || missing+=(redis-server)
has_postgres || missing+=(postgresql)
has pgbouncer || [ -x /usr/sbin/pgbouncer ] || missing+=(pgbouncer)
has nginx || [ -x /usr/sbin/nginx ] || missing+=(nginx-light)
if ! has_browser; then
    # Ubuntu's packages of these names install a snap, and a snap may not read the profiles that the tests lay out in /tmp.
    if is_ubuntu; then
        stop "Ubuntu has no Chromium package that tests can drive. Install Google Chrome
(https://www.google.com/chrome/) and the chromedriver of the same version
(https://googlechromelabs.github.io/chrome-for-testing/), so that google-chrome and chromedriver
are on the path, and run this again. Without a browser, plain 'cargo test' runs all the rest."
    fi
    missing+=(chromium chromium-driver)
fi

if [ ${#missing[@]} -gt 0 ]; then
    step "installing ${missing[*]}"
    has apt-get || stop "this machine has no apt-get; install by its own means what Debian calls: ${missing[*]}"
    root=()
    if [ "$(id -u)" -ne 0 ]; then
        has sudo || stop "there is no sudo here; as root run: apt-get install ${missing[*]}"
        root=(sudo)
    fi
    "${root[@]}" apt-get update -q ||
        stop "apt-get update failed (above); without these packages plain 'cargo test' runs what it can: ${missing[*]}"
    # The tests start servers of their own, so those of the packages need not run; RUNLEVEL=1 keeps System V init from
    # starting them, where a port that is taken would fail the whole installation. In containers Debian's own policy does
    # (or no runlevel is known, with the same effect). systemd starts them all the same, and a failure is not one to apt.
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -qy --no-install-recommends "${missing[@]}" ||
        stop "apt-get could not install (above); without these packages plain 'cargo test' runs what it can: ${missing[*]}"
fi

# npm writes this file when it is done; an older lock is another version.
look=web/tests/look
if ! [ "$look/node_modules/.package-lock.json" -nt "$look/package-lock.json" ]; then
    step "installing what the tests of the look take from npm"
    npm ci --prefix "$look" --ignore-scripts --no-audit --no-fund ||
        stop "npm could not install (above); without it plain 'cargo test' runs what it can"
fi

# The OAuth clients that the tests run, in locked versions.
clients=web/tests/oauth
if ! [ "$clients/npm/node_modules/.package-lock.json" -nt "$clients/npm/package-lock.json" ]; then
    step "installing OAuth clients from npm"
    npm ci --prefix "$clients/npm" --ignore-scripts --no-audit --no-fund ||
        stop "npm could not install (above); without it plain 'cargo test' runs what it can"
fi
if ! cmp -s "$clients/python/requirements.txt" "$clients/python/.venv/installed.txt"; then
    step "installing OAuth clients from PyPI"
    rm -rf "$clients/python/.venv"
    python3 -m venv "$clients/python/.venv" &&
        "$clients/python/.venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
            --requirement "$clients/python/requirements.txt" &&
        cp "$clients/python/requirements.txt" "$clients/python/.venv/installed.txt" ||
        stop "pip could not install (above); without it plain 'cargo test' runs what it can"
fi

# Only the second tier needs it.
openapi=web/tests/openapi
if [ "$RESCIND_TEST_FULL" = 1 ] && ! cmp -s "$openapi/requirements.txt" "$openapi/.venv/installed.txt"; then
    step "installing schemathesis from PyPI"
    rm -rf "$openapi/.venv"
    python3 -m venv "$openapi/.venv" &&
        "$openapi/.venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
            --requirement "$openapi/requirements.txt" &&
        cp "$openapi/requirements.txt" "$openapi/.venv/installed.txt" ||
        stop "pip could not install (above); without it plain 'cargo test' runs what it can"
fi

# From here on nothing may be left out silently: a test whose tool is missing fails.
export RESCIND_TEST_REQUIRE_ALL=1

# --- What is checked: the quick answers first ---------------------------------------------------------------------------

# The same packages, features and profile in every step, so that Cargo builds each dependency once to check and once to run.
everything=(--workspace --all-features --locked)

step "formatting"
cargo fmt --all --check

step "lints"
cargo clippy "${everything[@]}" --all-targets -- -D warnings

step "docs"
RUSTDOCFLAGS="-D warnings" cargo doc "${everything[@]}" --no-deps

step "packages"
# The crates for adopters, as a registry would get them. Building them is `just package`: it takes minutes.
cargo package --workspace --exclude rescind-web --exclude rescind-lab --exclude rescind-exercises --exclude rescind-testkit \
    --locked --no-verify --allow-dirty --quiet

log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0

step "tests"
cargo test "${everything[@]}" --all-targets --no-fail-fast 2>&1 | tee -a "$log" || status=$?

step "examples in the docs"
cargo test "${everything[@]}" --doc --no-fail-fast 2>&1 | tee -a "$log" || status=$?

step "whole programs in docs/examples"
(cd docs/examples && cargo fmt --all --check && cargo test --locked --no-fail-fast) 2>&1 | tee -a "$log" || status=$?

# "test result: ok. 3 passed; 0 failed; 1 ignored; …", once for each test binary.
echo
awk '/^test result: / {
         for (i = 2; i <= NF; i++) {
             if ($i == "passed;") passed += $(i - 1)
             if ($i == "failed;") failed += $(i - 1)
             if ($i == "ignored;") skipped += $(i - 1)
         }
     }
     END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }' "$log"
exit "$status"
