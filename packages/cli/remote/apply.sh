# shellcheck shell=sh
# shellcheck disable=SC2154,SC2034,SC2153 # values of the caller; variables of other parts
# One deploy on one host: everything is prepared beside the running release, then switched to, judged and recorded.
# SWITCHED tells what an interruption has to undo: empty (nothing), yes (the switch), recorded (nothing any more).
# Two words of the operator are waited for: `go`, in this session, before anything that serves is touched; and a
# confirmation over a new connection, once the new release has passed its gate. Without them the old release serves.

apply_fail() {
  report_failure "$1" "$2"
  apply_clean_up
  if [ "$SWITCHED" = yes ]; then undo_switch "$RELEASE" 1; fi
  audit "$RELEASE" "failed-$1"
  lock_release
  exit 1
}

apply_interrupted() {
  trap : TERM INT HUP
  # Still waiting for the lock: everything here is somebody else's.
  [ "$LOCKED" = yes ] || exit 130
  end_child
  if [ "$SWITCHED" = recorded ]; then
    lock_release
    exit 0
  fi
  report_failure INTERRUPTED 'interrupted before the release was confirmed'
  [ -z "$CHILD" ] || wait_child 2>/dev/null
  apply_clean_up
  if [ "$SWITCHED" = yes ]; then undo_switch "$RELEASE" 130; fi
  audit "$RELEASE" interrupted
  lock_release
  exit 130
}

