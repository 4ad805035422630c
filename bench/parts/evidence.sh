# Rollouts in three worlds, through the real edge and real processes, beside what `simulate` says of the same file and the
# same world: versions that are alike, and versions that fail ten times as often. Several services at once save time.

rate=250 errors=0.005 faulty_errors=0.05 limit=300
# Each world, and how often each of its services is taken to a version that is alike, and to a faulty one.
rollouts=("plain 40 40" "bursts 32 30" "warm-up 20 24")
services=2 seeds=2000
[ -z "$quick" ] || { rollouts=("plain 4 6" "bursts 3 4" "warm-up 2 3") services=1 seeds=500; }

# What the world is beside its error share, in words that backend and simulation understand alike.
peculiar() { # world
  case $1 in
    plain) ;;
    bursts) echo ,burst=5 ;;
    warm-up) echo ,cold-errors=0.05,cold-secs=6 ;;
  esac
}

# A lease that no busy machine lets lapse: evidence begins anew after one, which no simulated rollout has to.
describe_service() { # world, name, port
  local warm_up=0s sticky=
  [ "$1" != warm-up ] || warm_up=30s
  [ "$1" != bursts ] || sticky=', sticky = { cookie = "session" }'
  cat <<TOML

[services.$2]
run = ["$bench", "backend"]
listen = "127.0.0.1:$3"
files = ["$2"]
env = { BENCH_WORLD = "$2/world" }
health = { path = "/healthz", interval = "500ms" }
canary = { steps = [5, 25, 50, 100], hold = "2s", bake = "2s" }
gates = { blast-radius = "1%" }
evidence = { warm-up = "$warm_up" }
stop = { drain = "1s" }
edge = { lease = "1m"$sticky }
TOML
}

# The content of a version: how it behaves, and which one it is, so that no two are the same.
release() { # world, service, number, error share
  mkdir -p "$dir/$2"
  echo "errors=$4$(peculiar "$1")" >"$dir/$2/world"
  echo "$3" >"$dir/$2/release"
}

# Users of bursts are known by a cookie. They send what is not safe to repeat, so that they see their failures and stay.
drive() { # world, service, port
  local users=()
  [ "$1" != bursts ] || users=(--mix post --sessions 100 --cookie session)
  start_helper "load-$2" "$bench" load --url "http://127.0.0.1:$3/" --rate "$rate" --connections 64 "${users[@]}"
}

# One rollout after the other. What ends neither way is ended here, and a faulty version that got through goes too.
roll() { # world, service, times, error share
  local number status
  for number in $(seq "$3"); do
    release "$1" "$2" "$number" "$4"
    status=0
    insist "$2" deploy "$2" --timeout "${limit}s" || status=$?
    case $status in
      0) [ "$4" = "$errors" ] || insist "$2" rollback "$2" ;;
      10) ;;
      # It may have ended meanwhile.
      12) insist "$2" abort "$2" && ctl watch "$2" >/dev/null 2>&1 || true ;;
      *) fail "deploy $number of $2 ended with $status: $(cat "$dir/$2.said")" ;;
    esac
  done
}

# Many services at once on a slow disk: the journal may refuse a command, and says that it should be tried again.
insist() { # service, command...
  local said=$dir/$1.said try status
  shift
  for try in $(seq 60); do
    status=0
    ctl "$@" >"$said" 2>&1 || status=$?
    [ "$status" = 1 ] && grep -q "the disk is slow" "$said" || return "$status"
    sleep "$(calc "$try / 10")"
  done
  return "$status"
}

services_of() { # world, kind
  seq -f "$1-$2-%g" "$services"
}

all_healthy() { [ "$(ctl status 2>/dev/null | grep -c ' healthy ')" = "$1" ]; }

