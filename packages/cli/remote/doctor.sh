# shellcheck shell=sh
# shellcheck disable=SC2154 # values of the caller
# What `mlxfleet doctor` looks at beside the facts, changing nothing.

doctor_clock() {
  fact_new clock
  json_number seconds "$(now_seconds)"
  json_send
}

# The nearest folder that exists decides whether the root can be made.
doctor_root() {
  doctor_path=$ROOT
  while [ ! -e "$doctor_path" ]; do
    doctor_path=${doctor_path%/*}
    [ -n "$doctor_path" ] || doctor_path=/
  done
  fact_new root
  json_text nearest "$doctor_path"
  json_flag writable [ -d "$doctor_path" -a -w "$doctor_path" ]
  json_send
}

# Local addresses that listen, whoever they belong to: the kernel's own table, or netstat's as on macOS.
doctor_listening() {
  if [ -r /proc/net/tcp ]; then
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v port="$(printf ':%04X' "$1")" '
      $4 == "0A" && substr($2, length($2) - 4) == port { found = 1 } END { exit !found }'
  else
    netstat -an -p tcp 2>/dev/null | awk -v port="$1" '
      $NF == "LISTEN" && $4 ~ ("[.:]" port "$") { found = 1 } END { exit !found }'
  fi
}

doctor_ports() {
  for doctor_port in $PORTS; do
    fact_new port
    json_number port "$doctor_port"
    json_flag listening doctor_listening "$doctor_port"
    json_send
  done
}

# Minutes until the machine sleeps by itself, and whether sleep is switched off altogether. Only macOS has pmset.
doctor_sleep() {
  command -v pmset >/dev/null 2>&1 || return 0
  doctor_settings=$(pmset -g 2>/dev/null) || return 0
  fact_new sleep
  json_number minutes "$(printf '%s\n' "$doctor_settings" | awk '$1 == "sleep" { print $2; exit }')"
  json_number disabled "$(printf '%s\n' "$doctor_settings" | awk '$1 == "SleepDisabled" { print $2; exit }')"
  json_send
}

# MLX's CPU backend compiles parts of a model when it is first used, and calls this program by name.
doctor_compiler() {
  [ "$(uname -s)" = Linux ] || return 0
  doctor_found=$(command -v g++) || doctor_found=
  fact_new compiler
  json_text_or_null path "$doctor_found"
  json_send
}

doctor_wheels() {
  [ -n "$FIND_LINKS" ] || return 0
  fact_new wheels
  json_text folder "$FIND_LINKS"
  json_flag present [ -d "$FIND_LINKS" ]
  json_send
}

main() {
  script_begin
  for facts_part in system python current service lock admin; do
    "facts_$facts_part"
  done
  for doctor_part in clock root ports sleep compiler wheels; do
    "doctor_$doctor_part"
  done
  exit 0
}
