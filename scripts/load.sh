#!/usr/bin/env bash
# Floods a release build of the program, and writes what honest requests got meanwhile into docs/load.md.
#
#   scripts/load.sh

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

page=docs/load.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RESCIND_LOAD_REPORT=$work/table
cargo test --workspace --all-features --locked --release --test load -- --ignored --exact measure::the_load_table --nocapture
{
    echo
    echo "Made on $(date -u +%Y-%m-%d) by \`just load\`, on $(nproc) cores, with a load average of $(cut -d' ' -f1 /proc/loadavg) at the end."
    echo
    cat "$work/table"
    echo
} >"$work/made"
cat "$work/made"
awk -v made="$work/made" '
    /^<!-- made by just load: end -->$/ { inside = 0 }
    !inside { print }
    /^<!-- made by just load: begin -->$/ {
        inside = 1
        while ((getline line < made) > 0) print line
    }
' "$page" >"$work/page"
cat "$work/page" >"$page"
