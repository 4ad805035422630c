# A hundred services that do nothing: what watching them costs.

services=${quick:+10}; services=${BENCH_SERVICES:-${services:-100}}
window=${quick:+5}; window=${window:-30}

new_service
many() {
  local number port
  echo 'api = "127.0.0.1:0"'
  for number in $(seq "$services"); do
    port=$(free_port)
    while grep -qx "$port" "$dir/ports" 2>/dev/null; do port=$(free_port); done
    echo "$port" >>"$dir/ports"
    printf '\n[services.s%s]\nrun = ["%s", "backend"]\nlisten = "127.0.0.1:%s"\nhealth = { path = "/healthz" }\n' "$number" "$bench" "$port"
  done
}
many >"$dir/staunch.toml"
all_healthy() { [ "$(ctl status 2>/dev/null | grep -c ' healthy ')" -eq "$services" ]; }
"$staunch" --file "$dir/staunch.toml" --progress plain up >"$dir/up.log" 2>&1 &
up=$!
until_true 600 "$services services are healthy" all_healthy
await_peace

declare -A pids=([control]=$(control_pid) [keeper]=$(keeper_pid) [edge]=$(edge_pid)) before=() share=()
for role in control keeper edge; do before[$role]=$(cpu_ms "${pids[$role]}"); done
sleep "$window"
for role in control keeper edge; do
  share[$role]=$(calc "($(cpu_ms "${pids[$role]}") - ${before[$role]}) / ($window * 10)")
done
speed "control with $services idle services: memory" "$(rss_mb "${pids[control]}") MB" "< 100 MB" "$(rss_mb "${pids[control]}") < 100"
speed "control with $services idle services: of one core" "${share[control]} %" "< 2 %" "${share[control]} < 2"
for role in keeper edge; do
  note "$role with $services idle services" "$(rss_mb "${pids[$role]}") MB, ${share[$role]} % of one core"
done
