# shellcheck shell=sh
# shellcheck disable=SC2154 # values of the caller
# Confirms the pending change CONFIRM, over a connection that was made after the switch: whoever can run this can still get
# in. The change's own script waits for the file and records.

main() {
  script_begin
  if pending_is "$CONFIRM" && : 2>/dev/null >"$ROOT/deploy/lock/confirmed.$CONFIRM"; then
    json_new
    json_text event confirmed
    json_send
    exit 0
  fi
  STEP=confirm
  report_failure SWITCH_NOT_CONFIRMED 'the host has gone back already'
  exit 1
}
