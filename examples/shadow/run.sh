#!/usr/bin/env bash
# A new version answers copies of requests before any user is on it. One that computes another price is taken back
# with the answers that differ; one that is as good goes on to its canary. Users, who also order, see nothing of
# either. Needs python3.
#
#   examples/shadow/run.sh [path of the staunch binary]
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
staunch=$(realpath "${1:-$here/../../target/release/staunch}")
port=${PORT:-18090}
work=$(mktemp -d)
say() { printf '\n== %s\n' "$*"; }
fail() { printf '%s\n' "$*" >&2; exit 1; }
finish() {
  [ -z "${users:-}" ] || kill "$users" 2>/dev/null || true
  "$staunch" --file "$work/staunch.toml" down >/dev/null 2>&1 || true
  [ -z "${up:-}" ] || wait "$up" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

write() { # version, tax
  cat >"$work/staunch.toml" <<TOML
service = "catalog"
run = "python3 catalog.py"
listen = "127.0.0.1:$port"
files = ["catalog.py"]
version = "$1"
env = { TAX = "$2", RELEASE = "$1" }
api = "127.0.0.1:0"

[health]
path = "/healthz"

[shadow]
hold = "2s"
requests = 300

[canary]
steps = [50, 100]
hold = "1s"
bake = "2s"

[evidence]
warm-up = "1s"
TOML
}
deploy() { # expected exit status
  local status=0
  "$staunch" --file "$work/staunch.toml" --progress plain deploy --timeout 120s || status=$?
  [ "$status" -eq "$1" ] || fail "deploy ended with $status, not $1"
}

cp "$here/catalog.py" "$here/users.py" "$work/"
cd "$work"

say "v1 serves"
write v1 0.19
"$staunch" --file "$work/staunch.toml" --progress plain up >"$work/up.log" 2>&1 &
up=$!
for _ in $(seq 200); do
  grep -q ' healthy ' <<<"$("$staunch" --file "$work/staunch.toml" status 2>/dev/null || true)" && break
  sleep 0.1
done
python3 users.py "$port" >"$work/users.txt" &
users=$!

say "v2 computes with another tax: taken back before any user saw it"
write v2 0.17
deploy 10
"$staunch" explain >"$work/explain.txt"
cat "$work/explain.txt"
grep -q '/items/\*/price' "$work/explain.txt" || fail "the price is not named"
grep -q 'before any user saw it' "$work/explain.txt" || fail "users saw it"

say "v3 is as good as v1: through the shadow, then to everyone"
write v3 0.19
deploy 0
"$staunch" explain | grep -E '^(Shadow|Timeline|  )' | head -n 20 || true
! grep -q 'a copied order' <<<"$("$staunch" logs --revision v3)" || fail "an order was copied, though the file does not say so"

kill -TERM "$users"
wait "$users" || fail "users saw failures: $(cat "$work/users.txt")"
users=''
say "users: $(cat "$work/users.txt")"
