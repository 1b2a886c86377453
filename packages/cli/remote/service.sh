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
service_wait_ready() {
  service_release=$(current_id)
  STEP=gate
  gate "$service_release" --ready-only && return 0
  # A release from before --ready-only takes it for wrong usage: that its service runs has to do.
  if [ "$gate_status" = 2 ]; then
    service_status
    [ "$SERVICE_STATE" != running ] || return 0
  fi
  agent_log_since_start >"$STEP_LOG" 2>/dev/null
  service_action_fail SERVICE_FAILED 'the agent was started but does not serve'
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
  STEP=service
  service_status
  service_before=$SERVICE_STATE
  agent_log_mark
  case $ACTION in
    start)
      service_start || service_action_fail SERVICE_FAILED 'the service did not start'
      service_wait_ready
      ;;
    stop) service_stop || service_action_fail SERVICE_FAILED 'the service did not stop' ;;
    restart)
      service_restart || service_action_fail SERVICE_FAILED 'the service did not restart'
      service_wait_ready
      ;;
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
