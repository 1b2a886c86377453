# shellcheck shell=sh
# shellcheck disable=SC2034,SC2016 # read by other parts; JavaScript is quoted
# Releases, their records and the switch between them. What a release is stands in deploy/records/<id>, never in times of
# folders. deploy/configs/<id>/ holds the configuration that the release was last good with.

current_id() {
  current_target=$(readlink "$ROOT/current" 2>/dev/null) || return 0
  printf '%s\n' "${current_target##*/}"
}

# Sets RECORD_*; fails when there is no record.
record_read() {
  RECORD_STATE=
  RECORD_VERSION=
  RECORD_CONTENT_HASH=
  RECORD_CREATED_AT=
  RECORD_DEPLOYED_AT=
  RECORD_DEPLOYED_BY=
  RECORD_ORDER=0
  RECORD_PREVIOUS=
  [ -f "$ROOT/deploy/records/$1" ] || return 1
  while IFS='=' read -r record_key record_value; do
    case $record_key in
      state) RECORD_STATE=$record_value ;;
      version) RECORD_VERSION=$record_value ;;
      content_hash) RECORD_CONTENT_HASH=$record_value ;;
      created_at) RECORD_CREATED_AT=$record_value ;;
      deployed_at) RECORD_DEPLOYED_AT=$record_value ;;
      deployed_by) RECORD_DEPLOYED_BY=$record_value ;;
      order) RECORD_ORDER=$record_value ;;
      previous) RECORD_PREVIOUS=$record_value ;;
    esac
  done <"$ROOT/deploy/records/$1"
  # Compared as a number later on.
  case $RECORD_ORDER in '' | *[!0-9]*) RECORD_ORDER=0 ;; esac
  return 0
}

# Writes what record_read has set, changed as needed.
record_write() {
  write_file "$ROOT/deploy/records/$1" "state=$RECORD_STATE
version=$RECORD_VERSION
content_hash=$RECORD_CONTENT_HASH
created_at=$RECORD_CREATED_AT
deployed_at=$RECORD_DEPLOYED_AT
deployed_by=$RECORD_DEPLOYED_BY
order=$RECORD_ORDER
previous=$RECORD_PREVIOUS
"
}

# Names of releases that have a record.
record_ids() {
  for record_path in "$ROOT"/deploy/records/*; do
    case $record_path in *.new.*) continue ;; esac
    [ -f "$record_path" ] && printf '%s\n' "${record_path##*/}"
  done
  return 0
}

is_good() {
  record_read "$1" && [ "$RECORD_STATE" = good ]
}

# Highest order among the records, so that deploys are ordered whatever the clock did.
record_last_order() {
  last_order=0
  for record_id in $(record_ids); do
    record_read "$record_id"
    [ "$RECORD_ORDER" -le "$last_order" ] || last_order=$RECORD_ORDER
  done
  printf '%s\n' "$last_order"
}

# The good release that served before the given one: the one it was deployed over, or else the latest other good one.
good_before() {
  record_read "$1" || :
  before=$RECORD_PREVIOUS
  if [ -n "$before" ] && [ "$before" != "$1" ] && is_good "$before" && [ -d "$ROOT/releases/$before" ]; then
    printf '%s\n' "$before"
    return 0
  fi
  before=
  before_order=-1
  record_read "$1" || RECORD_ORDER=0
  before_limit=$RECORD_ORDER
  for record_id in $(record_ids); do
    [ "$record_id" != "$1" ] && is_good "$record_id" && [ -d "$ROOT/releases/$record_id" ] || continue
    # A release without an order was never good: everything good came before it.
    if [ "$before_limit" -gt 0 ] && [ "$RECORD_ORDER" -gt "$before_limit" ]; then continue; fi
    if [ "$RECORD_ORDER" -gt "$before_order" ]; then
      before=$record_id
      before_order=$RECORD_ORDER
    fi
  done
  [ -z "$before" ] || printf '%s\n' "$before"
}

# The release to go back to when what comes next fails: the current one when it is good, else the good one before it.
last_good() {
  last_current=$(current_id)
  if [ -n "$last_current" ] && is_good "$last_current" && [ -d "$ROOT/releases/$last_current" ]; then
    printf '%s\n' "$last_current"
  else
    good_before "${last_current:-none}"
  fi
}

environment_complete() {
  [ -f "$1/.complete" ] && [ -x "$1/bin/python" ]
}

