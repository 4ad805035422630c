#!/usr/bin/env bash
# A new version answers copies of requests before any user is on it. One that computes another price is taken back
# with the answers that differ; one that is as good goes on to its canary. Users, who also order, see nothing of
# either. Needs python3.
. "$(dirname "$0")/../lib.sh"

port=18090
write() { # version, tax
  cat >staunch.toml <<TOML
service = "catalog"
run = "python3 catalog.py"
listen = "127.0.0.1:$port"
files = ["catalog.py"]
version = "$1"
env = { TAX = "$2", RELEASE = "$1" }
api = "127.0.0.1:0"

[health]
path = "/healthz"

[shadow]
hold = "2s"
requests = 300

[canary]
steps = [50, 100]
hold = "1s"
bake = "2s"

[evidence]
warm-up = "1s"
TOML
}
cp "$examples/shadow/catalog.py" "$examples/shadow/users.py" .

say "v1 serves"
write v1 0.19
start
python3 users.py "$port" >users.txt &
loaders+=($!)

say "v2 computes with another tax: taken back before any user saw it"
write v2 0.17
expect 10 "$staunch" deploy --progress plain --timeout 55s
"$staunch" explain >explain.txt
cat explain.txt
grep -q '/items/\*/price' explain.txt || die "the price is not named"
grep -q 'before any user saw it' explain.txt || die "users saw it"

say "v3 is as good as v1: through the shadow, then to everyone"
write v3 0.19
expect 0 "$staunch" deploy --progress plain --timeout 55s
"$staunch" explain | grep -E '^(Shadow|Timeline|  )' | head -n 20 || true
! grep -q 'a copied order' <<<"$("$staunch" logs --revision v3)" || die "an order was copied, though the file does not say so"

kill -TERM "${loaders[0]}"
wait "${loaders[0]}" || die "users saw failures: $(cat users.txt)"
loaders=()
say "users: $(cat users.txt)"
"$staunch" audit verify
say "all as told"
