# A canary with half of the traffic is killed. What it fails until its end is known is evidence against it, so that
# it may be taken back; the next one is a version of its own.

times=${quick:+2}; times=${times:-10}

new_service
write_file v0 <<'TOML'
[canary]
steps = [{ weight = 50, pause = true }]
hold = "0s"
bake = "0s"

[gates]

[stop]
drain = "1s"
TOML
start_service
canary_answers() { status_says '50 % of the traffic' && [ "$(canary_requests)" -gt 0 ]; }
canary_requests() { tr -d ' \n' <<<"$(ctl status --output json)" | sed -n 's/.*"requests_total":\([0-9]*\).*/\1/p'; }
await_peace
start_helper load "$bench" load --url "$url" --rate 2000 --connections 32
killed=0
for kill in $(seq "$times"); do
  describe_again "v$kill"
  ctl deploy --replace --until step:1 >/dev/null || fail "deploy $kill ended with $?: $(tail -n 3 "$dir/up.log")"
  until_true 30 "canary $kill has traffic" canary_answers
  kill -9 "$(instance_pid "v$kill")" && killed=$((killed + 1))
  # Time to be found dead, started again or taken back, all of it under load.
  sleep 0.5
done
end_helper load
exact "canary at 50 % killed under 2 000 GET/s" "$killed times" "$times" "$killed == $times"
users_saw "canary killed" "$report"
