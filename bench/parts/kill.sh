# A canary with half of the traffic is killed again and again; the limits are so high that it stays a canary.

times=${quick:+2}; times=${times:-10}

new_service
write_file v1 <<'TOML'
[canary]
steps = [{ weight = 50, pause = true }]
hold = "0s"
bake = "0s"

[gates]

[triggers]
crash-exits = 1000
unready-for = "1d"
catastrophic = "100%"
TOML
start_service
describe_again v2
ctl deploy --until step:1 >/dev/null
until_true 20 "the canary runs" instance_pid v2

# A new process of the canary, ready again.
another_canary() {
  local now
  now=$(instance_pid v2)
  [ -n "$now" ] && [ "$now" != "$pid" ] && status_says "pid $now, ready" && pid=$now
}
await_peace
start_helper load "$bench" load --url "$url" --rate 2000 --connections 32
pid='' killed=0
for kill in $(seq "$times"); do
  until_true 60 "a canary to kill ($kill of $times)" another_canary
  # Some requests are in flight by now.
  sleep 0.3
  kill -9 "$pid"
  killed=$((killed + 1))
done
end_helper load
exact "canary at 50 % killed under 2 000 GET/s" "$killed times" "$times" "$killed == $times"
users_saw "canary killed" "$report"
