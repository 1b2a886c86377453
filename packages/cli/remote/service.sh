# shellcheck shell=sh
# shellcheck disable=SC2154,SC2034,SC1010 # values of the caller; variables of other parts
# start, stop or restart of the agent; ACTION names which. A start has succeeded once the agent can serve.

service_action_interrupted() {
  trap : TERM INT HUP
  end_child
  lock_release
  exit 130
}

service_action_fail() {
  report_failure "$1" "$2"
  audit "$(current_id)" "failed-$1"
  lock_release
  exit 1
}

# Whoever starts the agent wants to use it next.
service_serves() {
  service_release=$(current_id)
  step_begin gate
  gate "$service_release" --ready-only && return 0
  # A release from before --ready-only takes it for wrong usage: that its service runs has to do.
  [ "$gate_status" = 2 ] || return 1
  service_status
  [ "$SERVICE_STATE" = running ]
}

service_does_not_serve() {
  agent_log_since_start >"$STEP_LOG" 2>/dev/null
  service_action_fail SERVICE_FAILED "$1"
}

# A supervisor waits up to half a minute before its next attempt: a new one tries at once.
service_start_anew() {
  restart_agent || service_action_fail SERVICE_FAILED "the service did not $ACTION"
  service_serves || service_does_not_serve 'the agent was started but does not serve'
}

# An agent from before this command is believed when it serves. That it ended says nothing: what it ended of may have
# been mended since.
service_action_start() {
  if [ "$SERVICE_STATE" = running ] && [ -n "$AGENT_PID" ]; then
    service_agent_before=$AGENT_PID
    if service_serves; then
      service_status
      [ "$AGENT_PID" = "$service_agent_before" ] || service_before=stopped
      return 0
    fi
    service_status
    case " $SERVICE_AGENTS " in
      *" $service_agent_before "*) service_does_not_serve 'the agent runs but does not serve' ;;
    esac
  fi
  service_before=stopped
  service_start_anew
}

main() {
  script_begin
  LOCKED=
  if [ ! -L "$ROOT/current" ] && [ "$ACTION" != stop ]; then
    report_failure NOTHING_DEPLOYED 'nothing was deployed to this host'
    exit 1
  fi
  if [ ! -d "$ROOT/deploy" ]; then
    report_failure NOTHING_DEPLOYED 'nothing was deployed to this host'
    exit 1
  fi
  trap service_action_interrupted TERM INT HUP
  watch_operator
  STEP=lock
  lock_take
  if : 2>/dev/null >"$ROOT/deploy/output"; then STEP_LOG=$ROOT/deploy/output; fi
  pending_resolve
  STEP=service
  service_status
  service_before=$SERVICE_STATE
  agent_log_mark
  case $ACTION in
    start) service_action_start ;;
    stop) service_stop || service_action_fail SERVICE_FAILED 'the service did not stop' ;;
    restart) service_start_anew ;;
  esac
  service_status
  json_new
  json_text event service
  json_text before "$service_before"
  json_text after "$SERVICE_STATE"
  json_send
  audit "$(current_id)" done
  lock_release
  exit 0
}
