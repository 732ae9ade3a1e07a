#!/usr/bin/env bash
# A walk through the JSON API with curl: sign up, log in, renew, be robbed, log out, and see the stolen token die.
#
#   scripts/curl-tour.sh [BASE_URL]        BASE_URL is http://127.0.0.1:8080 unless given; `cargo run` serves there
#
# Every command is printed as you could type it, with the answer below. Tokens travel in files (`-H @bearer.txt`,
# `-d @refresh.json`) and never in the command itself: arguments can be read by everybody on the machine, with `ps`, and
# stay in the shell's history. For the same reason answers show only the beginning of a token.
#
# The walk expects the default policy, `blacklist`, and ends with an error at the first answer that is not the expected one.

set -euo pipefail

if [ $# -gt 1 ] || [[ ${1:-} == -* ]]; then
    echo "usage: scripts/curl-tour.sh [BASE_URL]" >&2
    exit 2
fi
base=${1:-http://127.0.0.1:8080}
base=${base%/}

for program in curl jq; do
    if ! command -v "$program" >/dev/null; then
        echo "curl-tour: $program is missing: apt-get install $program" >&2
        exit 2
    fi
done

# The files with tokens are ours alone, and go when the walk is over.
umask 077
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"

json='Content-Type: application/json'
keeps=''

explain() {
    echo
    printf '# %s\n' "$@"
}

fail() {
    echo "curl-tour: $*" >&2
    exit 1
}

# Prints a command as it would be typed.
show() {
    local word
    printf '$'
    for word in "$@"; do
        if [[ $word =~ ^[A-Za-z0-9@%_+=:,./-]+$ ]]; then
            printf ' %s' "$word"
        else
            printf " '%s'" "$word"
        fi
    done
    printf '\n'
}

# call STATUS [CODE] -- ARGUMENTS…: runs curl, with the answer in answer.json, and insists on the status and the code.
# With `keeps=yes` before it, the command that is shown keeps the answer too.
call() {
    local expected=$1 code='' status
    shift
    if [ "$1" != -- ]; then
        code=$1
        shift
    fi
    shift
    # An answer that is needed afterwards is the only kind that a reader has to keep.
    show curl "$@" | if [ -n "$keeps" ]; then sed 's/$/ | tee answer.json/'; else cat; fi
    status=$(curl --silent --show-error --max-time 30 --output answer.json --write-out '%{http_code}' "$@") ||
        fail "no answer from $base"
    echo "$status"
    if [ -s answer.json ]; then
        jq '(.. | objects | select(has("access_token")) | .access_token) |= .[:12] + "…"
            | (.. | objects | select(has("refresh_token")) | .refresh_token) |= .[:12] + "…"' answer.json ||
            fail "the answer is not JSON"
    fi
    [ "$status" = "$expected" ] || fail "expected the status $expected"
    [ -z "$code" ] || [ "$(jq -r .code answer.json)" = "$code" ] || fail "expected the code $code"
}

# keep FILTER FILE: picks something out of the answer.
keep() {
    local filter=$1 file=$2
    show jq -r "$filter" answer.json | sed "s|\$| > $file|"
    jq -r "$filter" answer.json >"$file"
}

curl --silent --output /dev/null --max-time 10 "$base/health/live" ||
    fail "nothing answers at $base; start the program with 'cargo run'"

username="tour-$(date +%s)-$RANDOM"
jq -n --arg username "$username" '{username: $username, password: "a long walk with curl"}' >me.json

explain "Somebody signs up. The file me.json holds {\"username\": …, \"password\": …}."
call 201 -- -H "$json" -d @me.json "$base/api/users"

explain "They log in, and get two tokens: a signed one for every request, and one that buys the next, once."
keeps=yes call 200 -- -H "$json" -d @me.json "$base/api/login"
keep '"Authorization: Bearer " + .access_token' bearer.txt
keep '{refresh_token}' refresh.json

explain "The access token opens what is theirs. Somebody else may have copied it by now: keep a copy, as a thief would."
call 200 -- -H @bearer.txt "$base/api/me"
show cp bearer.txt stolen.txt
cp bearer.txt stolen.txt

explain "The access token lives for minutes. The refresh token buys a new pair."
keeps=yes call 200 -- -H "$json" -d @refresh.json "$base/api/refresh"
keep '"Authorization: Bearer " + .access_token' bearer.txt
keep '{refresh_token}' next.json

explain "The old refresh token again, within the grace of ten seconds: a second tab, or an answer that got lost." \
    "It gets the same successor, not another one, so nobody is logged out and the session has one chain of tokens."
keeps=yes call 200 -- -H "$json" -d @refresh.json "$base/api/refresh"
keep '{refresh_token}' again.json
show cmp next.json again.json
cmp next.json again.json || fail "expected the same successor"

explain "A forged refresh token, here a real one with its end overwritten, is refused …"
filter='.refresh_token |= .[:-8] + "AAAAAAAA"'
show jq "$filter" next.json | sed 's|$| > forged.json|'
jq "$filter" next.json >forged.json
call 401 refresh_invalid -- -H "$json" -d @forged.json "$base/api/refresh"

explain "… and changes nothing: whoever forges cannot log others out. The list of devices still has this one."
call 200 -- -H @bearer.txt "$base/api/sessions"
[ "$(jq 'map(select(.current)) | length' answer.json)" = 1 ] || fail "expected one current session"

explain "They log out."
call 204 -- -X POST -H @bearer.txt "$base/api/logout"

explain "The token has not expired and its signature is good. It is dead all the same, at once …"
call 401 token_revoked -- -H @bearer.txt "$base/api/me"

explain "… and so is the thief's copy of the older one, which nobody presented at logout: the session was revoked, and" \
    "with it every token that it ever got."
call 401 token_revoked -- -H @stolen.txt "$base/api/me"

explain "Nor does the refresh token buy new ones."
call 401 session_closed -- -H "$json" -d @next.json "$base/api/refresh"

printf '\nEverything was answered as expected.\n'
