#!/usr/bin/env bash
# Redis and Postgres for development, until Ctrl-C: from the installed packages, or through Docker.
#
#   scripts/services.sh
#
# They keep their data in ./data/services, and listen on 127.0.0.1 only. How to reach them is written to ./data/services/env,
# for no other user to read. SERVICES_DIR, POSTGRES_PORT and REDIS_PORT choose other places.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

directory=${SERVICES_DIR:-data/services}
# Not the usual ports: those may be the system's own services'.
postgres_port=${POSTGRES_PORT:-15432}
redis_port=${REDIS_PORT:-16379}

say() {
    echo "services: $*"
}

stop_with() {
    echo "services: $*" >&2
    exit 1
}

. scripts/stores.lib.sh

umask 077
mkdir -p "$directory"

tell() { # database url, redis url, how
    printf 'DATABASE_URL=%s\nREDIS_URL=%s\n' "$1" "$2" >"$directory/env"
    cat <<TEXT

Redis and Postgres are running ($3). In another terminal:

    set -a; . $directory/env; set +a       # DATABASE_URL and REDIS_URL; or copy the file to .env
    cargo run -- migrate up                # once, and after changes of the schema
    cargo run

Ctrl-C stops them; what they hold stays.
TEXT
}

if has_stores; then
    for port in "$postgres_port" "$redis_port"; do
        is_taken "$port" && stop_with "port $port is taken; choose others: POSTGRES_PORT=… REDIS_PORT=… scripts/services.sh"
    done
    trap 'trap - INT TERM; echo; say stopping; exit 0' INT TERM
    trap end_stores EXIT
    start_redis "$directory/redis" "$redis_port"
    start_postgres "$directory/postgres" "$postgres_port"
    tell "$DATABASE_URL" "$REDIS_URL" "from this machine's packages; logs: $directory/*/log"
    while kill -0 "$redis_pid" 2>/dev/null && kill -0 "$postgres_pid" 2>/dev/null; do
        sleep 1 &
        wait $! || true
    done
    stop_with "one of them ended; logs: $directory/*/log"
fi

if docker info >/dev/null 2>&1; then
    password=$(secret_in "$directory/password")
    export POSTGRES_PORT=$postgres_port REDIS_PORT=$redis_port RESCIND_SERVICES_PASSWORD=$password
    trap 'trap - INT TERM; echo; say stopping; exit 0' INT TERM
    trap 'docker compose stop' EXIT
    docker compose up --detach --wait
    tell "postgres://rescind:$password@127.0.0.1:$postgres_port/rescind" "redis://default:$password@127.0.0.1:$redis_port" \
        "in Docker; logs: docker compose logs"
    while :; do
        sleep 3600 &
        wait $! || true
    done
fi

stop_with "Redis or Postgres is missing, and Docker does not answer. Install them:
    apt-get install redis-server postgresql      (Debian, Ubuntu; their own services may stay switched off)
or start Docker, and run this again. Without either, 'cargo run' needs nothing: SQLite, and the blacklist in the process."
