# shellcheck shell=sh
# shellcheck disable=SC2154,SC2034 # values of the caller; variables of other parts
# The lock of a host is a lease: a holder that stops renewing it loses it. deploy/lock/holder appears complete by a hard
# link, which fails when it exists; deploy/lock/lease holds the holder's id and the time of its last renewal.

LEASE_SECONDS=15
LEASE_RENEWAL_SECONDS=5

lock_read_holder() {
  HOLDER_ID=
  HOLDER_NAME=
  HOLDER_PID=
  HOLDER_BOOT=
  HOLDER_COMMAND=
  HOLDER_STARTED=
  HOLDER_OPERATOR_PID=
  HOLDER_MARK=
  HOLDER_GROUP=
  while IFS='=' read -r lock_key lock_value; do
    case $lock_key in
      id) HOLDER_ID=$lock_value ;;
      holder) HOLDER_NAME=$lock_value ;;
      pid) HOLDER_PID=$lock_value ;;
      boot) HOLDER_BOOT=$lock_value ;;
      command) HOLDER_COMMAND=$lock_value ;;
      started) HOLDER_STARTED=$lock_value ;;
      operator_pid) HOLDER_OPERATOR_PID=$lock_value ;;
      mark) HOLDER_MARK=$lock_value ;;
      group) HOLDER_GROUP=$lock_value ;;
    esac
  done 2>/dev/null <"$ROOT/deploy/lock/holder"
  [ -n "$HOLDER_ID" ]
}

# Time of the last renewal by the present holder: an older holder's lease counts for nothing.
lock_renewed() {
  LEASE_ID=
  LEASE_TIME=
  { read -r LEASE_ID LEASE_TIME <"$ROOT/deploy/lock/lease"; } 2>/dev/null
  if [ "$LEASE_ID" != "$HOLDER_ID" ] || [ -z "$LEASE_TIME" ]; then LEASE_TIME=$HOLDER_STARTED; fi
}

# Whether the holder's process is gone for certain: nothing of an earlier boot runs.
lock_holder_ended() {
  lock_boot=$(boot_id)
  if [ "$lock_boot" = unknown ] || [ "$HOLDER_BOOT" = unknown ]; then return 1; fi
  [ "$HOLDER_BOOT" = "$lock_boot" ] || return 0
  if [ -n "$HOLDER_MARK" ]; then
    ! process_is "$HOLDER_PID" "$HOLDER_MARK"
  else
    ! kill -0 "$HOLDER_PID" 2>/dev/null
  fi
}

# Sets LOCK_STATE to free, held, dead (its process is gone) or expired (no renewal for the length of a lease).
lock_judge() {
  LOCK_STATE=free
  if ! lock_read_holder 2>/dev/null; then
    # It appears complete, by a link: one without an id was emptied by a power cut. A second look, or it is a newer one.
    if ! [ -r "$ROOT/deploy/lock/holder" ] || lock_read_holder 2>/dev/null || ! [ -r "$ROOT/deploy/lock/holder" ]; then
      return 0
    fi
    HOLDER_NAME=nobody
    HOLDER_COMMAND='an empty file'
    LOCK_STATE=dead
    return 0
  fi
  if lock_holder_ended; then
    LOCK_STATE=dead
    return 0
  fi
  lock_renewed
  lock_age=$(($(now_seconds) - ${LEASE_TIME:-0}))
  # A lease from the future means that the clock was set back; it is as good as an old one.
  if [ "$lock_age" -ge "$LEASE_SECONDS" ] || [ "$lock_age" -le "-$LEASE_SECONDS" ]; then
    LOCK_STATE=expired
  else
    LOCK_STATE=held
  fi
}

# After the clock was stepped or the machine slept, a living holder looks expired until its next renewal: wait for that.
lock_expired_for_good() {
  lock_seen=$LEASE_TIME
  lock_looks=0
  while [ "$lock_looks" -lt 6 ]; do
    sleep 1
    lock_looks=$((lock_looks + 1))
    lock_judge
    [ "$LOCK_STATE" = expired ] || return 1
    [ "$LEASE_TIME" = "$lock_seen" ] || return 1
  done
}

lock_is_mine() {
  lock_read_holder 2>/dev/null && [ "$HOLDER_ID" = "$CHANGE_ID" ]
}

lock_renew() {
  write_file "$ROOT/deploy/lock/lease" "$CHANGE_ID $(now_seconds)
"
}

# One at a time may remove a lock: deploy/lock/removal is a link that names the remover's process, so that one that died is
# told from one that is slow.
lock_enter_removal() {
  lock_tries=0
  until ln -s "$$ $(process_mark "$$")" "$ROOT/deploy/lock/removal" 2>/dev/null; do
    lock_remover=$(readlink "$ROOT/deploy/lock/removal" 2>/dev/null)
    if [ -n "$lock_remover" ] && ! process_is "${lock_remover%% *}" "${lock_remover#* }"; then
      rm -f "$ROOT/deploy/lock/removal"
    fi
    lock_tries=$((lock_tries + 1))
    [ "$lock_tries" -lt 100 ] || return 1
    sleep 0.1
  done
}

lock_leave_removal() {
  rm -f "$ROOT/deploy/lock/removal"
}

