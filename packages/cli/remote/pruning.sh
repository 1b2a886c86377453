# shellcheck shell=sh
# shellcheck disable=SC2154 # values of the caller
# Releases, environments and programs that nothing can need any more.

# Failed releases are kept for a look at what went wrong: that many of the last ones.
PRUNE_KEEP_FAILED=2

PRUNE_NEWLINE='
'

# Whether a line is among those of $1. $2 the line.
prune_among() {
  case "$PRUNE_NEWLINE$1$PRUNE_NEWLINE" in
    *"$PRUNE_NEWLINE$2$PRUNE_NEWLINE"*) return 0 ;;
    *) return 1 ;;
  esac
}

# Releases that stay whatever their record says: the current one, the one to go back to, and those of a change that is not
# decided yet.
prune_fixed() {
  prune_current=$(current_id)
  printf '%s\n' "$prune_current"
  good_before "${prune_current:-none}"
  if pending_read; then printf '%s\n' "$PENDING_RELEASE" "$PENDING_UNDO_TO"; fi
}

# Releases of a state beyond the last ones. $1 state, $2 how many stay. Newest first: by the order of good ones, by the name
# (a time) of others.
prune_beyond() {
  prune_left=$2
  record_ids | while IFS= read -r prune_id; do
    record_read "$prune_id"
    if [ "$RECORD_STATE" = "$1" ]; then printf '%012d/%s\n' "$RECORD_ORDER" "$prune_id"; fi
  done | sort -r | while IFS= read -r prune_line; do
    if [ "$prune_left" -gt 0 ]; then prune_left=$((prune_left - 1)); else printf '%s\n' "${prune_line#*/}"; fi
  done
}

# Ids of the releases that go. One without a record was left by a deploy that was killed before it wrote one.
prune_releases() {
  prune_stay=$(prune_fixed)
  {
    prune_beyond good "$KEEP_RELEASES"
    prune_beyond failed "$PRUNE_KEEP_FAILED"
    if [ "${PRUNE_STAGED:-no}" = yes ]; then prune_beyond staged 0; fi
    for prune_path in "$ROOT"/releases/*; do
      prune_id=${prune_path##*/}
      if [ ! -f "$ROOT/deploy/records/$prune_id" ]; then printf '%s\n' "$prune_id"; fi
    done
  } | while IFS= read -r prune_id; do
    prune_among "$prune_stay" "$prune_id" || printf '%s\n' "$prune_id"
  done
}

# Environments and programs, as `envs/…` and `runtime/…`, that a release leads to or was last good with. $1 the releases that
# go.
prune_used() {
  printf '%s\n' "runtime/uv-$UV_VERSION" runtime/python
  for prune_link in "$ROOT"/releases/*/envs/* "$ROOT"/releases/*/runtime/node; do
    prune_id=${prune_link#"$ROOT"/releases/}
    if prune_among "$1" "${prune_id%%/*}"; then continue; fi
    prune_target=$(readlink "$prune_link" 2>/dev/null) || continue
    prune_target=${prune_target#"$ROOT"/}
    prune_target=${prune_target#../../../}
    prune_inside=${prune_target#*/}
    printf '%s/%s\n' "${prune_target%%/*}" "${prune_inside%%/*}"
  done
  for prune_path in "$ROOT"/deploy/configs/*/environments; do
    prune_id=${prune_path#"$ROOT"/deploy/configs/}
    if [ ! -f "$prune_path" ] || prune_among "$1" "${prune_id%%/*}"; then continue; fi
    while IFS='=' read -r prune_kind prune_target; do printf 'envs/%s\n' "$prune_target"; done <"$prune_path"
  done
}

# Everything that can go, one path under ROOT a line. Reads only. What makes a path look complete comes after what it needs:
# a release without its record would never be looked at again.
prune_candidates() {
  prune_going=$(prune_releases)
  printf '%s\n' "$prune_going" | while IFS= read -r prune_id; do
    [ -n "$prune_id" ] || continue
    for prune_path in "releases/$prune_id" "deploy/configs/$prune_id" "deploy/records/$prune_id"; do
      if [ -e "$ROOT/$prune_path" ] || [ -L "$ROOT/$prune_path" ]; then printf '%s\n' "$prune_path"; fi
    done
  done
  prune_needed=$(prune_used "$prune_going")
  for prune_path in "$ROOT"/envs/* "$ROOT"/runtime/*; do
    prune_path=${prune_path#"$ROOT"/}
    if [ -d "$ROOT/$prune_path" ] && ! prune_among "$prune_needed" "$prune_path"; then printf '%s\n' "$prune_path"; fi
  done
  # Parts of an upload that nobody went on with for a day.
  (cd "$ROOT" && find deploy/incoming -type f -mtime +0) 2>/dev/null
}

# Removes one candidate. An environment or a program is incomplete from the first moment, should this be cut off.
prune_remove() {
  rm -f "$ROOT/$1/.complete" 2>/dev/null
  rm -rf "${ROOT:?}/$1"
}

# After a deploy. A failure here leaves only rubbish behind and fails no deploy.
prune_host() {
  prune_candidates | while IFS= read -r prune_path; do prune_remove "$prune_path"; done
  if [ -n "$(find "$ROOT/deploy/journal" -prune -size +2048 2>/dev/null)" ]; then
    prune_journal=$(tail -n 2000 "$ROOT/deploy/journal") && write_file "$ROOT/deploy/journal" "$prune_journal
"
  fi
}
