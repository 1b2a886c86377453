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

main() {
  script_begin
  LOCKED=
  if [ ! -d "$ROOT/deploy" ]; then
    json_new
    json_text event uninstalled
    json_flag present false
    json_send
    exit 0
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
  rm -f "$ROOT/current" "$ROOT/current.new"
  rm -rf "$ROOT/releases" "$ROOT/envs" "$ROOT/runtime" "$ROOT/run" "$ROOT/logs" "$ROOT/shared/state" "$ROOT/shared/spool"
  rm -f "$ROOT/shared/config.yaml" "$ROOT/shared/environment.json" "$ROOT/shared/admin-token"
  [ "$PURGE_MODELS" != yes ] || rm -rf "$ROOT/shared/models"
  rmdir "$ROOT/shared" 2>/dev/null
  # The lock lives in here: the last thing to go.
  [ -z "$RENEWER" ] || kill "$RENEWER" 2>/dev/null
  wait "$RENEWER" 2>/dev/null
  LOCKED=
  rm -rf "$ROOT/deploy"
  rmdir "$ROOT" 2>/dev/null
  json_new
  json_text event uninstalled
  json_flag present true
  json_send
  exit 0
}
