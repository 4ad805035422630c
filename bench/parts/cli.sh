# What a person waits for at the prompt.

new_service
write_file v1 </dev/null
runs=${quick:+10}; runs=${runs:-100}
await_peace
help=$("$bench" startup --runs "$runs" -- "$staunch" --help)
validate=$("$bench" startup --runs "$runs" -- "$staunch" --file "$dir/staunch.toml" validate)
ms() { calc "$(field "$1" "$2") / 1000"; }
speed "staunch --help, p50 (p99)" "$(ms p50_us "$help") ($(ms p99_us "$help")) ms" "< 15 ms" "$(ms p50_us "$help") < 15"
speed "staunch validate, p50 (p99)" "$(ms p50_us "$validate") ($(ms p99_us "$validate")) ms" "< 50 ms" "$(ms p50_us "$validate") < 50"
