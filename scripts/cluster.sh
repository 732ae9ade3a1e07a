#!/usr/bin/env bash
# Three nodes of the program on one Redis and one Postgres, behind one address, until Ctrl-C.
#
#   scripts/cluster.sh
#
# What a person sees: log in and be robbed at one node, log out there, and watch the others refuse the same token.
# CLUSTER_PORT (8080; 0: any), CLUSTER_DIR (./data/cluster) and CLUSTER_PROGRAM (what Cargo builds) choose otherwise.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

names=(a b c)
port=${CLUSTER_PORT:-8080}
program=${CLUSTER_PROGRAM:-}

say() {
    echo "cluster: $*"
}

stop_with() {
    echo "cluster: $*" >&2
    exit 1
}

. scripts/stores.lib.sh

# --- What is needed -----------------------------------------------------------------------------------------------------

has_stores || stop_with "Redis or Postgres is missing; install them: apt-get install redis-server postgresql"
# Debian keeps it in a directory that is not on everybody's path.
nginx=$(PATH=$PATH:/usr/sbin command -v nginx) || stop_with "nginx is missing, the balancer; install it: apt-get install nginx-light"

umask 077
mkdir -p "${CLUSTER_DIR:-data/cluster}"
directory=$(cd "${CLUSTER_DIR:-data/cluster}" && pwd)

[ "$port" != 0 ] || port=$(free_port)
! is_taken "$port" || stop_with "port $port is taken; choose another: CLUSTER_PORT=0 scripts/cluster.sh"
url=http://127.0.0.1:$port

if [ -z "$program" ]; then
    cargo build -p rescind-web
    program=${CARGO_TARGET_DIR:-target}/debug/rescind
fi
program=$(cd "$(dirname "$program")" && pwd)/$(basename "$program")

# --- The end, in the order that lets each finish what it began ------------------------------------------------------------

node_pids=()
end_all() {
    local pid
    end_process TERM "${nginx_pid:-}"
    # All are told before any is waited for.
    for pid in "${node_pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
    for pid in "${node_pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    end_stores
}
trap 'trap - INT TERM; echo; say stopping; exit 0' INT TERM
trap end_all EXIT

# --- The stores ---------------------------------------------------------------------------------------------------------

say "starting Redis and Postgres"
start_redis "$directory/redis" "$(free_port)"
start_postgres "$directory/postgres" "$(free_port)"
export DATABASE_URL REDIS_URL

# --- The nodes ----------------------------------------------------------------------------------------------------------

# In a directory of the cluster: a `.env` of the working directory is not meant for it.
cd "$directory"
"$program" migrate up >>migrate.log 2>&1 || { tail -n 20 migrate.log >&2; stop_with "the schema could not be brought up to date"; }

ports=()
for _ in "${names[@]}"; do
    new=$(free_port)
    while [[ " ${ports[*]:-} " == *" $new "* ]]; do new=$(free_port); done
    ports+=("$new")
done

answers_ready() { # port
    local status
    exec 3<>"/dev/tcp/127.0.0.1/$1" || return 1
    printf 'GET /health/ready HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' >&3
    read -r -t 10 _ status _ <&3
    exec 3>&-
    [ "${status:-}" = 200 ]
}

start_node() { # index
    local n=$1 i others=()
    for i in "${!names[@]}"; do
        [ "$i" = "$n" ] || others+=("http://127.0.0.1:${ports[$i]}")
    done
    # All listen on loopback, and people come by plain http: so the demo is on, as it is for one node. The balancer tells whom
    # a request is from; nobody else is believed.
    RESCIND_NODE=${names[$n]} RESCIND_BIND=127.0.0.1:${ports[$n]} RESCIND_PUBLIC_URL=$url \
        RESCIND_DATA_DIR=$directory RESCIND_TRUSTED_PROXIES=127.0.0.1 \
        RESCIND_DEMO_PEERS=$(IFS=,; echo "${others[*]}") \
        in_background "$directory/node-${names[$n]}.log" "$program"
    node_pids[n]=$started
}

await_node() { # index
    await "${node_pids[$1]}" "node ${names[$1]}" "$directory/node-${names[$1]}.log" answers_ready "${ports[$1]}"
}

# The first one alone: it makes the keys, which all share.
say "starting nodes ${names[*]}"
start_node 0
await_node 0
for n in "${!names[@]}"; do [ "$n" = 0 ] || start_node "$n"; done
for n in "${!names[@]}"; do await_node "$n"; done

