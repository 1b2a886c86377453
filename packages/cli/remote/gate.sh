# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # read by other parts; values of the caller
# The agent of the current release is restarted, and a release is judged by what it answers.

# Remembers where the log of the agent that is about to be started begins.
agent_log_mark() {
  AGENT_LOG_START=$(wc -c 2>/dev/null <"$ROOT/logs/agent.log") || AGENT_LOG_START=0
}

# Restarts the agent of `current`. What the old one says while it stops explains nothing about the new one.
restart_agent() {
  agent_log_mark
  service_stop || return 1
  agent_log_mark
  service_start
}

# Last lines of the agent since agent_log_mark; all of the log when it was shortened meanwhile.
agent_log_since_start() {
  agent_log_size=$(wc -c 2>/dev/null <"$ROOT/logs/agent.log") || return 0
  [ "$((agent_log_size))" -ge "$((AGENT_LOG_START))" ] || AGENT_LOG_START=0
  tail -c "+$((AGENT_LOG_START + 1))" "$ROOT/logs/agent.log" | tail -n 20
}

# The gate ends by itself after GATE_SECONDS; one that hangs is ended this much later.
GATE_MARGIN_SECONDS=30

# Waits until the release answers. $1 release; the rest are options of the gate. Its lines go to the operator. Without
# --ready-only a model has to answer too.
gate() {
  gate_release=$1
  shift
  set -- "$ROOT/releases/$gate_release/runtime/node" "$ROOT/releases/$gate_release/agent/control.mjs" gate \
    --root "$ROOT" --release "$gate_release" --timeout "$GATE_SECONDS" "$@"
  # A named pipe, so that CHILD is the program itself and an interruption ends it.
  gate_pipe="$ROOT/run/gate.$$"
  rm -f "$gate_pipe"
  if mkfifo "$gate_pipe" 2>/dev/null; then
    gate_relay <"$gate_pipe" &
    gate_relay_pid=$!
    "$@" </dev/null >"$gate_pipe" 2>>"$STEP_LOG" &
  else
    # No room for a directory entry: the exit code alone has to do.
    gate_relay_pid=
    "$@" </dev/null >/dev/null 2>&1 &
  fi
  CHILD=$!
  gate_limit "$CHILD" "$((GATE_SECONDS + GATE_MARGIN_SECONDS))" &
  gate_limit_pid=$!
  wait_child
  gate_status=$?
  kill "$gate_limit_pid" 2>/dev/null
  wait "$gate_limit_pid" 2>/dev/null
  [ -z "$gate_relay_pid" ] || wait "$gate_relay_pid"
  rm -f "$gate_pipe"
  [ "$gate_status" = 0 ] || gate_explain
  return "$gate_status"
}

# Ends a gate that outlives its own limit. $1 process, $2 seconds. Ends with the gate and with the script.
gate_limit() {
  exec </dev/null >/dev/null 2>&1
  gate_left=$2
  while kill -0 "$1" && kill -0 "$$"; do
    if [ "$gate_left" -le 0 ]; then
      kill -KILL "$1"
      return
    fi
    sleep 1
    gate_left=$((gate_left - 1))
  done
}

# For a gate that failed without a word of its own; the operator takes the first reason that is given.
gate_explain() {
  case $gate_status in
    137) gate_reason="it did not end in time, or was killed" ;;
    *) gate_reason="it ended with exit code $gate_status" ;;
  esac
  json_new
  json_text event failed
  json_text code GATE_ENDED
  json_text message "the health check gave no reason: $gate_reason"
  answer "{\"gate\":{$JSON}}"
}

# The gate of a release that is to serve: with a completion of the smoke-test model, or else of what the gate chooses.
gate_completion() {
  if [ -n "$SMOKE_MODEL" ]; then gate "$1" --model "$SMOKE_MODEL"; else gate "$1"; fi
}

gate_relay() {
  while IFS= read -r gate_line; do
    case $gate_line in
      '{'*) answer "{\"gate\":$gate_line}" ;;
    esac
  done
}
