# shellcheck shell=sh
# shellcheck disable=SC2154,SC2034,SC2016 # values of the caller; variables of other parts; awk code is quoted
# One JSON line that says whether there is such a log, then the lines of the file as they are. Follows until the operator
# goes away.

# Lines of the agent carry their time as "time":<milliseconds>, those of a worker begin with an ISO time, which is
# compared as text; a line without a time belongs to the line before it.
LOGS_SINCE='
{
  if (match($0, /^[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]/)) shown = substr($0, 1, 19) >= iso
  else if (match($0, /"time":[0-9]+/)) shown = substr($0, RSTART + 7, RLENGTH - 7) / 1000 >= cutoff
  if (shown) print
}'

logs_interrupted() {
  end_child
  exit 0
}

main() {
  script_begin
  logs_file="$ROOT/logs/agent.log"
  case $WORKER in
    '') ;;
    *)
      # As the agent names it: one file a model, whatever characters its id has.
      logs_file="$ROOT/logs/worker-$(printf '%s' "$WORKER" | sed 's|/|--|g; s/ /_/g').log"
      ;;
  esac
  if [ ! -f "$logs_file" ]; then
    STEP=logs
    json_new
    json_text event failed
    json_text code NO_LOGS
    json_text message "there is no $logs_file"
    json_send
    exit 1
  fi
  json_new
  json_text event begin
  json_send
  trap logs_interrupted TERM INT HUP
  watch_operator
  if [ -n "$SINCE_SECONDS" ]; then
    logs_cutoff=$(($(now_seconds) - SINCE_SECONDS))
    # GNU and busybox, then BSD.
    logs_iso=$(date -u -d "@$logs_cutoff" +%Y-%m-%dT%H:%M:%S 2>/dev/null || date -u -r "$logs_cutoff" +%Y-%m-%dT%H:%M:%S)
    awk -v cutoff="$logs_cutoff" -v iso="$logs_iso" "$LOGS_SINCE" "$logs_file" | tail -n "$LINES_WANTED"
  else
    tail -n "$LINES_WANTED" "$logs_file"
  fi
  if [ "$FOLLOW" = yes ]; then
    tail -n 0 -F "$logs_file" 2>/dev/null &
    CHILD=$!
    wait "$CHILD"
  fi
  exit 0
}
