# shellcheck shell=sh
# shellcheck disable=SC2154,SC2034 # values of the caller; variables of other parts
# Removes everything that mlxfleet put under ROOT, by name: whatever else a person keeps there stays. Models stay too,
# unless PURGE_MODELS=yes.

uninstall_interrupted() {
  trap : TERM INT HUP
  end_child
  lock_release
  exit 130
}

uninstall_answer() {
  json_new
  json_text event uninstalled
  json_raw present "$1"
  json_send
  exit 0
}

# Removes paths, files and folders alike, and notes in LEFT what could not be removed.
uninstall_remove() {
  for uninstall_path; do
    rm -rf "$uninstall_path" 2>>"$STEP_LOG"
    if [ -e "$uninstall_path" ] || [ -L "$uninstall_path" ]; then LEFT="$LEFT${LEFT:+, }$uninstall_path"; fi
  done
}

uninstall_complete() {
  [ -n "$LEFT" ] || return 0
  report_failure ROOT_NOT_WRITABLE "could not remove $LEFT"
  audit '' failed-ROOT_NOT_WRITABLE
  lock_release
  exit 1
}

main() {
  script_begin
  LOCKED=
  LEFT=
  if [ ! -d "$ROOT/deploy" ]; then
    [ "$PURGE_MODELS" = yes ] && [ -d "$ROOT/shared/models" ] || uninstall_answer false
    # Models that an earlier uninstall kept: nothing else here is known to be ours any more.
    uninstall_remove "$ROOT/shared/models"
    uninstall_complete
    rmdir "$ROOT/shared" "$ROOT" 2>/dev/null
    uninstall_answer true
  fi
  trap uninstall_interrupted TERM INT HUP
  watch_operator
  STEP=lock
  lock_take
  STEP=service
  if ! service_stop; then
    report_failure SERVICE_FAILED 'the service did not stop'
    lock_release
    exit 1
  fi
  STEP=uninstall
  if : 2>/dev/null >"$ROOT/deploy/output"; then STEP_LOG=$ROOT/deploy/output; fi
  uninstall_remove "$ROOT/current" "$ROOT/current.new" "$ROOT/releases" "$ROOT/envs" "$ROOT/runtime" "$ROOT/run" \
    "$ROOT/logs" "$ROOT/shared/state" "$ROOT/shared/spool" "$ROOT/shared/config.yaml" \
    "$ROOT/shared/environment.json" "$ROOT/shared/admin-token"
  [ "$PURGE_MODELS" != yes ] || uninstall_remove "$ROOT/shared/models"
  # What is left can be tried again: the next uninstall finds the host installed.
  uninstall_complete
  rmdir "$ROOT/shared" 2>/dev/null
  # The lock lives in here: the last thing to go.
  [ -z "$RENEWER" ] || kill "$RENEWER" 2>/dev/null
  wait "$RENEWER" 2>/dev/null
  LOCKED=
  STEP_LOG=/dev/null
  uninstall_remove "$ROOT/deploy"
  uninstall_complete
  rmdir "$ROOT" 2>/dev/null
  uninstall_answer true
}
