# Figures: read, reduced, judged and printed.

broken=0

# A number or word of a line of JSON.
field() { # name, json
  sed -n "s/.*\"$1\":\"\{0,1\}\([^,\"}]*\).*/\1/p" <<<"$2"
}
calc() { awk "BEGIN { printf \"${2:-%.2f}\", $1 }"; }
median() { sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
is_true() { awk "BEGIN { exit !($1) }"; }

# Processor time of a process in milliseconds, all threads.
cpu_ms() { awk -v tick="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print ($12 + $13) * 1000 / tick }' "/proc/$1/stat"; }
rss_mb() { awk '/^VmRSS/ { printf "%.1f", $2 / 1024 }' "/proc/$1/status"; }

# What a script told of something: a line of JSON out of the file that it wrote; and its times in words.
told() { grep -F "\"what\":\"$1\"" "$work/told"; }
took() { echo "$(field p50 "$(told "$1")") / $(field p95 "$(told "$1")") / $(field most "$(told "$1")") ms"; }

line() { printf '%s\n' "$*" | tee -a "$results"; }

begin_table() {
  : >"$results"
  line "| figure | measured | target | |"
  line "|---|---|---|---|"
}

# A figure without a target.
note() { line "| $1 | $2 | | |"; }

# A figure that depends on the machine's peace: missed is told, and no more.
speed() { # figure, measured, target, condition
  if is_true "$4"; then line "| $1 | $2 | $3 | met |"; else line "| $1 | $2 | $3 | **missed** |"; fi
}

# A figure that no noise excuses: missed fails the run.
exact() { # figure, measured, target, condition
  if is_true "$4"; then line "| $1 | $2 | $3 | met |"; else
    broken=$((broken + 1))
    line "| $1 | $2 | $3 | **broken** |"
  fi
}

end_table() {
  say "written to $results"
  [ "$broken" -eq 0 ] || fail "$broken figures are broken"
}

# What users saw, from a report of the load client.
users_saw() { # figure, report, allowed dropped connections ("" is any)
  local failed dropped
  failed=$(field failed "$2") dropped=$(field dropped_connections "$2")
  exact "$1: failed requests" "$failed of $((failed + $(field good "$2")))" "0" "$failed == 0"
  if [ -n "${3:-}" ]; then
    exact "$1: dropped keep-alive connections" "$dropped" "$3" "$dropped <= $3"
  else
    note "$1: connections closed" "$dropped"
  fi
  note "$1: p99" "$(calc "$(field p99_us "$2") / 1000") ms"
  [ "$failed" -eq 0 ] || say "failures: $2"
}
