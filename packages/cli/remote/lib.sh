# shellcheck shell=sh
# shellcheck disable=SC2034,SC1010,SC2016 # variables of other parts; `done` is a word here; awk code is quoted
# Part of every script sent to a host. POSIX sh: dash, bash 3.2 as sh, macOS and Linux. Parts only define functions, so
# that the shell has read the whole script before anything runs; the caller's values stand in variables set beforehand.

# Answers are JSON lines between two sentinels: whatever a profile or a banner prints is outside and ignored.
script_begin() {
  set -u
  UMASK_BEFORE=$(umask)
  umask 077
  LC_ALL_BEFORE=${LC_ALL:-}
  LC_ALL=C
  export LC_ALL
  # The operator may vanish: a write to a closed session must not end the script in the middle of a change.
  trap '' PIPE
  STEP=
  CHILD=
  WATCHER=
  RENEWER=
  STEP_LOG=/dev/null
  # shellcheck disable=SC2088 # the tilde is data here, and expanded by hand
  case $ROOT in
    '~/'*) ROOT=$HOME/${ROOT#??} ;;
  esac
  trap 'script_end $?' EXIT
  printf '\n%s\n' "$SENTINEL_BEGIN" 2>/dev/null
}

script_end() {
  trap - EXIT
  [ -z "$WATCHER" ] || kill "$WATCHER" 2>/dev/null
  printf '\n%s %s\n' "$SENTINEL_END" "$1" 2>/dev/null
  exit "$1"
}

answer() {
  printf '%s\n' "$1" 2>/dev/null || :
}

# --- JSON ---

JSON_ESCAPE='
BEGIN {
  for (i = 1; i < 32; i++) map[sprintf("%c", i)] = sprintf("\\u%04x", i)
  map["\""] = "\\\""
  map["\\"] = "\\\\"
}
{
  text = ""
  size = length($0)
  for (i = 1; i <= size; i++) {
    character = substr($0, i, 1)
    text = text ((character in map) ? map[character] : character)
  }
  printf "%s%s", (NR > 1 ? "\\n" : ""), text
}'

# Sets ESCAPED. Most values need no escaping, and then no process is started.
json_escape() {
  case $1 in
    *[\"\\]* | *[[:cntrl:]]*) ESCAPED=$(printf '%s\n' "$1" | awk "$JSON_ESCAPE") ;;
    *) ESCAPED=$1 ;;
  esac
}

json_new() {
  JSON=
}

json_text() {
  json_escape "$2"
  JSON="$JSON${JSON:+,}\"$1\":\"$ESCAPED\""
}

# A text, or null when it is empty.
json_text_or_null() {
  if [ -n "$2" ]; then json_text "$1" "$2"; else json_raw "$1" null; fi
}

# A number, or null when it is not one.
json_number() {
  case $2 in
    '' | *[!0-9]*) json_raw "$1" null ;;
    *) json_raw "$1" "$2" ;;
  esac
}

# true when the rest of the arguments, run as a command, succeed.
json_flag() {
  json_flag_key=$1
  shift
  if "$@"; then json_raw "$json_flag_key" true; else json_raw "$json_flag_key" false; fi
}

json_raw() {
  JSON="$JSON${JSON:+,}\"$1\":$2"
}

json_send() {
  answer "{$JSON}"
}

# --- small portable tools ---

now_iso() {
  date -u +%Y-%m-%dT%H:%M:%SZ
}

# Seconds since 1970, by the host's clock: the only one that decides anything here.
now_seconds() {
  date +%s
}

sha256_of() {
  if command -v sha256sum >/dev/null 2>&1; then
    sha256_line=$(sha256sum <"$1") || return 1
  else
    sha256_line=$(shasum -a 256 <"$1") || return 1
  fi
  printf '%s\n' "${sha256_line%% *}"
}

# Checks the files that a list of `hash  path` lines names, relative to the current folder.
sha256_check() {
  if command -v sha256sum >/dev/null 2>&1; then
    sha256sum -c "$1"
  else
    shasum -a 256 -c "$1"
  fi
}

