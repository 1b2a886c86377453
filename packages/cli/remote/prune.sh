# shellcheck shell=sh
# shellcheck disable=SC2154,SC2034 # values of the caller; variables of other parts
# Removes what nothing can need any more, or with DRY_RUN=yes says what that is, without the lock and without a change.

prune_interrupted() {
  trap : TERM INT HUP
  [ "$LOCKED" = yes ] || exit 130
  end_child
  report_failure INTERRUPTED 'interrupted; what is left can be removed later'
  audit '' interrupted
  lock_release
  exit 130
}

# Bytes of a path on the disk, as du counts them.
prune_bytes() {
  prune_blocks=$(du -sk "$ROOT/$1" 2>/dev/null) || :
  prune_blocks=${prune_blocks%%[!0-9]*}
  PRUNE_BYTES=$((${prune_blocks:-0} * 1024))
}

prune_answer() {
  json_new
  json_text event pruned
  json_text path "$1"
  json_number bytes "$PRUNE_BYTES"
  json_send
}

# Removes the paths given, each as a child of its own, so that a signal is acted on at once.
prune_paths() {
  for prune_path; do
    prune_bytes "$prune_path"
    if [ "$DRY_RUN" != yes ]; then
      run_child prune_remove "$prune_path"
      if [ -e "$ROOT/$prune_path" ] || [ -L "$ROOT/$prune_path" ]; then
        LEFT="$LEFT${LEFT:+, }$prune_path"
        continue
      fi
    fi
    prune_answer "$prune_path"
  done
}

# Whether the lock and what a command notes under it find room on the disk.
prune_has_room() {
  printf '%32768s' '' 2>/dev/null >"$ROOT/deploy/lock/candidate.$$"
  prune_room=$?
  rm -f "$ROOT/deploy/lock/candidate.$$"
  return "$prune_room"
}

# On a full disk nobody can take the lock, which is a file, and whoever has it already is left alone: so what goes anyway may
# go without it, until there is room.
prune_make_room() {
  [ -w "$ROOT/deploy/lock" ] || return 0
  for prune_room_path; do
    if prune_has_room; then return 0; fi
    lock_judge
    [ "$LOCK_STATE" != held ] || return 0
    prune_paths "$prune_room_path"
  done
}

# Calls $1 with everything that can go, one path an argument.
prune_with_candidates() {
  PRUNE_LIST=$(prune_candidates)
  set -f
  IFS=$PRUNE_NEWLINE
  # shellcheck disable=SC2086 # one path a line, whatever else is in it
  set -- "$1" $PRUNE_LIST
  unset IFS
  set +f
  "$@"
}

main() {
  script_begin
  LOCKED=
  LEFT=
  # Nothing was ever deployed here.
  [ -d "$ROOT/deploy/records" ] || exit 0
  if [ "$DRY_RUN" != yes ]; then
    trap prune_interrupted TERM INT HUP
    watch_operator
    STEP=lock
    prune_has_room || prune_with_candidates prune_make_room
    lock_take
    STEP=prune
    if : 2>/dev/null >"$ROOT/deploy/output"; then STEP_LOG=$ROOT/deploy/output; fi
    journal prune begin
  fi
  prune_with_candidates prune_paths
  if [ "$DRY_RUN" = yes ]; then exit 0; fi
  if [ -n "$LEFT" ]; then
    report_failure ROOT_NOT_WRITABLE "could not remove $LEFT"
    audit '' failed-ROOT_NOT_WRITABLE
    lock_release
    exit 1
  fi
  journal prune done
  audit '' pruned
  lock_release
  exit 0
}
