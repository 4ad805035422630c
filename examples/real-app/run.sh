#!/usr/bin/env bash
# A real application (httpbin under gunicorn, from PyPI) goes from one of its real versions to another under load
# with no failed request; then four broken versions of it are taken back. Needs python3-venv and wrk.
. "$(dirname "$0")/../lib.sh"

port=18080
venv() { # folder, version
  python3 -m venv "$1"
  "$1/bin/pip" install --quiet --disable-pip-version-check gunicorn==23.0.0 "httpbin==$2" "flask<3" "werkzeug<3" "setuptools<81"
}

write() { # folder of the version, fault
  cat >staunch.toml <<TOML
service = "httpbin"
run = "./$1/bin/gunicorn --bind 127.0.0.1:\$PORT --workers 1 --threads 16 --timeout 0 broken:app"
listen = "127.0.0.1:$port"
files = ["broken.py"]
env = { FAULT = "${2:-}" }
api = "127.0.0.1:0"

[health]
path = "/status/200"

[canary]
steps = [10, 50, 100]
hold = "1s"
bake = "3s"

[gates]
error-rate = { max = "1%" }
latency-p95 = { max-vs-stable = "+50%" }

[evidence]
warm-up = "5s"
TOML
}

say "two versions of the application"
cp "$examples/real-app/broken.py" .
venv old 0.10.1 & old=$!
venv new 0.10.2
wait "$old"
write old
start

say "from 0.10.1 to 0.10.2 under load"
write new
users "127.0.0.1:$port/get" 12
expect 0 "$staunch" deploy --progress plain --timeout 55s
no_user_saw_a_failure

for fault in 500 slow hang crash; do
  say "a broken version: $fault"
  write new "$fault"
  users "127.0.0.1:$port/get" 12
  expect 10 "$staunch" deploy --progress plain --timeout 55s
  "$staunch" explain
  users_leave
  "$staunch" status | grep -q 'healthy'
done

"$staunch" audit verify
say "all as told"
