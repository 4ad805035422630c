# What the examples share. Each is run as `examples/NAME/run.sh [path of the staunch binary]` and ends with status 0
# when everything went as told. Needs python3 and wrk.
set -euo pipefail

examples=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
staunch=$(realpath "${1:-$examples/../target/release/staunch}")
work=$(mktemp -d)
up=
loaders=()

say() { printf '\n== %s\n' "$*"; }
die() { printf '\nnot as told: %s\n' "$*" >&2; exit 1; }

finish() {
  for loader in ${loaders[@]+"${loaders[@]}"}; do kill "$loader" 2>/dev/null || true; done
  (cd "$work" && "$staunch" down >/dev/null 2>&1) || true
  [ -z "$up" ] || wait "$up" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT
cp "$examples/app.py" "$work/"
cd "$work"

# The sample shop in a staunch.toml: shop PORT VERSION [FAULT]. Its path follows.
shop() {
  cat <<TOML
run = "python3 app.py"
listen = "127.0.0.1:$1"
version = "$2"
files = ["app.py"]
env = { VERSION = "$2", FAULT = "${3:-}" }
health.path = "/healthz"
evidence.warm-up = "1s"
TOML
}
# The same as the only service of its file.
only_shop() {
  printf 'service = "shop"\napi = "127.0.0.1:0"\n'
  shop "$@"
}

# Starts control with ./staunch.toml and waits until so many services are healthy (one).
start() {
  "$staunch" up --progress plain 2>up.log &
  up=$!
  for _ in $(seq 300); do
    if [ "$("$staunch" status 2>/dev/null | grep -c '^[a-z].*healthy')" -ge "${1:-1}" ]; then return; fi
    sleep 0.2
  done
  cat up.log
  die "the service did not become healthy"
}

# Users of http://ADDRESS for at most a minute, six of them: users 127.0.0.1:18080/ [HOW MANY]
users() {
  wrk --threads 1 --connections "${2:-6}" --duration 60s --timeout 10s --script "$examples/pace.lua" \
    "http://$1" >"wrk-${1//[^0-9a-z]/-}.txt" 2>&1 &
  loaders+=($!)
}

users_leave() {
  for loader in ${loaders[@]+"${loaders[@]}"}; do kill -INT "$loader" 2>/dev/null || true; done
  for loader in ${loaders[@]+"${loaders[@]}"}; do wait "$loader" 2>/dev/null || true; done
  loaders=()
}

# Ends them, and fails if one of them saw anything but success.
no_user_saw_a_failure() {
  users_leave
  for told in wrk-*.txt; do
    if grep -E 'Non-2xx|Socket errors' "$told"; then die "users saw failures"; fi
    grep -E 'requests in' "$told"
  done
  rm -f wrk-*.txt
}

# expect STATUS command …
expect() {
  local wanted=$1 status=0
  shift
  "$@" || status=$?
  [ "$status" = "$wanted" ] || die "expected exit $wanted of \`$*\`, got $status"
}
