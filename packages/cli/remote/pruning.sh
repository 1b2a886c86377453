# shellcheck shell=sh
# shellcheck disable=SC2154 # values of the caller
# Releases, environments and programs that nothing can need any more.

# Removes what nothing can need any more. A failure here leaves only rubbish behind and fails no deploy.
prune_host() {
  prune_current=$(current_id)
  prune_previous=$(good_before "$prune_current")
  # Newest first: order of good ones, name (a time) of failed ones.
  for prune_state in good failed; do
    prune_keep=2
    [ "$prune_state" = failed ] || prune_keep=$KEEP_RELEASES
    for prune_line in $(record_ids | while read -r prune_id; do
      record_read "$prune_id"
      [ "$RECORD_STATE" = "$prune_state" ] && printf '%012d/%s\n' "$RECORD_ORDER" "$prune_id"
    done | sort -r); do
      prune_id=${prune_line#*/}
      if [ "$prune_keep" -gt 0 ]; then
        prune_keep=$((prune_keep - 1))
      elif [ "$prune_id" != "$prune_current" ] && [ "$prune_id" != "$prune_previous" ]; then
        # The record goes last: a release without one would never be looked at again.
        rm -rf "$ROOT/releases/$prune_id" "$ROOT/deploy/configs/$prune_id" && rm -f "$ROOT/deploy/records/$prune_id"
      fi
    done
  done
  # A release without a record was left by a deploy that was killed before it wrote one.
  for prune_path in "$ROOT"/releases/*; do
    [ -f "$ROOT/deploy/records/${prune_path##*/}" ] || rm -rf "$prune_path"
  done
  prune_used=" uv-$UV_VERSION python "
  for prune_path in "$ROOT"/releases/*/envs/* "$ROOT"/releases/*/runtime/node; do
    prune_target=$(readlink "$prune_path" 2>/dev/null) || continue
    prune_target=${prune_target#../../../*/}
    prune_used="$prune_used${prune_target%%/*} "
  done
  for prune_path in "$ROOT"/deploy/configs/*/environments; do
    while IFS='=' read -r prune_kind prune_target; do prune_used="$prune_used$prune_target "; done 2>/dev/null <"$prune_path"
  done
  for prune_path in "$ROOT"/envs/* "$ROOT"/runtime/*; do
    case $prune_used in
      *" ${prune_path##*/} "*) ;;
      *) [ ! -d "$prune_path" ] || rm -rf "$prune_path" ;;
    esac
  done
  # Parts of an upload that nobody went on with for a day.
  find "$ROOT/deploy/incoming" -type f -mtime +0 -exec rm -f {} + 2>/dev/null
  if [ -n "$(find "$ROOT/deploy/journal" -prune -size +2048 2>/dev/null)" ]; then
    prune_journal=$(tail -n 2000 "$ROOT/deploy/journal") && write_file "$ROOT/deploy/journal" "$prune_journal
"
  fi
}
