# Bad versions, one after the other, with the gates and steps that a new file has. The journal says how many of the
# canary's requests were known at the verdict, and the canary's own log when each of them came.

times=${quick:+3}; times=${times:-50}

new_service
mkdir "$dir/arrivals"
write_file good <<'TOML'
[canary]
hold = "0s"

[stop]
drain = "1s"
TOML
start_service
await_peace
start_helper load "$bench" load --url "$url" --rate 600 --connections 16
back=0
for rollback in $(seq "$times"); do
  describe_again "bad-$rollback" "BENCH_FAIL_EVERY = \"1\", BENCH_LOG_DIR = \"$dir/arrivals\""
  status=0
  ctl deploy --timeout 60s >/dev/null || status=$?
  [ "$status" = 10 ] && back=$((back + 1)) || say "rollout $rollback ended with $status, not 10"
done
end_helper load
seen=$report
ctl audit export >"$dir/journal.jsonl"
report=$("$bench" reaction --journal "$dir/journal.jsonl" --logs "$dir/arrivals")
[ -z "${BENCH_KEEP:-}" ] || cp -r "$dir" "$BENCH_KEEP" || true
exact "rollbacks at 600 requests/s" "$back" "$times" "$back == $times"
note "rollbacks: canary requests that suffice / most known at a verdict" "$(field enough "$report") / $(field known_most "$report")"
note "rollbacks: sufficient evidence to the canary's last request, p50 / max" "$(field p50_ms "$report") / $(field max_ms "$report") ms"
speed "rollbacks: sufficient evidence to the canary's last request, p99" "$(field p99_ms "$report") ms" "< 300 ms" "$(field p99_ms "$report") < 300"
note "rollbacks: from the canary's first request, p50 / p99" "$(field from_first_p50_ms "$report") / $(field from_first_p99_ms "$report") ms"
users_saw "rollbacks" "$seen"
say "the rollout with the most requests known at its verdict:"
grep -A 5 "→ $(field slowest "$report")," "$dir/up.log" >&2
