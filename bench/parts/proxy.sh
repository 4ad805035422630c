# One core, 90 % to one backend and 10 % to another, the same two for each proxy. Load and backends have the other
# cores. The proxies take turns, so that the machine's moods meet all of them.

source "$root/bench/lib/peers.sh"

rounds=${quick:+1}; rounds=${BENCH_ROUNDS:-${rounds:-5}}
seconds=${quick:+2}; seconds=${BENCH_SECONDS:-${seconds:-6}}
connections=64
others=1-$(($(nproc) - 1))

proxies_up() {
  new_service
  write_file stable <<'TOML'
[canary]
steps = [{ weight = 10, pause = true }]
hold = "0s"
bake = "0s"

[gates]

[triggers]
unready-for = "1d"
TOML
  # The edge has as many threads as cores are allowed when it starts: one.
  start_service taskset -c 0
  describe_again canary
  ctl deploy --until step:1 >/dev/null
  until_true 20 "the canary runs" instance_pid canary
  local pid
  for pid in $(control_pid) $(keeper_pid) $(instance_pid stable) $(instance_pid canary); do
    taskset -a -c -p "$others" "$pid" >/dev/null
  done
  until_true 20 "the canary has traffic" canary_serves
  start_nginx "$(instance_port "$(instance_pid stable)")" "$(instance_port "$(instance_pid canary)")"
  start_envoy "$(instance_port "$(instance_pid stable)")" "$(instance_port "$(instance_pid canary)")"
  declare -gA where=([staunch]=$url [nginx]=http://127.0.0.1:$nginx_port/ [envoy]=http://127.0.0.1:$envoy_port/
    [direct]=http://127.0.0.1:$(instance_port "$(instance_pid stable)")/)
  declare -gA who=([staunch]=$(edge_pid) [nginx]=$nginx_pid [envoy]=$envoy_pid)
}
canary_serves() { status_says '10 % of the traffic'; }

# Requests per second, and the proxy's processor time per request in microseconds.
throughput() { # proxy
  local before after text
  before=$(cpu_ms "${who[$1]}")
  text=$(taskset -c "$others" wrk -t1 -c "$connections" -d "${seconds}s" "${where[$1]}")
  after=$(cpu_ms "${who[$1]}")
  ! grep -qE 'Non-2xx|Socket errors' <<<"$text" || say "$1: $(grep -E 'Non-2xx|Socket errors' <<<"$text")"
  local total
  total=$(awk '/requests in/ { print $1 }' <<<"$text")
  awk '/Requests\/sec/ { print $2 }' <<<"$text" >>"$work/rps.$1"
  calc "($after - $before) * 1000 / $total" '%.2f\n' >>"$work/cpu.$1"
}

paced_p99() { # proxy or direct
  local report
  report=$(taskset -c "$others" "$bench" load --url "${where[$1]}" --rate 8000 --connections "$connections" --duration "$seconds")
  field p99_us "$report" >>"$work/p99.$1"
  field p50_us "$report" >>"$work/p50.$1"
  [ "$(field failed "$report")" = 0 ] || say "$1 at 8 000/s: $report"
}

memory() { # proxy
  start_helper memory taskset -c "$others" "$bench" load --url "${where[$1]}" --rate 4000 --connections 512
  sleep 3
  rss_mb "${who[$1]}" >"$work/rss.$1"
  end_helper memory
}

of() { median <"$work/$1.$2"; }
added() { calc "$(of p99 "$1") - $(of p99 direct)" '%.0f'; }

proxies_up
for proxy in staunch nginx envoy; do seconds=2 throughput "$proxy"; done
rm -f "$work"/rps.* "$work"/cpu.*
for round in $(seq "$rounds"); do
  say "round $round of $rounds"
  for proxy in staunch nginx envoy; do await_peace; throughput "$proxy"; done
  await_peace
  for proxy in direct staunch nginx envoy; do paced_p99 "$proxy"; done
done
await_peace
for proxy in staunch nginx envoy; do memory "$proxy"; done

note "direct: p50 / p99 at 8 000/s" "$(of p50 direct) / $(of p99 direct) µs"
for proxy in staunch nginx envoy; do
  note "$proxy: throughput, one core, $connections connections" "$(calc "$(of rps "$proxy")" '%.0f') requests/s"
  note "$proxy: processor time per request" "$(of cpu "$proxy") µs"
  note "$proxy: added p50 / p99 at 8 000/s" "$(calc "$(of p50 "$proxy") - $(of p50 direct)" '%.0f') / $(added "$proxy") µs (p99 in each round: $(tr '\n' ' ' <"$work/p99.$proxy"))"
  note "$proxy: memory at 512 connections" "$(cat "$work/rss.$proxy") MB"
done
to_nginx=$(calc "$(of rps staunch) / $(of rps nginx)")
to_envoy=$(calc "$(of rps staunch) / $(of rps envoy)")
to_p99=$(calc "$(added staunch) / $(added nginx)")
speed "throughput, staunch / nginx" "$to_nginx" "≥ 0.9" "$to_nginx >= 0.9"
speed "throughput, staunch / Envoy" "$to_envoy" "≥ 2.3" "$to_envoy >= 2.3"
speed "added p99 at 8 000/s, staunch / nginx" "$to_p99" "≤ 1.1" "$to_p99 <= 1.1"
speed "edge's memory at 512 connections" "$(cat "$work/rss.staunch") MB" "< 40 MB" "$(cat "$work/rss.staunch") < 40"
