#!/usr/bin/env bash
# Blue-green: green starts beside blue at full capacity, a smoke command looks at it before any user does, then all
# users are switched at once. A version that fails its smoke is seen by nobody; one that fails its users is back on
# the very processes that served before. Nobody sees a failed request.
. "$(dirname "$0")/../lib.sh"

port=18281
write() { # version, fault, further lines of [blue-green]
  { only_shop "$port" "$1" "$2" && cat; } >staunch.toml <<TOML
replicas = 2

[blue-green]
smoke = ["python3 smoke.py"]
bake = "3s"
${3:-}
TOML
}

cat >smoke.py <<'PY'
import os, sys, urllib.request
for look in range(4):
    try:
        page = urllib.request.urlopen(os.environ["URL"] + "/", timeout=5).read().decode()
    except Exception as error:
        sys.exit(f"look {look + 1} at {os.environ['URL']}: {error}")
print("every page is there")
PY

processes() {
  "$staunch" status --output json | python3 -c '
import json, sys
service = json.load(sys.stdin)[0]
print(sorted(one["pid"] for one in service["instances"] if one["revision"] == service["stable_digest"]))'
}

write 1.0 ""
start
blue=$(processes)

say "a good version: checked, switched at once, blue removed after the bake"
users "127.0.0.1:$port/"
write 1.1 ""
"$staunch" plan
expect 0 "$staunch" deploy --progress plain --timeout 55s
"$staunch" status | grep ' 1.1 on ' || die "1.1 does not serve"
no_user_saw_a_failure
green=$(processes)
[ "$green" != "$blue" ] || die "green runs on blue's processes"

say "a version that fails its smoke: nobody sees it"
users "127.0.0.1:$port/"
write 1.2 errors
expect 10 "$staunch" deploy --progress plain --timeout 55s
"$staunch" explain | grep 'before any user saw it' || die "a user saw it"
no_user_saw_a_failure

say "one that passes its smoke and fails its users: one switch back, nothing is started for it"
users "127.0.0.1:$port/"
write 1.3 errors
sed -i 's/^smoke = .*/smoke = ["true"]/; s/^bake = .*/bake = "1m"/' staunch.toml
expect 10 "$staunch" deploy --progress plain --timeout 58s
[ "$(processes)" = "$green" ] || die "other processes serve than before"
# The shield answers what green fails: the users saw nothing.
no_user_saw_a_failure
"$staunch" explain

say "blue-green with a canary is one line away"
users "127.0.0.1:$port/"
write 1.4 "" 'canary = 20'
expect 0 "$staunch" deploy --progress plain --timeout 58s
no_user_saw_a_failure
"$staunch" audit verify
say "all as told"
