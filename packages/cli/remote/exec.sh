# shellcheck shell=sh
# shellcheck disable=SC2154,SC2034 # values of the caller; variables of other parts
# A command of the operator's, with nothing on its stdin and this script's own settings taken back.

exec_interrupted() {
  trap '' TERM INT HUP
  end_child
  exit 130
}

main() {
  script_begin
  trap exec_interrupted TERM INT HUP
  watch_operator
  (
    trap - PIPE
    set +u
    umask "$UMASK_BEFORE"
    if [ -n "$LC_ALL_BEFORE" ]; then LC_ALL=$LC_ALL_BEFORE; else unset LC_ALL; fi
    eval "$COMMAND_LINE"
  ) </dev/null &
  CHILD=$!
  wait_child
  exit "$?"
}
