# Users at 2 000 GET/s, all of whose requests are copied, and the same users without copies. The two take turns, so that
# the machine's moods meet both; the shadow is on the same cores, as it would be.

rounds=${quick:+1}; rounds=${BENCH_ROUNDS:-${rounds:-5}}
seconds=${quick:+2}; seconds=${BENCH_SECONDS:-${seconds:-6}}

new_service
write_file v0 <<'TOML'
[shadow]
hold = "1d"
requests = 1000000
max-slower = "+1000%"

[canary]
step-deadline = "2d"

[gates]

[stop]
drain = "1s"
TOML
start_service

shadows() { status_says 'shadowing'; }
over() { ! shadows && [ -z "$(instance_pid "$1")" ]; }
pairs() { tr -d ' \n' <<<"$(ctl status --output json)" | sed -n 's/.*"counts":{"pairs":\([0-9]*\).*/\1/p'; }
dropped() { tr -d ' \n' <<<"$(ctl status --output json)" | sed -n 's/.*"counts":{[^}]*"dropped":\([0-9]*\).*/\1/p'; }

measure() { # with or without
  report=$("$bench" load --url "$url" --rate 2000 --connections 32 --duration "$seconds")
  field p99_us "$report" >>"$work/shadow.p99.$1"
  field p50_us "$report" >>"$work/shadow.p50.$1"
  field failed "$report" >>"$work/shadow.failed.$1"
}

copied=0 lost=0
for round in $(seq "$rounds"); do
  say "round $round of $rounds"
  await_peace
  measure without
  describe_again "v$round"
  ctl deploy --until started >/dev/null
  until_true 30 "the shadow of round $round" shadows
  measure with
  # The last report is a tenth of a second behind the last answer.
  sleep 0.5
  copied=$((copied + $(pairs))) lost=$((lost + $(dropped)))
  ctl abort --reason "measured" >/dev/null
  until_true 30 "the end of round $round" over "v$round"
done

of() { median <"$work/shadow.$1.$2"; }
failed=$(cat "$work"/shadow.failed.* | awk '{ sum += $1 } END { print sum }')
ratio=$(calc "$(of p99 with) / $(of p99 without)")
exact "shadow of 100 % of 2 000 GET/s: failed requests" "$failed" "0" "$failed == 0"
note "shadow: pairs compared / requests not copied" "$copied / $lost"
note "shadow: users' p50 with / without" "$(of p50 with) / $(of p50 without) µs"
note "shadow: users' p99 with / without, each round" "$(tr '\n' ' ' <"$work/shadow.p99.with")/ $(tr '\n' ' ' <"$work/shadow.p99.without")µs"
speed "shadow: users' p99, with / without" "$ratio" "≤ 1.10" "$ratio <= 1.10"
