#!/usr/bin/env bash
# A real application (httpbin under gunicorn, from PyPI) goes from one of its real versions to another under load
# with no failed request; then four broken versions of it are taken back. Needs python3-venv and wrk.
#
#   examples/real-app/run.sh [path of the staunch binary]
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
staunch=$(realpath "${1:-$here/../../target/release/staunch}")
port=${PORT:-18080}
work=$(mktemp -d)
say() { printf '\n== %s\n' "$*"; }
finish() {
  "$staunch" --file "$work/staunch.toml" down >/dev/null 2>&1 || true
  [ -z "${up:-}" ] || wait "$up" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

venv() { # folder, version
  python3 -m venv "$work/$1"
  "$work/$1/bin/pip" install --quiet --disable-pip-version-check gunicorn==23.0.0 "httpbin==$2" "flask<3" "werkzeug<3" "setuptools<81"
}

write() { # folder of the version, fault
  cat >"$work/staunch.toml" <<TOML
service = "httpbin"
run = "./$1/bin/gunicorn --bind 127.0.0.1:\$PORT --workers 1 --threads 16 --timeout 0 broken:app"
listen = "127.0.0.1:$port"
files = ["broken.py"]
env = { FAULT = "${2:-}" }
api = "127.0.0.1:0"

[health]
path = "/status/200"

[canary]
steps = [10, 50, 100]
hold = "1s"
bake = "3s"

[gates]
error-rate = { max = "1%" }
latency-p95 = { max-vs-stable = "+50%" }

[evidence]
warm-up = "5s"
TOML
}

# Load for as long as a deploy takes. The users' view: everything that is not a 2xx counts.
load() {
  wrk --threads 1 --connections 8 --duration "${1}s" --timeout 10s "http://127.0.0.1:$port/get" >"$work/wrk.txt" 2>&1
}
no_user_saw_a_failure() {
  if grep -E 'Non-2xx|Socket errors' "$work/wrk.txt"; then
    cat "$work/wrk.txt"
    echo "users saw failures"
    exit 1
  fi
  grep -E 'requests in' "$work/wrk.txt"
}

say "two versions of the application"
cp "$here/broken.py" "$work/"
venv old 0.10.1
venv new 0.10.2
cd "$work"
write old
"$staunch" up --progress plain 2>"$work/up.log" &
up=$!
for _ in $(seq 300); do
  "$staunch" status 2>/dev/null | grep -q 'healthy' && break
  sleep 0.2
done
"$staunch" status | grep healthy

say "from 0.10.1 to 0.10.2 under load"
write new
load 40 & loader=$!
sleep 1
"$staunch" deploy --progress plain --timeout 38s
wait "$loader"
no_user_saw_a_failure

for fault in 500 slow hang crash; do
  say "a broken version: $fault"
  write new "$fault"
  load 60 & loader=$!
  sleep 1
  status=0
  "$staunch" deploy --progress plain --timeout 58s || status=$?
  "$staunch" explain
  kill "$loader" 2>/dev/null || true
  wait "$loader" 2>/dev/null || true
  [ "$status" = 10 ] || { echo "expected exit 10 (rolled back), got $status"; exit 1; }
  "$staunch" status | grep -q 'healthy'
done

"$staunch" audit verify
say "all as told"
