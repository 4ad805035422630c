#!/usr/bin/env bash
# A new version goes first to those who are meant by name: people who send a header, and users on an allow-list. A
# good one goes on to shares of everybody; one that fails them is taken back before anybody else has it; and rules
# that catch everybody are bounded. Users see no failed request.
. "$(dirname "$0")/../lib.sh"

port=18381
write() { # version, fault, further lines of [canary.who]
  { only_shop "$port" "$1" "$2" && cat; } >staunch.toml <<TOML
gates.error-rate = { max = "5%" }

[canary]
steps = [50, 100]
hold = "1s"
bake = "1s"

[canary.who]
header = { X-Beta = "yes" }
hold = "3s"
requests = 10
${3:-}
TOML
}

answer() { # further arguments of curl: the version that answers
  python3 - "$port" "$@" <<'PY'
import http.client, sys
name, value = sys.argv[2].split(": ") if len(sys.argv) > 2 else ("X-Nobody", "1")
shop = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=10)
shop.request("GET", "/", headers={name: value})
print(shop.getresponse().read().decode().split()[0])
PY
}

# People who try the new version: twenty requests a second, until they are told to stop.
testers() { # header
  python3 - "$port" "$1" <<'PY' &
import http.client, sys, time
name, value = sys.argv[2].split(": ")
while True:
    shop = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=10)
    shop.request("GET", "/", headers={name: value})
    answer = shop.getresponse()
    answer.read()
    if answer.status >= 500:
        sys.exit(f"a tester saw {answer.status}")
    time.sleep(0.05)
PY
  tester=$!
}
stop_testers() {
  kill "$tester" 2>/dev/null || die "a tester saw a failure"
  wait "$tester" 2>/dev/null || true
}
until_step() { # what status says
  for _ in $(seq 100); do
    if "$staunch" status | grep -q "$1"; then return; fi
    sleep 0.1
  done
  die "status never said: $1"
}

write 1.0 ""
start

say "a good version: to testers alone, then to everybody"
users "127.0.0.1:$port/"
write 1.1 "" 'allow = "testers.txt"
allow-cookie = "user"'
expect 3 "$staunch" validate
printf 'anna\nbob\n' >testers.txt
expect 0 "$staunch" validate
"$staunch" plan
"$staunch" deploy --progress plain --timeout 50s &
deploy=$!
until_step 'only who gets it by name'
[ "$(answer 'X-Beta: yes')" = 1.1 ] || die "a tester has the old version"
[ "$(answer 'Cookie: user=anna')" = 1.1 ] || die "anna has the old version"
[ "$(answer)" = 1.0 ] || die "somebody else has the new version"
testers 'X-Beta: yes'
wait "$deploy" || die "1.1 was not promoted"
stop_testers
[ "$(answer)" = 1.1 ] || die "1.1 does not serve"
no_user_saw_a_failure
"$staunch" explain | grep -A1 '^By name'

say "a version that fails those who try it: nobody else ever has it"
users "127.0.0.1:$port/"
write 1.2 errors
"$staunch" deploy --progress plain --timeout 50s &
deploy=$!
until_step 'only who gets it by name'
testers 'X-Beta: yes'
status=0
wait "$deploy" || status=$?
[ "$status" = 10 ] || die "1.2 ended with $status"
# The shield answers their failing pages from the old version.
stop_testers
[ "$(answer 'X-Beta: yes')" = 1.1 ] || die "testers are not back"
no_user_saw_a_failure
"$staunch" explain | head -n 4

say "rules that catch everybody: at most a fifth, and the status says so"
write 1.3 "" 'cookie = { session = true }
pause = true'
"$staunch" deploy --progress plain --timeout 50s &
deploy=$!
until_step 'only who gets it by name'
testers 'Cookie: session=1'
python3 - "$port" <<'PY'
import http.client, sys
for _ in range(200):
    shop = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=10)
    shop.request("GET", "/", headers={"Cookie": "session=1"})
    assert shop.getresponse().read()
PY
until_step 'at most 20 % are sent by name'
"$staunch" status | sed -n '2,6p'
expect 0 "$staunch" promote --full --reason "it is bounded"
wait "$deploy" || die "1.3 was not promoted"
stop_testers
"$staunch" audit verify
say "all as told"