# What a holder that was killed has left: programs that still write where the next command is about to, and pipes of gates.
lock_clear_up() {
  [ "$HOLDER_BOOT" != "$(boot_id)" ] || end_group "$HOLDER_GROUP"
  rm -f "$ROOT"/run/gate.*
}

lock_take_over() {
  lock_enter_removal || return 0
  lock_judge
  case $LOCK_STATE in
    dead | expired)
      lock_clear_up
      notice "took over the lock of $HOLDER_NAME ($HOLDER_COMMAND), which ended without releasing it"
      rm -f "$ROOT"/deploy/lock/*."${HOLDER_ID:-none}" "$ROOT/deploy/lock/holder" "$ROOT/deploy/lock/lease"
      ;;
  esac
  lock_leave_removal
}

lock_describe() {
  json_text id "$HOLDER_ID"
  json_text holder "$HOLDER_NAME"
  json_text command "$HOLDER_COMMAND"
  json_number pid "$HOLDER_PID"
  json_number operatorPid "$HOLDER_OPERATOR_PID"
  json_number ageSeconds "$(($(now_seconds) - ${HOLDER_STARTED:-0}))"
  json_text state "$LOCK_STATE"
}

lock_refuse() {
  json_new
  json_text event failed
  json_text step lock
  json_text code LOCK_HELD
  json_text message "locked by $HOLDER_NAME: $HOLDER_COMMAND, since $(($(now_seconds) - ${HOLDER_STARTED:-0})) s"
  json_raw freeBytes null
  json_text output ''
  json_send
  exit 3
}

# Takes the lock or ends the script with exit code 3. The caller has set its signal handlers before.
lock_take() {
  if ! mkdir -p "$ROOT/deploy/lock" "$ROOT/deploy/records" 2>/dev/null; then
    report_failure ROOT_NOT_WRITABLE "cannot write to $ROOT"
    exit 1
  fi
  lock_candidate="$ROOT/deploy/lock/candidate.$$"
  lock_waited=0
  lock_refusals=0
  while :; do
    lock_text="id=$CHANGE_ID
holder=$OPERATOR
pid=$$
boot=$(boot_id)
command=$COMMAND
started=$(now_seconds)
operator_pid=$OPERATOR_PID
mark=$(process_mark "$$")
group=$(process_group)
"
    if ! printf '%s' "$lock_text" 2>/dev/null >"$lock_candidate"; then
      rm -f "$lock_candidate"
      report_failure ROOT_NOT_WRITABLE "cannot write to $ROOT"
      exit 1
    fi
    if ln "$lock_candidate" "$ROOT/deploy/lock/holder" 2>/dev/null; then
      LOCKED=yes
      rm -f "$lock_candidate"
      lock_renew
      lock_keep &
      RENEWER=$!
      return 0
    fi
    lock_judge
    case $LOCK_STATE in
      free)
        # Released a moment ago; or `ln` cannot work here, as on exFAT and some network shares.
        lock_refusals=$((lock_refusals + 1))
        if [ "$lock_refusals" -ge 5 ]; then
          rm -f "$lock_candidate"
          report_failure ROOT_NOT_WRITABLE \
            "cannot make the lock $ROOT/deploy/lock/holder: the filesystem has to allow hard links"
          exit 1
        fi
        sleep 0.2
        ;;
      dead) lock_take_over ;;
      expired) if lock_expired_for_good; then lock_take_over; fi ;;
      held)
        lock_refusals=0
        # A command that a hook of the holder runs: the holder waits for it, and would be waited for.
        if [ "$lock_waited" -ge "$WAIT_LOCK" ] || [ "$HOLDER_ID" = "${PARENT_CHANGE:-none}" ]; then
          rm -f "$lock_candidate"
          lock_refuse
        fi
        [ "$lock_waited" -gt 0 ] || notice "waiting for the lock of $HOLDER_NAME ($HOLDER_COMMAND)"
        sleep 1
        lock_waited=$((lock_waited + 1))
        ;;
    esac
  done
}

# Runs in the background beside the script and ends with it, however the script ends: of one that was killed it ends what
# is left running, and gives the lock back. What is pending then is the guard's.
lock_keep() {
  trap 'kill "$lock_sleeper" 2>/dev/null; exit 0' TERM
  exec </dev/null >/dev/null 2>&1
  lock_script=$(process_mark "$$")
  lock_beat=0
  while lock_is_mine; do
    if ! process_is "$$" "$lock_script"; then
      lock_clear_up
      lock_give_back
      return
    fi
    [ "$lock_beat" -gt 0 ] || lock_renew
    lock_beat=$(((lock_beat + 1) % LEASE_RENEWAL_SECONDS))
    sleep 1 &
    lock_sleeper=$!
    wait "$lock_sleeper"
  done
}

lock_release() {
  [ "${LOCKED:-}" = yes ] || return 0
  # The work is done: a signal would only leave the lock half removed.
  trap : TERM INT HUP
  LOCKED=
  [ -z "$RENEWER" ] || kill "$RENEWER" 2>/dev/null
  lock_give_back
}

lock_give_back() {
  rm -f "$ROOT"/deploy/lock/*."$CHANGE_ID"
  lock_enter_removal || return 0
  if lock_is_mine; then rm -f "$ROOT/deploy/lock/holder" "$ROOT/deploy/lock/lease"; fi
  lock_leave_removal
}