# --- The balancer -------------------------------------------------------------------------------------------------------

# Requests go round, node by node. Only who has a browser stays with the node that answered first: what the demo remembers of
# a visitor (their loot, their log) is in that node's memory. Whether a token counts is not, so that logging in at one node
# and asking another is right at once; a client without cookies does just that.
#
# Rejected: `hash` on the demo's own cookie. A node takes only numbers that it has given out, and the first answer's number
# would as a rule be hashed to another node, which gives out a new one.
balancer() {
    cat <<CONF
daemon off;
worker_processes 1;
pid "$directory/nginx.pid";
error_log stderr warn;
events { worker_connections 512; }
http {
    access_log off;
    # Nothing is put into files: an answer is as fast as the node.
    client_body_buffer_size 1m;
    client_body_temp_path "$directory/nginx-body";
    proxy_temp_path "$directory/nginx-proxy";
    fastcgi_temp_path "$directory/nginx-fastcgi";
    uwsgi_temp_path "$directory/nginx-uwsgi";
    scgi_temp_path "$directory/nginx-scgi";
    proxy_max_temp_file_size 0;

    upstream every_node {
$(for n in "${!names[@]}"; do echo "        server 127.0.0.1:${ports[$n]};"; done)
    }
$(for n in "${!names[@]}"; do
        echo "    upstream node_${names[$n]} {"
        for i in "${!names[@]}"; do
            echo "        server 127.0.0.1:${ports[$i]}$([ "$i" = "$n" ] || echo ' backup');"
        done
        echo "    }"
    done)
    map \$cookie_rescind_node \$to {
        default every_node;
$(for name in "${names[@]}"; do echo "        $name node_$name;"; done)
    }
    # Given once: a node that stands in for another keeps no visitor for itself.
    map \$cookie_rescind_node \$stay {
        default "";
        "" "rescind_node=\$upstream_http_x_rescind_node; Path=/; HttpOnly; SameSite=Lax";
    }

    server {
        listen 127.0.0.1:$port;
        location / {
            proxy_pass http://\$to;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host \$http_host;
            # Set, not added to: what a client says of itself is not passed on.
            proxy_set_header X-Forwarded-For \$remote_addr;
            proxy_set_header X-Forwarded-Host \$http_host;
            proxy_set_header X-Forwarded-Proto \$scheme;
            # Of another balancer, which is not there.
            proxy_set_header Forwarded "";
            proxy_connect_timeout 2s;
            # Events go on as they come.
            proxy_buffering off;
            add_header Set-Cookie \$stay always;
        }
    }
}
CONF
}

balancer >"$directory/nginx.conf"
in_background "$directory/nginx.log" "$nginx" -c "$directory/nginx.conf" -p "$directory"
nginx_pid=$started
await "$nginx_pid" nginx "$directory/nginx.log" answers_ready "$port"

# --- What to do with it ---------------------------------------------------------------------------------------------------

cat <<TEXT

Three nodes, one truth: $url

$(for n in "${!names[@]}"; do echo "    node ${names[$n]}    http://127.0.0.1:${ports[$n]}    process ${node_pids[$n]}    log $directory/node-${names[$n]}.log"; done)

Open $url, log in as alice and be robbed: the same token is good at every node. Log out, let the thief try again,
and watch all of them refuse. The foot of each page says which node answered.

The same in a terminal: run this, then the last line in another one.

    login='{"username": "alice", "password": "correct horse battery staple"}'
    token=\$(curl -s $url/api/login --json "\$login" | jq -r .access_token); echo "token=\$token"
    while sleep 0.5; do
        curl -s -o /dev/null -w '%{http_code} from node %header{x-rescind-node}\n' $url/api/me -H "Authorization: Bearer \$token"
    done

    curl -X POST $url/api/logout -H "Authorization: Bearer \$token"      # with the token that the first one printed

Ctrl-C stops everything; what the stores hold stays in $directory.
TEXT

# A node that is killed is missed, not mourned: trying that is what a cluster is for.
while :; do
    sleep 1 &
    wait $! || true
    for n in "${!names[@]}"; do
        if [ -n "${node_pids[$n]}" ] && ! kill -0 "${node_pids[$n]}" 2>/dev/null; then
            say "node ${names[$n]} has ended; the others go on"
            node_pids[n]=''
        fi
    done
    kill -0 "$nginx_pid" 2>/dev/null || stop_with "the balancer has ended; its log: $directory/nginx.log"
done
