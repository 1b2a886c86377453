# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # read by other parts; values of the caller
# The way back after a switch that failed.

# Called before a switch: an undo leaves a service stopped that was stopped.
remember_service() {
  service_status
  SERVICE_BEFORE=running
  if [ -z "$SERVICE_PID$AGENT_PID" ]; then SERVICE_BEFORE=stopped; fi
}

# Puts the files of the last good release back: $1 release that failed, or nothing; $2 release to go back to, or nothing.
# Sets UNDO_REASON when that cannot be done. Nothing is started or stopped.
undo_files() {
  UNDO_REASON=
  if [ -n "$1" ] && [ "$1" != "$2" ] && record_read "$1" && [ "$RECORD_STATE" != good ]; then
    RECORD_STATE=failed
    record_write "$1"
  fi
  if [ -z "$2" ]; then
    rm -f "$ROOT/current"
  elif ! release_check "$2"; then
    UNDO_REASON=$INCOMPLETE
  elif ! config_restore "$2" || ! switch_current "$2"; then
    UNDO_REASON="could not switch back to $2"
  fi
  [ -z "$UNDO_REASON" ]
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
  undo_healthy=no
  undo_ready=no
  # Before anything else can fail: a host that loses its power now comes up with the release that served before.
  undo_files "$undo_failed" "$UNDO_TO"
  undo_reason=$UNDO_REASON
  pending_clear
  if [ -z "$UNDO_TO" ]; then
    service_stop
  elif [ -n "$undo_reason" ]; then
    : # The agent stays as it is: there is nothing to start in its place.
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
