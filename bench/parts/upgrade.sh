# The running binary is replaced under load, with an upgraded connection open all the time.

times=${quick:+2}; times=${times:-20}

new_service
write_file v1 </dev/null
start_service
await_peace
start_helper load "$bench" load --url "$url" --rate 2000 --connections 32 --mix both
start_helper socket "$bench" ws --url "${url}socket"
edges=()
for upgrade in $(seq "$times"); do
  ctl upgrade >/dev/null || fail "upgrade $upgrade ended with $?: $(tail -n 3 "$dir/up.log")"
  until_true 30 "the service is healthy after upgrade $upgrade" is_healthy
  edges+=("$(edge_pid)")
done
replaced=$(printf '%s\n' "${edges[@]}" | sort -u | wc -l)
end_helper load
seen=$report
end_helper socket
exact "upgrades under 2 000 requests/s of GET and POST" "$replaced" "$times" "$replaced == $times"
users_saw "upgrades" "$seen"
exact "upgrades: the open WebSocket" "lived: $(field lived "$report"), $(field echoes "$report") echoes in $(calc "$(field seconds "$report")" '%.0f') s" "lives" \
  "\"$(field lived "$report")\" == \"true\""
[ "$(field lived "$report")" = true ] || say "WebSocket: $report"
