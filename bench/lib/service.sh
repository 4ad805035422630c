# A service of the product: described, started, deployed, stopped; and the helpers around it.

dir='' up='' helpers=()

# A folder, a port and a URL for it.
new_service() {
  dir=$(mktemp -d "$work/service.XXXX")
  port=$(free_port)
  url=http://127.0.0.1:$port/
}

# Writes the file: version, further environment, and the tables of standard input.
write_file() {
  cat >"$dir/tables"
  describe_again "$@"
}

# The same with another version; the tables stay.
describe_again() { # version, environment
  {
    cat <<TOML
service = "bench"
run = ["$bench", "backend"]
listen = "127.0.0.1:$port"
version = "$1"
env = { BENCH_VERSION = "$1"${2:+, $2} }
api = "127.0.0.1:0"

[health]
path = "/healthz"

TOML
    cat "$dir/tables"
  } >"$dir/staunch.toml"
}

ctl() { "$staunch" --file "$dir/staunch.toml" --progress none "$@"; }

start_service() { # how to start it, such as: taskset -c 0
  "$@" "$staunch" --file "$dir/staunch.toml" --progress plain up >"$dir/up.log" 2>&1 &
  up=$!
  until_true 30 "the service is healthy ($(tail -n 3 "$dir/up.log"))" is_healthy
}
# What the status says is read whole before it is searched: a reader that leaves early would be taken for a failure.
status_says() { grep -q "$1" <<<"$(ctl status 2>/dev/null)"; }
is_healthy() { status_says ' healthy '; }

stop_service() {
  [ -n "$up" ] || return 0
  ctl down >/dev/null 2>&1 || kill "$up" 2>/dev/null || true
  wait "$up" 2>/dev/null || true
  up=''
}

edge_pid() { pgrep -n -f "edge --run-dir $dir/.staunch/run"; }
keeper_pid() { pgrep -f "keeper --data $dir/.staunch"; }
api_base() { sed 's/.*"api":"\([^"]*\)".*/\1/' "$dir/.staunch/run/control.json"; }
control_pid() { sed 's/.*"pid":\([0-9]*\).*/\1/' "$dir/.staunch/run/control.json"; }
# The process of a version's instance.
instance_pid() { # version
  local pid
  for pid in $(pgrep -f "^$bench backend"); do
    grep -qz "^BENCH_VERSION=$1$" "/proc/$pid/environ" 2>/dev/null && grep -qz "^STAUNCH_HOME=$dir/" "/proc/$pid/environ" && echo "$pid"
  done
}
instance_port() { tr '\0' '\n' <"/proc/$1/environ" | sed -n 's/^PORT=//p'; }

# Something that runs beside; what it prints is its report.
start_helper() { # name, command...
  local name=$1
  shift
  "$@" >"$work/$name.json" &
  helpers+=("$name:$!")
}
# Ends the helper and puts its report into `report`.
end_helper() { # name
  local helper pid=
  for helper in "${helpers[@]}"; do [ "${helper%%:*}" != "$1" ] || pid=${helper##*:}; done
  kill "$pid" 2>/dev/null || true
  wait "$pid" || true
  report=$(cat "$work/$1.json")
}
stop_helpers() {
  local helper
  for helper in "${helpers[@]}"; do kill "${helper##*:}" 2>/dev/null || true; done
  for helper in "${helpers[@]}"; do wait "${helper##*:}" 2>/dev/null || true; done
  helpers=()
}
