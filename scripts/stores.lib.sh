# shellcheck shell=bash
# Redis and Postgres of one's own, for scripts: sourced, not run. Private to a directory, on ports of 127.0.0.1, each with a
# password that was drawn here, and never the system's own service or its data.
#
# The sourcing script defines `say` and `stop_with`, and ends with `end_stores`.

# Debian keeps Postgres' programs off the path, in a directory for each version.
postgres_programs() {
    local directory
    if command -v initdb >/dev/null && command -v postgres >/dev/null; then
        dirname "$(readlink -f "$(command -v initdb)")"
        return
    fi
    # The newest version: names sort before 10, hence `sort -V`.
    directory=$(compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -n 1) || return 1
    [ -n "$directory" ] && dirname "$directory"
}

has_stores() {
    command -v redis-server >/dev/null && postgres_programs >/dev/null
}

is_taken() { # port
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# A free port, below those that the kernel hands out by itself, so that none of them is in the way.
free_port() {
    local port
    for _ in {1..100}; do
        port=$((20000 + RANDOM % 12000))
        if ! is_taken "$port"; then
            echo "$port"
            return
        fi
    done
    stop_with "no free port was found"
}

# 128 random bits, kept in a file that is readable only by its owner.
secret_in() { # file
    if ! [ -s "$1" ]; then
        (umask 077 && od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$1")
    fi
    cat "$1"
}

# Waits until a command succeeds, for as long as the process lives.
await() { # pid, what, log, command...
    local pid=$1 what=$2 log=$3
    shift 3
    for _ in {1..600}; do
        if "$@" 2>/dev/null; then return; fi
        if ! kill -0 "$pid" 2>/dev/null; then
            tail -n 20 "$log" >&2
            stop_with "$what ended instead of starting; its log is above"
        fi
        sleep 0.1
    done
    stop_with "$what did not start in a minute; its log: $log"
}

# A background job with a process group of its own, so that Ctrl-C reaches only the script: it knows the right order.
in_background() { # log, command...
    local log=$1
    shift
    set -m
    "$@" >>"$log" 2>&1 </dev/null &
    set +m
    started=$!
}

end_process() { # signal, pid
    [ -n "${2:-}" ] || return 0
    kill "-$1" "$2" 2>/dev/null || true
    wait "$2" 2>/dev/null || true
}

# --- Redis --------------------------------------------------------------------------------------------------------------

redis_answers() { # port, password
    local reply
    exec 3<>"/dev/tcp/127.0.0.1/$1" || return 1
    printf 'AUTH %s\r\nPING\r\n' "$2" >&3
    read -r -t 5 _ <&3 && read -r -t 5 reply <&3
    exec 3>&-
    [[ ${reply:-} == +PONG* ]]
}

start_redis() { # directory, port; sets redis_pid and REDIS_URL
    local directory=$1 port=$2 password
    mkdir -p "$directory"
    password=$(secret_in "$directory/password")
    # In a file, because everybody can read the arguments of a process. Nothing is ever evicted (Rescind refuses to start
    # otherwise), and what was acknowledged is on disk.
    (
        umask 077
        cat >"$directory/redis.conf" <<CONF
bind 127.0.0.1
port $port
requirepass $password
dir "$(cd "$directory" && pwd)"
maxmemory-policy noeviction
appendonly yes
appendfsync always
save ""
CONF
    )
    in_background "$directory/log" redis-server "$directory/redis.conf"
    redis_pid=$started
    await "$redis_pid" Redis "$directory/log" redis_answers "$port" "$password"
    # shellcheck disable=SC2034 # for the sourcing script
    REDIS_URL="redis://default:$password@127.0.0.1:$port"
}

# --- Postgres -----------------------------------------------------------------------------------------------------------

start_postgres() { # directory, port; sets postgres_pid and DATABASE_URL
    local directory=$1 port=$2 programs password
    programs=$(postgres_programs)
    mkdir -p "$directory"
    password=$(secret_in "$directory/password")
    local home=$directory log=$directory/log as=()
    if [ "$(id -u)" -eq 0 ]; then
        # Postgres refuses to run as root; then it runs as the user of its package, or as nobody.
        local user=postgres
        id -u "$user" >/dev/null 2>&1 || user=nobody
        as=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --clear-groups)
        # That user may not be let into a directory of root's, which is as it should be. So its data is elsewhere:
        # in POSTGRES_HOME, if that is set.
        home=${POSTGRES_HOME:-/var/tmp/rescind-postgres-$(cd "$directory" && pwd | cksum | cut -d' ' -f1)}
        if ! [ -e "$home" ]; then
            mkdir -m 700 "$home" && chown "$user" "$home"
        fi
        # Anybody can make a directory there; only theirs is taken.
        if ! [ -d "$home" ] || [ -L "$home" ] || [ "$(stat -c %U "$home")" != "$user" ]; then
            stop_with "$home is not a directory of the user $user; remove it"
        fi
        # A file that this user can read, and no other.
        # shellcheck disable=SC2016 # the inner shell expands it
        "${as[@]}" sh -c 'umask 077; cat >"$1"' sh "$home/password" <"$directory/password"
    fi
    local data=$home/data
    if ! [ -f "$data/PG_VERSION" ]; then
        say "making a database (once)"
        "${as[@]}" "$programs/initdb" -D "$data" -U rescind -A scram-sha-256 -E UTF8 --no-locale \
            --pwfile="$home/password" >>"$log" 2>&1 || {
            tail -n 20 "$log" >&2
            stop_with "initdb failed; its log is above"
        }
        "${as[@]}" "$programs/postgres" --single -D "$data" postgres <<<"CREATE DATABASE rescind" >>"$log" 2>&1 ||
            stop_with "the database could not be made; see $log"
    fi
    # No socket in the file system: one address is enough. Commits are durable, as they are by default.
    in_background "$log" "${as[@]}" "$programs/postgres" -D "$data" -p "$port" -c listen_addresses=127.0.0.1 \
        -c unix_socket_directories=
    postgres_pid=$started
    await "$postgres_pid" Postgres "$log" "$programs/pg_isready" -q -h 127.0.0.1 -p "$port"
    # shellcheck disable=SC2034 # for the sourcing script
    DATABASE_URL="postgres://rescind:$password@127.0.0.1:$port/rescind"
}

end_stores() {
    end_process TERM "${redis_pid:-}"
    # SIGINT: sessions are cut off, and what was committed is written down.
    end_process INT "${postgres_pid:-}"
    redis_pid='' postgres_pid=''
}
