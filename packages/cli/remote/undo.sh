# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # read by other parts; values of the caller
# The way back after a switch that failed.

# Called before a switch: an undo leaves a service stopped that was stopped.
remember_service() {
  service_status
  SERVICE_BEFORE=running
  if [ -z "$SERVICE_PID$AGENT_PID" ]; then SERVICE_BEFORE=stopped; fi
}

# How long an agent has to say that it is ready after its model did not answer.
UNDO_READY_SECONDS=5

# After a failed switch: the last good release serves again, or nothing does when there was none. Ends the script.
undo_switch() {
  : "${AGENT_LOG_START:=0}"
  undo_failed=$1
  undo_exit=$2
  # Another signal must not cut this short. An empty handler would be inherited by what is started here.
  trap : TERM INT HUP
  undo_output=$(agent_log_since_start)
  # From here on everything has to work on a full disk, where a program fails that writes a line to a file.
  STEP_LOG=/dev/null
  step_begin undo "$UNDO_TO"
  if [ -n "$undo_failed" ] && [ "$undo_failed" != "$UNDO_TO" ] && record_read "$undo_failed" && [ "$RECORD_STATE" != good ]; then
    RECORD_STATE=failed
    record_write "$undo_failed"
  fi
  undo_healthy=no
  undo_ready=no
  undo_reason=
  if [ -z "$UNDO_TO" ]; then
    service_stop
    rm -f "$ROOT/current"
  elif ! release_check "$UNDO_TO"; then
    undo_reason=$INCOMPLETE
  elif ! config_restore "$UNDO_TO" || ! switch_current "$UNDO_TO"; then
    undo_reason="could not switch back to $UNDO_TO"
  elif [ "$SERVICE_BEFORE" = stopped ]; then
    service_stop && undo_healthy=yes
  elif ! restart_agent || ! gate_completion "$UNDO_TO"; then
    undo_reason="$UNDO_TO is current again but does not answer"
    # A model that does not answer is one thing, a host that takes no requests another. By then it is ready, or is not.
    if gate "$UNDO_TO" --ready-only --timeout "$UNDO_READY_SECONDS"; then
      undo_ready=yes
      undo_reason="$UNDO_TO is current again and ready, but a model does not answer"
    fi
  else
    undo_healthy=yes
  fi
  STEP=undo
  step_done "$undo_reason"
  json_new
  json_text event undone
  json_text_or_null release "$UNDO_TO"
  json_flag healthy [ "$undo_healthy" = yes ]
  json_flag ready [ "$undo_ready" = yes ]
  json_flag stopped [ "$SERVICE_BEFORE" = stopped ]
  json_text_or_null reason "$undo_reason"
  json_text agentLog "$undo_output"
  json_send
  audit "$undo_failed" "undone-to-${UNDO_TO:-nothing}"
  lock_release
  exit "$undo_exit"
}