begin_services() {
  local line world kind name at count=0
  new_service
  echo 'api = "127.0.0.1:0"' >"$dir/staunch.toml"
  : >"$dir/load"
  for line in "${rollouts[@]}"; do
    world=${line%% *}
    for name in $(services_of "$world" alike) $(services_of "$world" faulty); do
      count=$((count + 1)) at=$(free_port)
      release "$world" "$name" 0 "$errors"
      describe_service "$world" "$name" "$at" >>"$dir/staunch.toml"
      echo "$world $name $at" >>"$dir/load"
    done
  done
  start_service
  until_true 60 "all services are healthy" all_healthy "$count"
  while read -r world name at; do drive "$world" "$name" "$at"; done <"$dir/load"
}

# All services at once.
roll_all() {
  local line world alike faulty name pid rolling=()
  for line in "${rollouts[@]}"; do
    read -r world alike faulty <<<"$line"
    for name in $(services_of "$world" alike); do
      roll "$world" "$name" "$alike" "$errors" & rolling+=($!) helpers+=("roll-$name:$!")
    done
    for name in $(services_of "$world" faulty); do
      roll "$world" "$name" "$faulty" "$faulty_errors" & rolling+=($!) helpers+=("roll-$name:$!")
    done
  done
  for pid in "${rolling[@]}"; do wait "$pid" || fail "the rollouts of a service did not come to their end"; done
}

# Ends a world's clients, and notes how many requests a second each of them really made.
measure_rate() { # world
  local name
  for name in $(services_of "$1" alike) $(services_of "$1" faulty); do
    end_helper "load-$name"
    echo "$(field good "$report") $(field failed "$report") $(field seconds "$report")" >>"$dir/$1.load"
  done
  awk '{ asked += $1 + $2; seconds += $3 } END { printf "%.1f", asked / seconds }' "$dir/$1.load" >"$dir/$1.rate"
}

simulate() { # world, kind, the canary's error share
  ctl simulate --service "$1-$2-1" --seeds "$seeds" --output json \
    --world "errors=$errors,canary-errors=$3,rps=$(cat "$dir/$1.rate"),start-secs=0.2,horizon-secs=$limit$(peculiar "$1")" \
    >"$dir/$1-$2.json"
}

agreement() { # world, kind, figure
  report=$("$bench" agreement --journal "$dir/journal.jsonl" --services "$1-$2-" --simulated "$dir/$1-$2.json" --figure "$3")
}
agrees() { [ "$(field agrees "$report")" = true ] && echo 1 || echo 0; }
percent() { calc "100 * $(field "$1" "$report")" %.1f; }
tenth() { calc "$(field "$1" "$report")" %.1f; }

share_row() { # world, kind, figure, words
  agreement "$1" "$2" "$3"
  exact "$1: $4" "$(field count "$report") of $(field of "$report") ($(percent low) to $(percent high) %)" \
    "$(percent simulated) % ($(percent simulated_low) to $(percent simulated_high) %)" "$(agrees)"
}

spread_row() { # world, kind, figure, words
  agreement "$1" "$2" "$3"
  exact "$1: $4, median of $(field of "$report") (5 to 95 %)" \
    "$(tenth median) ($(tenth p5) to $(tenth p95))" \
    "$(tenth simulated_median) (95 % within $(tenth simulated_p95))" "$(agrees)"
}

begin_services
await_peace
# Fresh instances fail more for a while; stable ones are not fresh.
sleep 30
roll_all
ctl audit export >"$dir/journal.jsonl"
for line in "${rollouts[@]}"; do measure_rate "${line%% *}"; done
stop_service
for line in "${rollouts[@]}"; do
  world=${line%% *}
  note "$world: requests/s of each service, $rate intended" "$(cat "$dir/$world.rate")"
  simulate "$world" alike "$errors"
  simulate "$world" faulty "$faulty_errors"
  share_row "$world" alike false-rollbacks "rolled back wrongly, measured and simulated"
  spread_row "$world" alike full-secs "seconds until everyone has it"
  share_row "$world" faulty missed "faulty version missed"
  spread_row "$world" faulty delay-secs "seconds until it is found"
  spread_row "$world" faulty excess-failures "excess failures"
done
[ -z "${BENCH_KEEP:-}" ] || cp -r "$dir" "$BENCH_KEEP" || true
