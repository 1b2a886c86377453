# shellcheck shell=sh
# shellcheck disable=SC2154,SC2034 # values of the caller; variables of other parts
# Undoes a pending change whose script died or does not come to an end. It is written to deploy/guard.sh before a switch and
# runs from there, with nothing but the host: in the background while a change is pending, and by the supervisor
# (GUARD_MODE=boot) before that starts an agent. Time is counted in waits of its own, so that no clock matters.

guard_watch() {
  guard_left=$GUARD_SECONDS
  while pending_is "$GUARDED"; do
    process_is "$PENDING_PID" "$PENDING_MARK" || return 0
    if [ "$guard_left" -le 0 ]; then
      journal guard begin 'the change did not end in time'
      kill -KILL "$PENDING_PID" 2>/dev/null
      end_group "$PENDING_GROUP"
      return 0
    fi
    sleep 1
    guard_left=$((guard_left - 1))
  done
  exit 0
}

# Before an agent is started: a lock or a change whose script is gone is what a power cut left. Ends the script.
guard_boot() {
  lock_judge
  case $LOCK_STATE in held | expired) exit 0 ;; esac
  if [ "$LOCK_STATE" = free ] && ! pending_read; then exit 0; fi
  lock_take
  pending_resolve
  audit "$(current_id)" settled-after-boot
  lock_release
  exit 0
}

# Ends the script.
guard_settle() {
  if [ "$PENDING_STATE" = confirmed ]; then
    pending_resolve
    service_start
    lock_release
    exit 0
  fi
  UNDO_TO=$PENDING_UNDO_TO
  SERVICE_BEFORE=$PENDING_SERVICE
  report_failure GUARD "the script of $PENDING_COMMAND ended before the change was confirmed"
  undo_switch "$(pending_failed_release)" 0
}

main() {
  script_begin
  LOCKED=
  # A name of its own: the keeper of the dead script's lock gives back what bears that one's.
  GUARDED=$CHANGE_ID
  CHANGE_ID=$CHANGE_ID-guard
  [ "${GUARD_MODE:-watch}" = watch ] || guard_boot
  guard_watch
  lock_take
  pending_is "$GUARDED" || {
    lock_release
    exit 0
  }
  if : 2>/dev/null >"$ROOT/deploy/output"; then STEP_LOG=$ROOT/deploy/output; fi
  STEP=guard
  journal guard begin
  guard_settle
}
