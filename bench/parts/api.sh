# The control API: lists of a long journal, readers that stay, more connections than there is room for.

rollouts=${quick:+200}; rollouts=${BENCH_ROLLOUTS:-${rollouts:-10000}}
asked=${quick:+10}; asked=${asked:-200}
window=${quick:+5}; window=${BENCH_WINDOW:-${window:-60}}
readers=${quick:+20}; readers=${BENCH_READERS:-${readers:-200}}
crowd=${quick:+1000}; crowd=${BENCH_CROWD:-${crowd:-10000}}
long_history=$target/release/examples/long_history

new_service
second=$(free_port)
# Two services at a version each.
two() { # version of left, version of right, how long a step lasts
  local name port
  echo 'api = "127.0.0.1:0"'
  for name in left right; do
    if [ "$name" = left ]; then port=$port_left version=$1; else port=$port_right version=$2; fi
    cat <<TOML

[services.$name]
run = ["$bench", "backend"]
listen = "127.0.0.1:$port"
version = "$version"
env = { BENCH_VERSION = "$version" }
health = { path = "/healthz" }
canary = { steps = [5, 25, 50], hold = "${3:-0s}", bake = "0s" }
gates = {}
TOML
  done
}
port_left=$port port_right=$second
move() { # service, version of left, version of right
  two "$2" "$3" >"$dir/staunch.toml"
  ctl deploy "$1" --timeout 60s >/dev/null || fail "the rollout of $1 ended with $?: $(tail -n 3 "$dir/up.log")"
}
both_healthy() { [ "$(ctl status 2>/dev/null | grep -c ' healthy ')" -eq 2 ]; }

# Two rollouts there and two back are a cycle that a long journal is made of.
two v1 v1 >"$dir/staunch.toml"
start_service
until_true 30 "both services are healthy" both_healthy
move left v2 v1
move right v2 v2
move left v1 v2
move right v1 v1
stop_service
mv "$dir/.staunch/journal.db" "$work/short.db"
for rest in wal shm; do [ ! -f "$dir/.staunch/journal.db-$rest" ] || mv "$dir/.staunch/journal.db-$rest" "$work/short.db-$rest"; done
made=$("$long_history" "$work/short.db" "$dir/.staunch/journal.db" 4 $((rollouts / 4)))
say "the journal: $made, $(du -m "$dir/.staunch/journal.db" | cut -f 1) MB"

await_peace
begun=$(date +%s%N)
start_service
healthy_after=$(calc "($(date +%s%N) - $begun) / 1e6" %d)
pid=$(control_pid) base=$(api_base)
entries=$(field entries "$made")
note "\`up\` on a journal of $(field rollouts "$made") rollouts, $entries entries: until healthy, processor time" "$healthy_after ms, $(calc "$(cpu_ms "$pid")" %d) ms"
note "control's memory then" "$(rss_mb "$pid") MB"

node "$root/bench/api/answers.mjs" "$base" left "$asked" >"$work/told"
first() { speed "$1" "$(took "$2")" "p95 < 20 ms" "$(field p95 "$(told "$2")") < 20"; }
first "list of rollouts, first page of 50: p50 / p95 / most" "first"
first "list of rollouts of a service, first page of 50" "first of a service"
first "list of rollouts, every page of 50, $(field rows "$(told every)") rollouts" "every"
first "list of rollouts of a service, every page of 50" "every of a service"
first "list of rollouts, while the chain is walked" "first while verifying"
for other in "first of 1 000" "audit" "audit filtered" "page /" "page of a service" "page /-/audit" "page /-/budgets"; do
  note "$other: p50 / p95 / most" "$(took "$other"), $(calc "$(field bytes "$(told "$other")") / 1024" %d) KiB"
done
note "walking the whole chain" "$(took verify)"
note "control's memory after that" "$(rss_mb "$pid") MB"

# Processor time of control in a window, in percent of a core.
busy() {
  local before
  before=$(cpu_ms "$pid")
  sleep "$window"
  calc "($(cpu_ms "$pid") - $before) / ($window * 10)"
}
extra() { # figure, path, share without readers
  local with
  start_helper readers node "$root/bench/api/readers.mjs" "$base" "$2" "$readers"
  sleep 2
  with=$(busy)
  end_helper readers
  [ "$(field open "$report")" -eq "$readers" ] && [ "$(field ended "$report")" -eq 0 ] || fail "readers: $report"
  speed "$1: of one core" "$(calc "$with - $3") % ($with with, $3 without; $(calc "$(field bytes "$report") / 1024 / ($window + 2)" %d) KiB/s)" "< 5 %" "$with - $3 < 5"
}
await_peace
idle=$(busy)
extra "$readers readers of /api/v1/events, nothing happens" "/api/v1/events" "$idle"
extra "$readers readers of the page's stream, nothing happens" "/api/v1/changes?points=3" "$idle"
# As in the demo: users, and a rollout that is under way.
start_helper load "$bench" load --url "$url" --rate 200 --connections 8
two v2 v1 1d >"$dir/staunch.toml"
ctl deploy left --until started >/dev/null
until_true 30 "the canary has its share" status_says '5 % of the traffic'
loaded=$(busy)
extra "$readers readers of the page's stream, a rollout under 200 requests/s" "/api/v1/changes?points=3" "$loaded"
end_helper load

await_peace
before=$(rss_mb "$pid")
node "$root/bench/api/crowd.mjs" "$base" "$dir/.staunch/run/api.sock" "$crowd" >"$work/told"
others=$(told others)
sum=$(($(field answered "$others") + $(field refused "$others") + $(field closed "$others")))
exact "$crowd connections at once: answered / told that it is full / closed without a word" "$(field answered "$others") / $(field refused "$others") / $(field closed "$others")" "no one in doubt" "$sum == $crowd"
speed "… told what became of them" "$((sum - $(field closed "$others")))" "all" "$(field closed "$others") == 0"
exact "… of them still open" "$(field open "$others")" "≤ 1024" "$(field open "$others") <= 1024"
speed "… answers on the unix socket meanwhile: p50 / p95 / most" "$(took others)" "p95 < 250 ms" "$(field p95 "$others") < 250"
exact "… room again when they have gone" "$(field most "$(told "room again")") ms" "yes" "$(field status "$(told "room again")") == 200"
note "… control's memory before / after" "$before / $(rss_mb "$pid") MB"
