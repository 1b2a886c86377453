# shellcheck shell=sh
# shellcheck disable=SC2154,SC2034 # values of the caller; variables of other parts
# One hook of a deploy: a command line of the inventory's, on a host or on the operator's machine, with nothing on its stdin
# and this script's own settings taken back.

# How long what a hook has started may take to end before it is killed, in tenths of a second.
HOOK_GRACE_TENTHS=20

# Processes of the hook that still run, one id a line: what descends from it, what it left to nobody in this script's group,
# and those of HOOK_KNOWN. Programs such as timeout leave the group; others leave their parent.
hook_processes() {
  ps -ax -o pid= -o ppid= -o pgid= -o stat= 2>/dev/null | awk -v top="$HOOK_PID" -v self="$$" -v known=" $HOOK_KNOWN " '
    $4 !~ /^Z/ { running[$1] = 1 }
    { parent[$1] = $2; group[$1] = $3 }
    END {
      for (pid in running) {
        above = pid
        for (steps = 0; steps < 64 && above != top && above != self && (above in parent); steps++) above = parent[above]
        if (above == top || index(known, " " pid " ") || (above != self && group[pid] == self)) print pid
      }
    }'
}

# Ends the hook with everything that it has started: asked first, then by force.
hook_end() {
  hook_left=$HOOK_GRACE_TENTHS
  hook_signal=TERM
  while :; do
    HOOK_KNOWN=$(hook_processes | tr '\n' ' ')
    [ -n "$HOOK_KNOWN" ] || return 0
    # shellcheck disable=SC2086 # one id a word
    [ -z "$hook_signal" ] || kill "-$hook_signal" $HOOK_KNOWN 2>/dev/null
    [ "$hook_signal" != KILL ] || return 0
    hook_signal=
    hook_left=$((hook_left - 1))
    [ "$hook_left" -gt 0 ] || hook_signal=KILL
    sleep 0.1
  done
}

hook_interrupted() {
  trap '' TERM INT HUP
  [ -z "$HOOK_PID" ] || hook_end
  exit 130
}

hook_run() {
  trap - PIPE
  set +u
  umask "$UMASK_BEFORE"
  if [ -n "$LC_ALL_BEFORE" ]; then LC_ALL=$LC_ALL_BEFORE; else unset LC_ALL; fi
  cd "${HOOK_FOLDER:-$HOME}" || exit 1
  export MLXFLEET_HOOK MLXFLEET_HOST MLXFLEET_ADDRESS MLXFLEET_RELEASE MLXFLEET_PREVIOUS MLXFLEET_VERSION \
    MLXFLEET_OPERATOR MLXFLEET_OS MLXFLEET_ARCH MLXFLEET_RAM_BYTES MLXFLEET_CHANGE_ID MLXFLEET_OUTCOME \
    MLXFLEET_ERROR_CODE MLXFLEET_ERROR
  exec /bin/sh -c "$HOOK_COMMAND"
}

main() {
  script_begin
  HOOK_PID=
  HOOK_KNOWN=
  trap hook_interrupted TERM INT HUP
  watch_operator
  (hook_run) </dev/null 2>&1 &
  CHILD=$!
  HOOK_PID=$CHILD
  wait_child
  exit "$?"
}
