#!/usr/bin/env bash
# Users meet real failures until the error budget is used up: it freezes, a deploy is refused with exit 14 and the time of
# the thaw, two people let a critical fix through, and the freeze ends by itself.
. "$(dirname "$0")/../lib.sh"

write() { # version
  { only_shop 18280 "$1" && cat; } >staunch.toml <<TOML
canary = { steps = [50, 100], hold = "500ms", bake = "1s" }
gates = { error-rate = { max = "5%" }, blast-radius = "5%" }
slo = { target = "99.9%", window = "40s" }
TOML
}

level() { "$staunch" budget --output json | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["budget"]["level"])'; }
until_level() {
  for _ in $(seq 450); do
    if [ "$(level)" = "$1" ]; then return; fi
    sleep 0.2
  done
  "$staunch" budget
  die "the budget did not become $1"
}

write v1
start
users 127.0.0.1:18280/

say "users meet failures"
python3 - <<'PY'
import urllib.error, urllib.request
for _ in range(2_000):
    try:
        urllib.request.urlopen("http://127.0.0.1:18280/broken").read()
    except urllib.error.HTTPError as error:
        assert error.code == 500
PY
until_level critical
"$staunch" budget

say "a deploy is refused until the thaw"
write v2
"$staunch" plan
expect 14 "$staunch" deploy
{ "$staunch" deploy --output json || true; } | grep -F '"thaw_at": "20' || die "the thaw is not in the JSON"

say "two people let a critical fix through"
expect 2 "$staunch" deploy --critical-fix --reason "checkout is down"
expect 0 "$staunch" deploy --critical-fix --reason "checkout is down" --approved-by grace --timeout 50s
"$staunch" explain

say "it thaws by itself"
until_level open
"$staunch" audit export | grep -F '"kind":"budget-thawed"' >/dev/null || die "the thaw is not in the journal"
write v3
users_leave
users 127.0.0.1:18280/
expect 0 "$staunch" deploy --timeout 50s
"$staunch" budget
"$staunch" audit verify
say "all as told"
