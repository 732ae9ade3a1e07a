# Recipes for people. Each is a line or two of plain Cargo or shell, so nobody needs `just` to work here.

# The crates that are published.
adopters := "-p rescind-token -p rescind-session -p rescind-conformance -p rescind-migrations -p rescind-store -p rescind-api -p rescind-server"

# List the recipes.
_list:
    @{{ just_executable() }} --list --unsorted

# Start the demo on http://127.0.0.1:8080 with a database file and demo accounts.
[group("run")]
demo *args:
    cargo run -- {{ args }}

# Start Redis and Postgres for development, and say how to use them. Ctrl-C stops both.
[group("run")]
services:
    bash scripts/services.sh

# Start three nodes on one Redis and Postgres behind http://127.0.0.1:8080. Ctrl-C stops everything.
[group("run")]
cluster:
    bash scripts/cluster.sh

# Walk through the JSON API of a running program with curl, explained step by step.
[group("run")]
curl-tour base_url="http://127.0.0.1:8080":
    bash scripts/curl-tour.sh {{ base_url }}

# Try the code that you repair for the course, and see what fails: `just exercise 6`, `just exercise 8`.
[group("learn")]
[no-exit-message]
exercise number="":
    @test -d "crates/exercises/stages/exercise_{{ number }}" || { echo "Exercises 6 and 8 are done in code: just exercise 6. The others are done in the browser: cargo run, then http://127.0.0.1:8080/learn"; exit 2; }
    @cd crates/exercises && { test -e yours/exercise_{{ number }}.rs || cp stages/exercise_{{ number }}/delivered.rs yours/exercise_{{ number }}.rs; }
    @cargo test --quiet -p rescind-exercises --test exercise_{{ number }}

# Put an exercise's file back as it was delivered, after asking.
[confirm("This throws away what you wrote in the exercise's file. Go on? [y/N]")]
[group("learn")]
[no-exit-message]
exercise-reset number:
    @test -d "crates/exercises/stages/exercise_{{ number }}" || { echo "Exercises 6 and 8 are done in code: just exercise-reset 6."; exit 2; }
    @cp crates/exercises/stages/exercise_{{ number }}/delivered.rs crates/exercises/yours/exercise_{{ number }}.rs

# Run everything that guards the main branch; `just test --full` for the large numbers.
[group("check")]
test *args:
    bash scripts/test.sh {{ args }}

# Kill, empty, stop and cut off real stores under the program, and write what held into docs/faults.md; `--quick` for small numbers.
[group("check")]
chaos *args:
    bash scripts/chaos.sh {{ args }}

# Change the library in one place at a time and list the changes that no test notices: `just mutants token`. Takes hours.
[group("check")]
mutants +crates="token session":
    @cargo mutants --version >/dev/null 2>&1 || { echo "cargo-mutants is missing: cargo install --locked cargo-mutants" >&2; exit 1; }
    for crate in {{ crates }}; do cargo mutants -p "rescind-$crate" --test-package "rescind-$crate" --all-features --output target/mutants/"$crate" || status=$?; done; exit "${status:-0}"

# Fuzz the parsers of what strangers send, each for that many seconds: `just fuzz 60`, `just fuzz 3600 verify`.
[group("check")]
fuzz seconds="60" +targets="verify refresh cookies forwarded":
    @cargo +nightly fuzz --version >/dev/null 2>&1 || { echo "cargo-fuzz or a nightly compiler is missing: cargo install --locked cargo-fuzz; rustup toolchain install nightly" >&2; exit 1; }
    cd crates/fuzz && for target in {{ targets }}; do mkdir -p "corpus/$target" && cargo +nightly fuzz run --fuzz-dir . --sanitizer none "$target" "corpus/$target" "seeds/$target" -- -max_total_time={{ seconds }} -max_len=4096 -print_final_stats=1 || exit 1; done

# Flood a release build, and write what honest requests got meanwhile into docs/load.md.
[group("check")]
load:
    bash scripts/load.sh

# Measure Rescind beside plain sessions, Fastify, Express and Flask, and write docs/performance.md: `just bench`, `just bench quick`.
[group("check")]
bench *what:
    python3 crates/bench/run.py {{ what }}

# Check that each crate for adopters compiles with each feature and each pair of features. Takes a quarter of an hour.
[group("check")]
features:
    @cargo hack --version >/dev/null 2>&1 || { echo "cargo-hack is missing: cargo install --locked cargo-hack" >&2; exit 1; }
    cargo hack check --feature-powerset --depth 2 --no-dev-deps --exclude-features failpoints {{ adopters }}

# Check that each crate for adopters compiles with the oldest Rust that its manifest names; rustup installs these.
[group("check")]
oldest-rust:
    @cargo hack --version >/dev/null 2>&1 || { echo "cargo-hack is missing: cargo install --locked cargo-hack" >&2; exit 1; }
    cargo hack check --rust-version --no-dev-deps {{ adopters }}

# Make the packages of the crates for adopters, and build each from its package alone.
[group("check")]
package:
    cargo package --locked --allow-dirty {{ adopters }}

# Check formatting, lints and docs, without running tests.
[group("check")]
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --all-features --locked -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --all-features --locked

# Format the code.
[group("check")]
fmt:
    cargo fmt --all

# Take the pictures in docs/screenshots again, from a real run in Chromium, and record the stage (img2webp, Debian: webp).
[group("docs")]
screenshots:
    cargo build -p rescind-web
    cargo run -p rescind-testkit --example screenshots -- "${CARGO_TARGET_DIR:-target}/debug/rescind" docs/screenshots

# Check dependencies for known vulnerabilities, licences, sources and duplicates.
[group("check")]
audit:
    @cargo deny --version >/dev/null 2>&1 || { echo "cargo-deny is missing: cargo install --locked cargo-deny" >&2; exit 1; }
    cargo deny --all-features check

# Bring the database's schema up to date.
[group("database")]
db-migrate:
    cargo run -- migrate up

# Delete everything in the database and create it again, after asking.
[confirm("This deletes every account and every session in the database. Go on? [y/N]")]
[group("database")]
db-reset:
    cargo run -- migrate fresh --yes
