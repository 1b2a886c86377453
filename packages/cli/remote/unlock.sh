# shellcheck shell=sh
# shellcheck disable=SC2154,SC2034 # values of the caller; variables of other parts
# Removes a lock whose holder is gone; a living holder's only with FORCE=yes.

main() {
  script_begin
  STEP=lock
  lock_judge
  # The look at an expired lock may find that its holder renews it after all.
  if [ "$LOCK_STATE" = expired ]; then lock_expired_for_good || :; fi
  if [ "$LOCK_STATE" = free ]; then
    json_new
    json_text event unlocked
    json_raw holder null
    json_send
    exit 0
  fi
  if [ "$LOCK_STATE" = held ] && [ "$FORCE" != yes ]; then lock_refuse; fi
  unlock_id=$HOLDER_ID
  if ! lock_enter_removal; then lock_refuse; fi
  lock_read_holder
  # Only the lock that was looked at.
  if [ "$HOLDER_ID" = "$unlock_id" ]; then rm -f "$ROOT/deploy/lock/holder" "$ROOT/deploy/lock/lease"; fi
  lock_leave_removal
  json_new
  json_text event unlocked
  lock_describe
  json_send
  audit '' unlocked
  exit 0
}
