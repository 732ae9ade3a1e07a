#!/usr/bin/env bash
# The fault suite: breaks real stores under the real program, prints what held, and writes it into docs/faults.md.
#
#   scripts/chaos.sh          the large numbers: the better part of an hour
#   scripts/chaos.sh --quick  the reduced numbers, as scripts/test.sh runs them
#
# What is needed is said by the tests themselves; scripts/test.sh installs it.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

page=docs/faults.md
export RESCIND_TEST_FULL=1
export RESCIND_TEST_REQUIRE_ALL=1
tier="\`just chaos\`, the large numbers"
for argument in "$@"; do
    case $argument in
        --quick)
            RESCIND_TEST_FULL=0
            tier="\`just chaos --quick\`, the reduced numbers"
            ;;
        *)
            echo "usage: scripts/chaos.sh [--quick]" >&2
            exit 2
            ;;
    esac
done
command -v jq >/dev/null || {
    echo "scripts/chaos.sh: jq is missing: apt-get install jq" >&2
    exit 2
}

# In the order of web/tests/faults/report.rs.
faults=(
    "kill -9 of a node between the two steps of a logout or a password change"
    "Redis forgets"
    "Redis stands still, or a node is cut off from it"
    "kill -9 of Postgres, and its restart"
    "Logged out on one node, asked at another at once"
    "One refresh token, presented many times at once"
    "Two things at once, on two nodes"
    "A database that is busy"
    "One node's clock is an hour off"
    "A mountain of passed entries"
    "Stores that must not be used"
    "Stores that answer and refuse writes"
    "Another server takes over"
)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RESCIND_FAULTS_REPORT=$work/report
touch "$RESCIND_FAULTS_REPORT"
status=0
# With the packages and features of scripts/test.sh, so that nothing is built twice.
suite=(--workspace --all-features --locked --test faults)
cargo test "${suite[@]}" --no-run
began=$SECONDS
cargo test "${suite[@]}" --no-fail-fast 2>&1 | tee "$work/log" || status=$?
minutes=$(((SECONDS - began + 59) / 60))

# "test amnesia::a_flushed_redis_revives_no_token ... FAILED"
sed -nE 's/^test ([a-z0-9_]+::)+([a-z0-9_]+) \.\.\. FAILED$/\2/p' "$work/log" >"$work/failed"

table() {
    echo "| fault | what held | figures | test |"
    echo "| --- | --- | --- | --- |"
    for row in "${!faults[@]}"; do
        jq -r --arg fault "${faults[$row]}" --argjson row "$row" '
            select(.row == $row)
            | "| \($fault) | \(.held) | \(.figures) | [`\(.test)`](../\(.file)) |"
        ' "$RESCIND_FAULTS_REPORT" | sort
    done
    while read -r test; do
        echo "| | **FAILED** | | \`$test\` |"
    done <"$work/failed"
}

table >"$work/table"
{
    echo
    echo "Made on $(date -u +%Y-%m-%d) by $tier, on $(nproc) cores, in $minutes min."
    echo
    cat "$work/table"
    echo
} >"$work/made"

echo
cat "$work/table"
awk -v made="$work/made" '
    /^<!-- made by just chaos: end -->$/ { inside = 0 }
    !inside { print }
    /^<!-- made by just chaos: begin -->$/ {
        inside = 1
        while ((getline line < made) > 0) print line
    }
' "$page" >"$work/page"
grep -q '^<!-- made by just chaos: begin -->$' "$page" || {
    echo "scripts/chaos.sh: $page has no place for the table" >&2
    exit 2
}
cat "$work/page" >"$page"

echo
if [ "$status" -eq 0 ]; then
    echo "every fault was survived; $page has the table"
else
    echo "FAILED: $(wc -l <"$work/failed") of the tests; see above, and $page" >&2
fi
exit "$status"
