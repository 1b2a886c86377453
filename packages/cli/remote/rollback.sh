# shellcheck shell=sh
# shellcheck disable=SC2154,SC2034 # values of the caller; variables of other parts
# Back to an earlier good release, whatever became of the current one. Everything it needs is on the host.

rollback_fail() {
  report_failure "$1" "$2"
  if [ "$SWITCHED" = yes ]; then undo_switch '' 1; fi
  audit "$TARGET" "failed-$1"
  lock_release
  exit 1
}

rollback_interrupted() {
  trap : TERM INT HUP
  [ "$LOCKED" = yes ] || exit 130
  end_child
  report_failure INTERRUPTED 'interrupted before the release was confirmed'
  if [ "$SWITCHED" = yes ]; then undo_switch '' 130; fi
  lock_release
  exit 130
}

# What an interrupted or failed rollback returns to: where it came from, if that can serve.
rollback_origin() {
  UNDO_TO=
  if [ -n "$PREVIOUS" ] && is_good "$PREVIOUS" && release_check "$PREVIOUS"; then
    UNDO_TO=$PREVIOUS
  else
    # Stopping everything would be worse than the release that was asked for.
    UNDO_TO=$TARGET
  fi
}

main() {
  script_begin
  SWITCHED=
  LOCKED=
  TARGET=
  if [ ! -d "$ROOT/deploy/records" ]; then
    report_failure NOTHING_DEPLOYED 'nothing was deployed to this host'
    exit 1
  fi
  trap rollback_interrupted TERM INT HUP
  watch_operator
  STEP=lock
  lock_take
  if : 2>/dev/null >"$ROOT/deploy/output"; then STEP_LOG=$ROOT/deploy/output; fi
  step_begin check
  PREVIOUS=$(current_id)
  pending_resolve
  json_new
  json_text event current
  json_text_or_null release "$PREVIOUS"
  json_send
  if [ -n "$TO" ]; then
    TARGET=$TO
    [ -f "$ROOT/deploy/records/$TO" ] || rollback_fail RELEASE_UNKNOWN "there is no release $TO"
    is_good "$TO" || rollback_fail RELEASE_NOT_GOOD "release $TO never passed the health gate"
  else
    TARGET=$(good_before "${PREVIOUS:-none}")
    [ -n "$TARGET" ] || rollback_fail NO_PREVIOUS_RELEASE 'there is no earlier good release'
  fi
  release_check "$TARGET" || rollback_fail RELEASE_BROKEN "release $TARGET cannot serve: $INCOMPLETE"
  step_done "$TARGET"
  json_new
  json_text event target
  json_text release "$TARGET"
  json_text_or_null previous "$PREVIOUS"
  json_send

  if [ "$TARGET" = "$PREVIOUS" ]; then
    GATE_WANTED=$GATE_SECONDS
    GATE_SECONDS=2
    service_status
    if [ "$SERVICE_STATE" = running ] && gate_completion "$TARGET"; then
      json_new
      json_text event unchanged
      json_text release "$TARGET"
      json_send
      lock_release
      exit 0
    fi
    GATE_SECONDS=$GATE_WANTED
  fi
  rollback_origin
  step_begin switch "$TARGET"
  lock_is_mine || rollback_fail LOCK_LOST 'another command took the lock over'
  remember_service
  # A full disk keeps nobody from going back: then only this script can undo it.
  SWITCHED=yes
  pending_arm "$TARGET" || notice 'a rollback that is cut off now cannot be undone by the host: no room to prepare that'
  config_restore "$TARGET" || rollback_fail SWITCH_FAILED 'could not put the configuration back'
  switch_current "$TARGET" || rollback_fail SWITCH_FAILED "could not switch to $TARGET"
  step_done "$TARGET"
  step_begin service
  restart_agent || rollback_fail SERVICE_FAILED 'the service did not start'
  step_done
  step_begin gate
  gate_completion "$TARGET" || rollback_fail GATE_FAILED "release $TARGET did not pass the health gate"
  step_done
  SWITCHED=recorded
  pending_clear
  audit "$TARGET" rolled-back
  lock_release
  exit 0
}
