#!/usr/bin/env bash
# The program stays the same; what changes around it is a version like any other. A good value in a configuration
# file is promoted, a bad one is taken back, and so is a bad value of the environment. Then a step of infrastructure is
# applied before the version starts and undone when the version goes back. Nobody sees a failed request.
. "$(dirname "$0")/../lib.sh"

# The fault stands in a file of its own: shop.conf is what a deploy changes.
cat >serve.sh <<'SH'
#!/bin/sh
. ./shop.conf
export FAULT="${OVERRIDE:-$fault}"
exec python3 app.py
SH
cat >infra.sh <<'SH'
#!/bin/sh
# Stands for a queue or a table: a file that is there or not. Both ways bear being run twice.
echo "$STAUNCH_STEP for $STAUNCH_SERVICE $STAUNCH_VERSION"
case "$STAUNCH_STEP" in
  apply) mkdir -p "$STATE" && touch "$STATE/queue" ;;
  verify) test -e "$STATE/queue" ;;
  undo) rm -f "$STATE/queue" ;;
esac
SH
chmod +x serve.sh infra.sh

write() { # override of the environment, infrastructure or not
  cat >staunch.toml <<TOML
service = "shop"
run = "./serve.sh"
listen = "127.0.0.1:18285"
api = "127.0.0.1:0"
files = ["app.py", "serve.sh", "shop.conf", "infra.sh"]
env = { OVERRIDE = "$1", STATE = "$work/state" }
health.path = "/healthz"
canary = { steps = [20, 50, 100], hold = "500ms", bake = "1s" }
gates = { error-rate = { max = "5%" }, blast-radius = "3%" }
evidence.warm-up = "1s"
TOML
  if [ "${2:-}" = infra ]; then
    cat >>staunch.toml <<'TOML'

[infra]
apply = "./infra.sh"
verify = "./infra.sh"
undo = "./infra.sh"
timeout = "10s"
TOML
  fi
}

echo 'fault=' >shop.conf
write ""
start
users 127.0.0.1:18285/

say "a good value in the configuration file"
printf 'fault=\nsize=2\n' >shop.conf
expect 0 "$staunch" deploy --timeout 55s

say "a bad value in the configuration file"
echo 'fault=errors' >shop.conf
expect 10 "$staunch" deploy --timeout 55s
"$staunch" explain | grep -q 'shop.conf changed' || die "explain does not name the file"
printf 'fault=\nsize=2\n' >shop.conf
no_user_saw_a_failure
users 127.0.0.1:18285/

say "a bad value of the environment"
write errors
expect 10 "$staunch" deploy --timeout 55s
"$staunch" explain | grep -q 'environment OVERRIDE changed' || die "explain does not name the variable"

say "a step of infrastructure under a bad version: applied, verified, undone"
write errors infra
expect 10 "$staunch" deploy --timeout 55s
"$staunch" explain | tee explained.txt
for step in apply verify undo; do
  grep -q "infrastructure: $step done" explained.txt || die "explain does not tell of $step"
done
[ ! -e state/queue ] || die "the queue is still there"
no_user_saw_a_failure
users 127.0.0.1:18285/

say "the same under a good version: it stays"
write "" infra
expect 0 "$staunch" deploy --timeout 55s
[ -e state/queue ] || die "the queue is not there"
no_user_saw_a_failure
"$staunch" audit verify
say "all as told"
