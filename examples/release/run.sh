#!/usr/bin/env bash
# Three services that depend on each other go to new versions together. Then the third one is bad: it is taken back,
# and so are the first two, in reverse order. Nobody sees a failed request.
. "$(dirname "$0")/../lib.sh"

service() { # name, port, version, fault
  printf '\n[services.%s]\n' "$1"
  shop "$2" "$3" "$4"
  cat <<'TOML'
canary = { steps = [20, 50, 100], hold = "500ms", bake = "1s" }
gates = { error-rate = { max = "5%" }, blast-radius = "3%" }
TOML
}

write() { # version, fault of the third
  {
    echo 'api = "127.0.0.1:0"'
    service db-api 18181 "$1" ""
    service orders 18182 "$1" ""
    service web 18183 "$1" "$2"
    echo
    echo '[release.shop]'
    echo 'services = ["db-api", "orders", "web"]'
    echo 'after = { orders = ["db-api"], web = ["orders"] }'
  } >staunch.toml
}

write 1.0 ""
start 3
for port in 18181 18182 18183; do users "127.0.0.1:$port/"; done

say "a release of three good versions"
write 1.1 ""
expect 0 "$staunch" deploy --release shop --timeout 55s
[ "$("$staunch" status | grep -c ' 1.1 on ')" = 3 ] || die "not all three are on 1.1"
no_user_saw_a_failure

say "a release whose third service fails every second request"
for port in 18181 18182 18183; do users "127.0.0.1:$port/"; done
write 1.2 errors
expect 10 "$staunch" deploy --release shop --timeout 55s
[ "$("$staunch" status | grep -c ' 1.1 on ')" = 3 ] || die "not all three are on 1.1 again"
# The shield answers what the canary fails: even the users of the bad service saw nothing.
no_user_saw_a_failure
"$staunch" explain "$("$staunch" history --limit 20 --output json | python3 -c '
import json, sys
print(next(row["id"] for row in json.load(sys.stdin) if row["kind"] == "release"))')"
"$staunch" audit verify
say "all as told"
