#!/usr/bin/env bash
# Three workers take jobs from a folder. A good version takes their places one by one and every job is done exactly
# once; a version that fails its jobs is found by a command and goes back the same way. No job is lost.
. "$(dirname "$0")/../lib.sh"

cat >worker.py <<'PY'
import os, signal, time

stopping = []
signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
version, bad = os.environ["VERSION"], os.environ["FAULT"] == "fails"
time.sleep(0.2)
open(os.environ["STAUNCH_READY_FILE"], "w").close()
while not stopping:
    try:
        job = sorted(os.listdir("spool/new"))[0]
        os.rename(f"spool/new/{job}", f"spool/taken/{job}")  # whoever moves it has it
    except (IndexError, FileNotFoundError):
        time.sleep(0.01)
        continue
    time.sleep(0.02)
    if bad:
        print("failed", job, file=open(f"spool/failed-{version}", "a"))
        os.rename(f"spool/taken/{job}", f"spool/new/{job}")
    else:
        print(version, file=open(f"spool/done/{job}", "a"))
        os.remove(f"spool/taken/{job}")
PY
cat >jobs-ok.sh <<'SH2'
#!/bin/sh
# About the version whose instance is asked: has one of its jobs failed?
test ! -s "spool/failed-$VERSION"
SH2
chmod +x jobs-ok.sh
mkdir -p spool/new spool/taken spool/done

write() { # version, fault
  cat >staunch.toml <<TOML
service = "mailer"
kind = "worker"
run = "python3 worker.py"
version = "$1"
files = ["worker.py", "jobs-ok.sh"]
env = { VERSION = "$1", FAULT = "$2" }
replicas = 3
api = "127.0.0.1:0"
health = { ready-file = "ready", interval = "100ms" }
stop.grace = "5s"
rolling = { hold = "500ms", bake = "1s" }
gates.command.jobs = { command = "./jobs-ok.sh", every = "1s", fails-after = 2 }
TOML
}

feed() { # jobs all the time, until there are enough
  fed=0
  until [ -e spool/enough ]; do
    fed=$((fed + 1))
    : >"spool/job-$fed" && mv "spool/job-$fed" spool/new/
    sleep 0.02
  done
  echo "$fed" >spool/fed
}

write 1.0 ""
start
feed &
loaders+=($!)

say "a good version: instance by instance"
write 1.1 ""
"$staunch" plan
expect 0 "$staunch" deploy --progress plain --timeout 25s
"$staunch" status

say "a version that fails its jobs: back by itself"
write 1.2 fails
expect 10 "$staunch" deploy --progress plain --timeout 25s
"$staunch" explain

say "every job was done exactly once"
touch spool/enough
wait "${loaders[0]}"
loaders=()
jobs=$(cat spool/fed)
for _ in $(seq 100); do
  [ "$(ls spool/done | wc -l)" = "$jobs" ] && break
  sleep 0.1
done
[ "$(ls spool/done | wc -l)" = "$jobs" ] || die "$(ls spool/done | wc -l) of $jobs jobs are done"
[ "$(cat spool/done/* | wc -l)" = "$jobs" ] || die "a job was done twice"
[ -z "$(ls spool/new spool/taken | grep job || true)" ] || die "a job was left"
cat spool/done/* | sort | uniq -c
"$staunch" audit verify
say "all as told"