# Free bytes on the filesystem of a path that may not exist yet.
free_bytes() {
  free_path=$1
  while [ ! -d "$free_path" ]; do
    free_path=${free_path%/*}
    [ -n "$free_path" ] || free_path=/
  done
  # The figure before the percentage: a device name may hold spaces.
  df -Pk "$free_path" 2>/dev/null | awk 'END { for (i = NF; i > 1; i--) if ($i ~ /%$/ || ($i == "-" && $(i - 1) ~ /^[0-9]+$/)) { printf "%.0f\n", $(i - 1) * 1024; exit } }'
}

# Identifies this boot, so that a process id of an earlier one is not taken for a running process.
boot_id() {
  cat /proc/sys/kernel/random/boot_id 2>/dev/null || sysctl -n kern.bootsessionuuid 2>/dev/null || echo unknown
}

# When a process started, in a form that no change of the clock alters: an id alone may have been given away again. Linux
# counts ticks since boot (proc(5), field 22 of stat), macOS keeps the time as it was then.
process_mark() {
  if { read -r process_stat <"/proc/$1/stat"; } 2>/dev/null; then
    # shellcheck disable=SC2086 # one field a word; the name before the last bracket may hold anything
    set -- ${process_stat##*) }
    printf '%s\n' "${20}"
  else
    ps -o lstart= -p "$1" 2>/dev/null
  fi
}

# Whether the process of an id is still the one that had this mark.
process_is() {
  kill -0 "$1" 2>/dev/null && [ "$(process_mark "$1")" = "$2" ]
}

# Group of processes that this script and what it starts belong to: sshd and the command line make one for each script.
process_group() {
  process_group_id=$(ps -o pgid= -p "$$" 2>/dev/null) || return 0
  printf '%s\n' "$((process_group_id))"
}

# Ends what a script that was killed has left behind: the members of its group that work on ROOT.
end_group() {
  [ -n "$1" ] || return 0
  for end_signal in TERM TERM TERM KILL; do
    end_members=$(ps -axww -o pid= -o pgid= -o args= 2>/dev/null | END_ROOT=$ROOT awk -v group="$1" '
      $2 == group && index($0, ENVIRON["END_ROOT"] "/") { print $1 }')
    [ -n "$end_members" ] || return 0
    # shellcheck disable=SC2086 # one id a word
    kill "-$end_signal" $end_members 2>/dev/null
    sleep 0.5
  done
}

# Writes the text to a file through a neighbour and a rename, so that a reader sees the old or the new one.
write_file() {
  printf '%s' "$2" >"$1.new.$$" 2>/dev/null && mv -f "$1.new.$$" "$1" 2>/dev/null && return 0
  rm -f "$1.new.$$"
  return 1
}

# --- running programs ---

# Runs a program so that a signal to this script is acted on at once, its output kept for the error message.
run_child() {
  "$@" </dev/null >>"$STEP_LOG" 2>&1 &
  CHILD=$!
  wait_child
}

# The status of CHILD. A signal whose handler returns ends `wait` early: then the child is still there.
wait_child() {
  while :; do
    wait "$CHILD"
    CHILD_STATUS=$?
    kill -0 "$CHILD" 2>/dev/null || break
  done
  CHILD=
  return "$CHILD_STATUS"
}

# Ends CHILD and everything that it has started; every handler of a signal calls it. Not by a process group: dash makes
# none without a terminal. All are looked up before the first is told, since the children of one that ended are nobody's.
end_child() {
  [ -n "$CHILD" ] || return 0
  end_descendants=$(ps -ax -o pid= -o ppid= 2>/dev/null | awk -v top="$CHILD" '
    { parent[$1] = $2 }
    END {
      for (pid in parent) {
        above = pid
        for (steps = 0; steps < 64 && above != top && (above in parent); steps++) above = parent[above]
        if (above == top && pid != top) print pid
      }
    }')
  # shellcheck disable=SC2086 # one id a word
  kill -TERM "$CHILD" $end_descendants 2>/dev/null
}

# Sends this script TERM when the operator's end of stdin closes: the operator was interrupted or lost. The operator
# therefore holds stdin open (`holdStdin`) for scripts that call this. Each line that the operator says becomes an empty
# file beside the lock, which a full disk has room for: operator_said looks for it.
watch_operator() {
  exec 3<&0 </dev/null
  watch_script=$(process_mark "$$")
  {
    while IFS= read -r watch_line <&3; do
      case $watch_line in go | refuse) : >"$ROOT/deploy/lock/$watch_line.$CHANGE_ID" ;; esac
    done
    # It may be dead, and its id another's.
    ! process_is "$$" "$watch_script" || kill -TERM "$$"
  } >/dev/null 2>&1 &
  WATCHER=$!
  exec 3<&-
}

# Whether the operator said a word in this session.
operator_said() {
  [ -e "$ROOT/deploy/lock/$1.$CHANGE_ID" ]
}

# --- steps ---

journal() {
  printf '%s %s %s %s %s\n' "$(now_iso)" "${CHANGE_ID:-}" "$1" "$2" "${3:-}" >>"$ROOT/deploy/journal" 2>/dev/null || :
}

step_begin() {
  STEP=$1
  # The output that an error shows is that of its own step.
  [ "$STEP_LOG" = /dev/null ] || : >"$STEP_LOG"
  journal "$STEP" begin
  json_new
  json_text step "$STEP"
  json_text state begin
  json_text detail "${2:-}"
  json_send
}

step_done() {
  journal "$STEP" done "${1:-}"
  json_new
  json_text step "$STEP"
  json_text state done
  json_text detail "${1:-}"
  json_send
}

notice() {
  json_new
  json_text event notice
  json_text text "$1"
  json_send
}

# Reports an error; the caller decides what follows.
report_failure() {
  failure_code=$1
  failure_text=$2
  failure_output=
  [ "$STEP_LOG" = /dev/null ] || failure_output=$(grep -v ': OK$' "$STEP_LOG" 2>/dev/null | tail -n 20)
  # A full disk shows as many different errors; name it once.
  case $failure_output in
    *'No space left'* | *ENOSPC* | *'os error 28'* | *'Disk quota exceeded'*) failure_code=DISK_FULL ;;
  esac
  failure_free=$(free_bytes "$ROOT")
  if [ -n "$failure_free" ] && [ "$failure_free" -lt 65536 ]; then failure_code=DISK_FULL; fi
  journal "${STEP:-start}" failed "$failure_code $failure_text"
  json_new
  json_text event failed
  json_text_or_null step "$STEP"
  json_text code "$failure_code"
  json_text message "$failure_text"
  json_number freeBytes "$failure_free"
  json_text output "$failure_output"
  json_send
}

# Who changed what, from where, and how it ended: one line a command, never shortened.
audit() {
  printf '%s who=%s command=%s release=%s outcome=%s from=%s\n' "$(now_iso)" "$OPERATOR" "$COMMAND" "$1" "$2" \
    "${SSH_CONNECTION:-local}" >>"$ROOT/deploy/audit.log" 2>/dev/null || :
}
