#!/usr/bin/env bash
# The benchmarks: bench/run.sh [proxy|switching|upgrade|kill|rollback|shadow|cli|idle|api|page|evidence ...]; all but evidence when none is named.
# docs/src/benchmarks.md says what each figure means. BENCH_QUICK=1 is a short run that shows only that all works.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
target=$(realpath -m "${CARGO_TARGET_DIR:-$root/target}")
results=$target/bench/results.md
quick=${BENCH_QUICK:-}
parts=("$@")
[ $# -gt 0 ] || parts=(proxy switching upgrade kill rollback shadow cli idle api page)

for helper in needs figures service; do
  # shellcheck source=/dev/null
  source "$root/bench/lib/$helper.sh"
done

for part in "${parts[@]}"; do
  [ -f "$root/bench/parts/$part.sh" ] || fail "no part is called $part; there are: proxy switching upgrade kill rollback shadow cli idle api page evidence"
done
check_needs "${parts[@]}"
build "${parts[@]}"

work=$(mktemp -d)
trap 'stop_service; stop_helpers; rm -rf "$work"' EXIT
mkdir -p "$(dirname "$results")"
begin_table
for part in "${parts[@]}"; do
  say "$part"
  # shellcheck source=/dev/null
  source "$root/bench/parts/$part.sh"
  stop_service
  stop_helpers
done
end_table
