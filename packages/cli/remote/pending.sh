# shellcheck shell=sh
# shellcheck disable=SC2154,SC2034,SC2016 # values of the caller; variables of other parts; JavaScript is quoted
# A change that is not decided yet. deploy/pending is there from before the first change to what serves until the change is
# confirmed and recorded, or undone. Whoever finds it there after its script has died puts things back: the guard at once,
# the supervisor after a reboot, the next command otherwise.

# Sets PENDING_*; fails when nothing is pending.
pending_read() {
  PENDING_CHANGE=
  PENDING_STATE=
  PENDING_COMMAND=
  PENDING_OPERATOR=
  PENDING_RELEASE=
  PENDING_UNDO_TO=
  PENDING_SERVICE=
  PENDING_PID=
  PENDING_MARK=
  PENDING_GROUP=
  PENDING_BOOT=
  while IFS='=' read -r pending_key pending_value; do
    case $pending_key in
      change) PENDING_CHANGE=$pending_value ;;
      state) PENDING_STATE=$pending_value ;;
      command) PENDING_COMMAND=$pending_value ;;
      operator) PENDING_OPERATOR=$pending_value ;;
      release) PENDING_RELEASE=$pending_value ;;
      undo_to) PENDING_UNDO_TO=$pending_value ;;
      service) PENDING_SERVICE=$pending_value ;;
      pid) PENDING_PID=$pending_value ;;
      mark) PENDING_MARK=$pending_value ;;
      group) PENDING_GROUP=$pending_value ;;
      boot) PENDING_BOOT=$pending_value ;;
    esac
  done 2>/dev/null <"$ROOT/deploy/pending"
  [ -n "$PENDING_CHANGE" ]
}

# Whether a change is the pending one. $1 its id.
pending_is() {
  pending_read && [ "$PENDING_CHANGE" = "$1" ]
}

# The text of deploy/pending: $1 state (armed, confirmed), $2 release that shall serve. The process is this script's.
pending_text() {
  printf '%s\n' "change=$CHANGE_ID" "state=$1" "command=$COMMAND" "operator=$OPERATOR" "release=$2" "undo_to=$UNDO_TO" \
    "service=$SERVICE_BEFORE" "pid=$$" "mark=$(process_mark "$$")" "group=$(process_group)" "boot=$(boot_id)"
}

# Writes deploy/pending so that it outlives a power cut, then starts the guard in a session of its own, which no hang-up of
# this one reaches. No shell can do either portably; the node of the release that shall serve can.
PENDING_ARM='
const { spawn } = require("node:child_process");
const { closeSync, fsyncSync, openSync, renameSync, writeSync } = require("node:fs");
const [root, text] = process.argv.slice(1);
const flush = (path) => {
  const file = openSync(path, "r");
  fsyncSync(file);
  closeSync(file);
};
const pending = root + "/deploy/pending";
const file = openSync(pending + ".new", "w", 0o600);
writeSync(file, text + "\n");
fsyncSync(file);
closeSync(file);
flush(root + "/deploy/guard.sh");
renameSync(pending + ".new", pending);
flush(root + "/deploy");
spawn("/bin/sh", [root + "/deploy/guard.sh"], { cwd: "/", detached: true, stdio: "ignore" }).unref();
'

# From here on the host goes back by itself unless the change is decided. $1 release that shall serve.
pending_arm() {
  write_file "$ROOT/deploy/guard.sh" "$GUARD" || return 1
  run_child "$ROOT/releases/$1/runtime/node" -e "$PENDING_ARM" "$ROOT" "$(pending_text armed "$1")"
}

# The change counts, whatever becomes of this script: what is left is to record it. On a full disk it is recorded right away.
pending_confirm() {
  write_file "$ROOT/deploy/pending" "$(pending_text confirmed "$1")
" || :
}

pending_clear() {
  rm -f "$ROOT/deploy/pending" "$ROOT/deploy/pending.new"
}

# Under the lock: settles what a change left whose script has died. Only files are put in order; the agent is the caller's.
pending_resolve() {
  pending_read || return 0
  notice "settling what $PENDING_COMMAND of $PENDING_OPERATOR left undecided"
  if [ "$PENDING_STATE" = confirmed ]; then
    journal settle done "kept $PENDING_RELEASE"
    release_keep "$PENDING_RELEASE" "$PENDING_OPERATOR"
  else
    journal settle done "back to ${PENDING_UNDO_TO:-nothing}"
    undo_files "$(pending_failed_release)" "$PENDING_UNDO_TO"
  fi
  pending_clear
}

# The release that a change which is undone shows to be bad: a rollback's target was good before.
pending_failed_release() {
  [ "$PENDING_COMMAND" != deploy ] || printf '%s\n' "$PENDING_RELEASE"
}
