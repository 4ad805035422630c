#!/usr/bin/env bash
# Each trigger fires on a real fault and stays silent on what only looks like it: slowness against one slow answer in
# fifty, memory that grows, a database that only the new version needs against one that both need. The databases are
# a real Redis and a real PostgreSQL.
. "$(dirname "$0")/../lib.sh"

bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
as_postgres() { (cd / && if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi); }
cluster=$(as_postgres mktemp -d)
as_postgres "$bin/initdb" -D "$cluster" --auth trust >/dev/null
postgres_starts() { as_postgres "$bin/pg_ctl" -D "$cluster" -w -o "-p 18397 -k $cluster -c listen_addresses=127.0.0.1" -l "$cluster/log" start >/dev/null; }
postgres_stops() { as_postgres "$bin/pg_ctl" -D "$cluster" -m immediate stop >/dev/null 2>&1 || true; }
postgres_starts
redis-server --port 18396 --save '' --appendonly no >redis.log &
redis=$!
trap 'postgres_stops; kill "$redis" 2>/dev/null || true; as_postgres rm -rf "$cluster"; finish' EXIT

port=18391
write() { # version, fault, more triggers
  { only_shop "$port" "$1" "$2" && cat; } >staunch.toml <<TOML
canary = { steps = [20, 50], hold = "3s", bake = "1s" }
gates = { error-rate = { max = "5%" }, blast-radius = "3%" }

[triggers]
latency-p95 = { warn = "150ms", rollback = "200ms", for = "1s" }
memory = { max-vs-stable = "+150%", for = "1s" }
error-spike = { increase = "50%", window = "5s", min-count = 10 }

${3:-}
TOML
}
dependency='interval = "200ms", timeout = "1s", fall = 2, for = "500ms"'
redis_table="dependency.cache = { redis = \"127.0.0.1:18396\", $dependency }"
postgres_table="dependency.db = { postgres = \"127.0.0.1:18397\", $dependency }"
with() { printf '[triggers.dependency]\n%s\n' "${1/dependency./}"; }

# Waits until the dependency was asked and answers.
asked() {
  for _ in $(seq 100); do
    if "$staunch" status 2>/dev/null | grep "dependency $1" | grep -q armed; then sleep 1; return; fi
    sleep 0.1
  done
  "$staunch" status
  die "$1 was not asked"
}

write 1.0.0 ""
start
users "127.0.0.1:$port/"

say "one slow answer in fifty is no slowness: promoted"
write 1.1.0 hiccup
expect 0 "$staunch" deploy --timeout 55s

say "every answer is slow: taken back by the trigger"
write 1.2.0 slow
expect 10 "$staunch" deploy --timeout 55s
"$staunch" explain | grep -q 'trigger latency-p95 fired' || die "it was not the trigger"

say "memory that grows beyond the running version's: taken back"
write 1.3.0 grows
expect 10 "$staunch" deploy --timeout 55s
"$staunch" explain | grep -q 'trigger memory vs stable fired' || die "it was not the trigger"
no_user_saw_a_failure
users "127.0.0.1:$port/"

say "PostgreSQL ends, and only the new version needs it: taken back"
write 1.4.0 "" "$(with "$postgres_table")"
"$staunch" deploy --timeout 55s &
deploy=$!
asked db
postgres_stops
expect 10 wait "$deploy"
"$staunch" explain | grep -q 'dependency db' || die "explain does not name the dependency"

say "Redis ends, and both versions need it: told, and nobody is taken back"
write 1.5.0 "" "$(with "$redis_table")"
expect 0 "$staunch" deploy --timeout 55s
write 1.6.0 "" "$(with "$redis_table")"
"$staunch" deploy --timeout 55s &
deploy=$!
asked cache
kill "$redis"
expect 0 wait "$deploy"
"$staunch" explain | grep -q 'shared: stable needs it too' || die "explain does not say that it is shared"
no_user_saw_a_failure
"$staunch" audit verify
say "all as told"