# Sets ENVIRONMENT_* from the file that marks an environment as complete.
environment_read() {
  ENVIRONMENT_LOCK=
  ENVIRONMENT_PYTHON=
  ENVIRONMENT_PYTHON_PATH=
  ENVIRONMENT_PREFERRED=
  while IFS='=' read -r environment_key environment_value; do
    case $environment_key in
      lock_sha256) ENVIRONMENT_LOCK=$environment_value ;;
      python) ENVIRONMENT_PYTHON=$environment_value ;;
      python_path) ENVIRONMENT_PYTHON_PATH=$environment_value ;;
      python_preferred) ENVIRONMENT_PREFERRED=$environment_value ;;
    esac
  done <"$1/.complete"
}

# Whether every file of a release is as it was made.
release_files_intact() {
  (cd "$ROOT/releases/$1" && sha256_check files.sha256) >>"$STEP_LOG" 2>&1
}

# Whether a release can serve: every file as it was made, its node, its environments. Sets INCOMPLETE to the reason.
release_check() {
  INCOMPLETE=
  release_path="$ROOT/releases/$1"
  if [ ! -f "$release_path/files.sha256" ]; then
    INCOMPLETE="$release_path is missing"
  elif ! release_files_intact "$1"; then
    INCOMPLETE="files of $release_path are missing or changed"
  elif [ ! -x "$release_path/runtime/node" ]; then
    INCOMPLETE="$release_path/runtime/node is missing"
  else
    for release_environment in "$release_path"/envs/*; do
      if [ -L "$release_environment" ] && ! environment_complete "$release_environment"; then
        INCOMPLETE="the environment $release_environment is missing or half built"
      fi
    done
  fi
  [ -z "$INCOMPLETE" ]
}

# A link beside, then a rename over the old one: there is no moment without `current`. mv would move into the folder that
# an old link points to, and its options against that are GNU's or BSD's; so the release's own node renames, which has to
# run anyway if the release is to serve.
LINK_BESIDE='
const { symlinkSync, renameSync, rmSync, openSync, fsyncSync } = require("node:fs");
const { dirname } = require("node:path");
const [target, link] = process.argv.slice(1);
rmSync(link + ".new", { force: true });
symlinkSync(target, link + ".new");
renameSync(link + ".new", link);
fsyncSync(openSync(dirname(link), "r"));
'

replace_link() {
  run_child "$1" -e "$LINK_BESIDE" "$2" "$3"
}

switch_current() {
  replace_link "$ROOT/releases/$1/runtime/node" "releases/$1" "$ROOT/current"
}

# Points a release to an environment: $1 release, $2 text or vision, $3 folder under envs.
link_environment() {
  link_path="$ROOT/releases/$1/envs/$2"
  [ "$(readlink "$link_path" 2>/dev/null)" != "../../../envs/$3" ] || return 0
  # Nothing to replace, so nothing that could be seen half done.
  if [ ! -L "$link_path" ]; then
    ln -s "../../../envs/$3" "$link_path"
    return
  fi
  replace_link "$ROOT/releases/$1/runtime/node" "../../../envs/$3" "$link_path"
}

# Puts back the configuration and the environments that a release was last good with.
config_restore() {
  for config_name in config.yaml environment.json; do
    config_kept="$ROOT/deploy/configs/$1/$config_name"
    if [ -f "$config_kept" ] && ! cmp -s "$config_kept" "$ROOT/shared/$config_name"; then
      config_new="$ROOT/shared/$config_name.new.$$"
      # On a full disk there is room for a second name of the file, if not for a second file.
      cp -p "$config_kept" "$config_new" 2>/dev/null || ln -f "$config_kept" "$config_new" || return 1
      mv -f "$config_new" "$ROOT/shared/$config_name" || return 1
    fi
  done
  [ -f "$ROOT/deploy/configs/$1/environments" ] || return 0
  while IFS='=' read -r config_kind config_environment; do
    link_environment "$1" "$config_kind" "$config_environment" || return 1
  done <"$ROOT/deploy/configs/$1/environments"
}

config_keep() {
  mkdir -p "$ROOT/deploy/configs/$1" || return 1
  for config_name in config.yaml environment.json; do
    if [ -f "$ROOT/shared/$config_name" ]; then
      cp -p "$ROOT/shared/$config_name" "$ROOT/deploy/configs/$1/$config_name.new.$$" &&
        mv -f "$ROOT/deploy/configs/$1/$config_name.new.$$" "$ROOT/deploy/configs/$1/$config_name" || return 1
    fi
  done
  config_environments=
  for config_link in "$ROOT/releases/$1"/envs/*; do
    [ -L "$config_link" ] || continue
    config_environment=$(readlink "$config_link")
    config_environments="$config_environments${config_link##*/}=${config_environment##*/}
"
  done
  write_file "$ROOT/deploy/configs/$1/environments" "$config_environments"
}

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