# Leaves nothing half made. Also removes what an earlier deploy left when it was killed.
apply_clean_up() {
  rm -rf "$ROOT"/releases/*.partial "$ROOT"/runtime/*.partial
  rm -f "$ROOT"/current.new "$ROOT"/shared/*.new.* "$ROOT"/deploy/records/*.new.* "$ROOT"/deploy/configs/*/*.new.* \
    "$ROOT"/deploy/lock/candidate.* "$ROOT"/run/gate.*
  for apply_environment in "$ROOT"/envs/*; do
    if [ -d "$apply_environment" ] && [ ! -f "$apply_environment/.complete" ]; then rm -rf "$apply_environment"; fi
  done
}

# A blob was sent as <hash>.part and counts once its content has that hash.
apply_blob() {
  blob="$ROOT/deploy/incoming/$1"
  if [ ! -f "$blob" ]; then
    [ -f "$blob.part" ] || apply_fail HOST_CHANGED "$2 was not sent"
    blob_hash=$(sha256_of "$blob.part")
    if [ "$blob_hash" != "$1" ]; then
      rm -f "$blob.part"
      apply_fail UPLOAD_CORRUPT "$2 arrived damaged"
    fi
    mv -f "$blob.part" "$blob" || apply_fail UPLOAD_CORRUPT "could not keep $2"
  fi
}

# A program of one file, sent compressed. $1 folder under runtime, $2 path in it, $3 hash of the blob.
apply_runtime() {
  [ ! -f "$ROOT/runtime/$1/.complete" ] || return 0
  [ -n "$3" ] || apply_fail HOST_CHANGED "$1 is missing and was not sent"
  step_begin runtime "$1"
  apply_blob "$3" "$1"
  rm -rf "$ROOT/runtime/$1" "$ROOT/runtime/$1.partial"
  runtime_file="$ROOT/runtime/$1.partial/$2"
  mkdir -p "${runtime_file%/*}" || apply_fail STAGE_FAILED "could not unpack $1"
  apply_gunzip "$ROOT/deploy/incoming/$3" "$runtime_file" || apply_fail STAGE_FAILED "could not unpack $1"
  chmod 755 "$runtime_file"
  run_child "$runtime_file" --version || apply_fail STAGE_FAILED "$1 does not run on this host"
  : >"$ROOT/runtime/$1.partial/.complete" || apply_fail STAGE_FAILED "could not unpack $1"
  mv "$ROOT/runtime/$1.partial" "$ROOT/runtime/$1" || apply_fail STAGE_FAILED "could not unpack $1"
  rm -f "$ROOT/deploy/incoming/$3"
  step_done "$1"
}

apply_gunzip() {
  gzip -dc "$1" >"$2" 2>>"$STEP_LOG" </dev/null &
  CHILD=$!
  wait_child
}

apply_release() {
  release_path="$ROOT/releases/$RELEASE"
  if [ ! -d "$release_path" ]; then
    [ -n "$RELEASE_BLOB" ] || apply_fail HOST_CHANGED "release $RELEASE is missing and was not sent"
    step_begin release "$RELEASE"
    apply_blob "$RELEASE_BLOB" "release $RELEASE"
    mkdir -p "$release_path.partial" || apply_fail STAGE_FAILED "could not unpack release $RELEASE"
    run_child tar -xzf "$ROOT/deploy/incoming/$RELEASE_BLOB" -C "$release_path.partial" ||
      apply_fail STAGE_FAILED "could not unpack release $RELEASE"
    (cd "$release_path.partial" && sha256_check files.sha256) >>"$STEP_LOG" 2>&1 ||
      apply_fail STAGE_FAILED "files of release $RELEASE do not match its manifest"
    mkdir -p "$release_path.partial/runtime" "$release_path.partial/envs" || apply_fail STAGE_FAILED 'could not make folders'
    mv "$release_path.partial" "$release_path" || apply_fail STAGE_FAILED "could not unpack release $RELEASE"
    rm -f "$ROOT/deploy/incoming/$RELEASE_BLOB"
    step_done "$RELEASE"
  fi
  [ -x "$release_path/runtime/node" ] ||
    ln -sf "../../../runtime/node-$NODE_VERSION/bin/node" "$release_path/runtime/node" ||
    apply_fail STAGE_FAILED 'could not link node'
  if ! record_read "$RELEASE"; then
    RECORD_STATE=staged
    RECORD_VERSION=$VERSION
    RECORD_CONTENT_HASH=$CONTENT_HASH
    RECORD_CREATED_AT=$CREATED_AT
    RECORD_DEPLOYED_AT=
    RECORD_DEPLOYED_BY=$OPERATOR
    RECORD_ORDER=0
    RECORD_PREVIOUS=
    record_write "$RELEASE" || apply_fail STAGE_FAILED "could not record release $RELEASE"
  fi
}

# Replaces the present process, which has to be a child, by a program with the host's `env` in its environment. Values
# are set here and not by `env NAME=VALUE`, where `ps` would show them.
exec_with_environment() {
  eval "$BUILD_EXPORTS"
  exec "$@"
}

# $1 text or vision, $2 folder under envs, $3 what has to import. The folder counts once `.complete` stands in it, which
# is written last; a virtual environment holds absolute paths and cannot be built elsewhere and moved.
apply_environment() {
  [ -n "$2" ] || return 0
  environment="$ROOT/envs/$2"
  environment_lock="$ROOT/releases/$RELEASE/locks/$1-$PLATFORM.txt"
  if ! environment_complete "$environment"; then
    apply_runtime "uv-$UV_VERSION" uv "$UV_BLOB"
    step_begin environment "$1"
    rm -rf "$environment"
    mkdir -p "$ROOT/envs" || apply_fail STAGE_FAILED 'could not make folders'
    uv="$ROOT/runtime/uv-$UV_VERSION/uv"
    if [ -n "$PYTHON_PATH" ]; then
      run_child exec_with_environment "$uv" venv --no-project --python "$PYTHON_PATH" "$environment" ||
        apply_fail ENVIRONMENT_FAILED "could not make the $1 environment with $PYTHON_PATH"
    else
      run_child exec_with_environment env UV_PYTHON_INSTALL_DIR="$ROOT/runtime/python" \
        "$uv" venv --no-project --managed-python --python "$PYTHON_VERSION" "$environment" ||
        apply_fail PYTHON_MISSING "this host has no fitting Python, and Python $PYTHON_VERSION could not be installed"
    fi
    set -- "$1" "$2" "$3" "$uv" pip sync --python "$environment/bin/python" --require-hashes
    [ -z "$FIND_LINKS" ] || set -- "$@" --no-index --find-links "$FIND_LINKS"
    environment_kind=$1
    environment_imports=$3
    shift 3
    run_child exec_with_environment "$@" "$environment_lock" ||
      apply_fail ENVIRONMENT_FAILED "could not install the packages of the $environment_kind environment"
    run_child exec_with_environment "$environment/bin/python" -c "import $environment_imports" ||
      apply_fail ENVIRONMENT_FAILED "the $environment_kind environment does not import $environment_imports"
    write_file "$environment/.complete" "kind=$environment_kind
lock_sha256=$(sha256_of "$environment_lock")
python=$PYTHON_VERSION
python_path=$PYTHON_PATH
python_preferred=$PYTHON_PREFERRED
" || apply_fail STAGE_FAILED 'could not finish the environment'
    step_done "$environment_kind"
  fi
}

# Not before the switch when the release is the one that runs.
apply_link_environments() {
  for link_kind in text vision; do
    link_name=$TEXT_ENVIRONMENT
    [ "$link_kind" = text ] || link_name=$VISION_ENVIRONMENT
    if [ -n "$link_name" ]; then
      link_environment "$RELEASE" "$link_kind" "$link_name" || apply_fail STAGE_FAILED 'could not link the environment'
    else
      rm -f "$ROOT/releases/$RELEASE/envs/$link_kind"
    fi
  done
}

apply_check() {
  step_begin check
  [ "$RELEASE" = "$EXPECTED_CURRENT" ] || apply_link_environments
  release_check "$RELEASE" || apply_fail STAGE_FAILED "release $RELEASE is not complete: $INCOMPLETE"
  step_done
}

# How long the operator may take to say that the switch may begin, in seconds: a network that was cut is told by silence.
OPERATOR_SECONDS=20

# Waits for a word of the operator: $1 go or confirmed, $2 seconds. Fails when there is none, or a refusal.
apply_hear() {
  hear_left=$(($2 * 10))
  until operator_said "$1"; do
    if operator_said refuse || [ "$hear_left" -le 0 ]; then return 1; fi
    sleep 0.1
    hear_left=$((hear_left - 1))
  done
}

# What was staged has to be on the disk before `current` is: a power cut may take everything else.
apply_flush() {
  step_begin flush
  run_child sync || apply_fail STAGE_FAILED 'could not write everything to the disk'
  step_done
}

apply_ready() {
  step_begin ready
  apply_hear go "$OPERATOR_SECONDS" || apply_fail OPERATOR_LOST 'the command line did not answer before the switch'
  step_done
}

apply_confirm() {
  step_begin confirm
  apply_hear confirmed "$CONFIRM_SECONDS" ||
    apply_fail SWITCH_NOT_CONFIRMED "release $RELEASE was not confirmed over a new connection"
  step_done
}

# Everything that a failure from here on has to put back is put back by undo_switch, and by the guard when this script dies.
apply_switch() {
  step_begin switch "$RELEASE"
  lock_is_mine || apply_fail LOCK_LOST 'another command took the lock over'
  record_read "$RELEASE"
  if [ "$RELEASE" != "$UNDO_TO" ]; then
    RECORD_PREVIOUS=$UNDO_TO
    record_write "$RELEASE" || apply_fail SWITCH_FAILED "could not record release $RELEASE"
  fi
  remember_service
  SWITCHED=yes
  if ! pending_arm "$RELEASE"; then
    SWITCHED=
    pending_clear
    apply_fail SWITCH_FAILED 'could not prepare the way back'
  fi
  apply_link_environments
  mkdir -p "$ROOT/shared/models/hub" "$ROOT/shared/state" "$ROOT/shared/spool" "$ROOT/run" "$ROOT/logs" ||
    apply_fail SWITCH_FAILED 'could not make folders'
  write_file "$ROOT/shared/config.yaml" "$CONFIG" || apply_fail SWITCH_FAILED 'could not write shared/config.yaml'
  write_file "$ROOT/shared/environment.json" "$ENVIRONMENT" ||
    apply_fail SWITCH_FAILED 'could not write shared/environment.json'
  if [ "$(current_id)" != "$RELEASE" ]; then
    switch_current "$RELEASE" || apply_fail SWITCH_FAILED "could not switch to $RELEASE"
  fi
  step_done "$RELEASE"
}

apply_record() {
  step_begin record
  pending_confirm "$RELEASE"
  release_keep "$RELEASE" "$OPERATOR" || apply_fail SWITCH_FAILED "could not record release $RELEASE"
  SWITCHED=recorded
  pending_clear
  audit "$RELEASE" good
  step_done
}

main() {
  script_begin
  SWITCHED=
  LOCKED=
  trap apply_interrupted TERM INT HUP
  watch_operator
  STEP=lock
  lock_take
  mkdir -p "$ROOT/deploy/incoming" "$ROOT/releases" "$ROOT/envs" "$ROOT/runtime" "$ROOT/logs" 2>/dev/null ||
    apply_fail ROOT_NOT_WRITABLE "cannot write to $ROOT"
  if : 2>/dev/null >"$ROOT/deploy/output"; then STEP_LOG=$ROOT/deploy/output; fi
  step_begin lock
  pending_resolve
  if [ "$(current_id)" != "$EXPECTED_CURRENT" ]; then
    apply_fail HOST_CHANGED "the current release became '$(current_id)' since it was looked at"
  fi
  apply_clean_up
  step_done
  UNDO_TO=$(last_good)

  apply_runtime "node-$NODE_VERSION" bin/node "$NODE_BLOB"
  apply_release
  apply_environment text "$TEXT_ENVIRONMENT" "$TEXT_IMPORTS"
  apply_environment vision "$VISION_ENVIRONMENT" "$VISION_IMPORTS"
  apply_check
  if [ "$ONLY_STAGE" = yes ]; then
    audit "$RELEASE" staged
    lock_release
    exit 0
  fi
  apply_flush
  apply_ready
  apply_switch
  step_begin service
  restart_agent || apply_fail SERVICE_FAILED 'the service did not start'
  step_done
  step_begin gate
  gate_completion "$RELEASE" || apply_fail GATE_FAILED "release $RELEASE did not pass the health gate"
  step_done
  apply_confirm
  apply_record
  step_begin prune
  prune_host
  step_done
  lock_release
  exit 0
}
