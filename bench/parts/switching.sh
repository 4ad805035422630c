# Weight changes under load: rollouts of many steps, each one percent more, no gate and no hold.

wanted=${quick:+20}; wanted=${wanted:-200}

new_service
write_file v0 <<TOML
[canary]
steps = [$(seq -s ', ' 99)]
hold = "0s"
bake = "0s"

[gates]
TOML
start_service
changes() { ctl audit export | grep -c '"kind":"traffic-shifted"'; }

await_peace
start_helper load "$bench" load --url "$url" --rate 2000 --connections 32 --mix both
before=$(changes)
for rollout in $(seq 10); do
  describe_again "v$rollout"
  ctl deploy --timeout 180s >/dev/null || fail "rollout $rollout ended with $?: $(tail -n 3 "$dir/up.log")"
  [ $(($(changes) - before)) -lt "$wanted" ] || break
done
end_helper load
counted=$(($(changes) - before))
exact "weight changes under 2 000 requests/s of GET and POST" "$counted" "≥ $wanted" "$counted >= $wanted"
users_saw "weight changes" "$report" 0
