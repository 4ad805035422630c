# The page in a browser: how soon it shows something, how soon it shows what changed, and a long timeline.

entries=${quick:+100}; entries=${BENCH_ENTRIES:-${entries:-2000}}
rounds=${quick:+1}; rounds=${BENCH_ROUNDS:-${rounds:-7}}
events=${quick:+2}; events=${BENCH_EVENTS:-${events:-20}}
seconds=${quick:+2}; seconds=${BENCH_SECONDS:-${seconds:-10}}
tabs=${quick:+4}; tabs=${tabs:-20}

new_service
write_file v1 <<'TOML'
[canary]
steps = [10, 50]
hold = "1d"
step-deadline = "2d"
pause-deadline = "1d"

[gates]
error-rate = { max = "10%" }
TOML
start_service
start_helper load "$bench" load --url "$url" --rate 200 --connections 8
base=$(api_base)
describe_again v2
ctl deploy --until started >/dev/null
until_true 30 "the canary has its share" status_says '10 % of the traffic'

await_peace
node "$root/bench/page/first.mjs" "$base" "$((rounds * 2))" /errors/not-found / /bench /bench/2 /-/audit >"$work/told"
note "first paint of some plain text, as what the browser itself takes: p50 / p95 / most" "$(took /errors/not-found)"
for path in / /bench /bench/2 /-/audit; do
  seen=$(told "$path")
  speed "first paint of $path, with data, nothing kept: p50 / p95 / most" "$(took "$path"); document of $(field kib "$seen") KiB after $(field document "$seen"), files after $(field files "$seen"), script has run after $(field script "$seen")" "p50 < 300 ms" "$(field p50 "$seen") < 300"
  note "… with the files kept" "$(took "$path again")"
done

# Browsers that share the tabs; the one in front is seen in each.
for contexts in 1 4; do
  await_peace
  node "$root/bench/page/events.mjs" "$base" /bench/2 2 "$tabs" "$contexts" "$events" >"$work/told"
  seen=$(told "from the command")
  speed "event to pixel, $tabs tabs of $contexts browsers, from the command: p50 / p95 / most" "$(took "from the command")" "p95 < 250 ms" "$(field p95 "$seen") < 250"
  exact "… tabs that did not show it" "$(field missed "$seen")" "0" "$(field missed "$seen") == 0"
  note "… from the record" "$(took "from the record")"
done

node "$root/bench/page/cost.mjs" "$base" /bench/2 1 "$seconds" >"$work/told"
thread() { field p50 "$(told "$1")"; }
note "an open page of a busy service: its main thread, a second (script, style, layout)" "$(thread all) ms ($(thread script), $(thread style), $(thread layout))"

recorded() { node "$root/bench/page/pauses.mjs" "$base" 2 "$entries"; }
say "$entries entries: $(recorded)"
await_peace
node "$root/bench/page/timeline.mjs" "$base" /bench/2 "$rounds" >"$work/told"
for view in opened scrolled "Full opened" "Full scrolled" "JSON opened" "JSON scrolled"; do
  seen=$(told "$view")
  speed "timeline of $entries entries, $view: longest task, median / p95 / most of $(field of "$seen") rounds" "$(took "$view")" "median ≤ 50 ms" "$(field p50 "$seen") <= 50"
done
note "… elements of the page" "$(field nodes "$seen")"
end_helper load
