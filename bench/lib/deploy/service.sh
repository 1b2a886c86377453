#!/bin/sh
# The service of a host that another tool deploys to. `check` answers with 0 when the agent does; `restart` returns when
# the agent of the current release serves, and fails when it does not within a minute.
set -u
umask 077
root=${0%/*}
control() {
  "$root/current/runtime/node" "$root/current/agent/control.mjs" "$@" --root "$root" >/dev/null
}

case $1 in
  check)
    control status
    ;;
  restart)
    if [ -f "$root/run/agent.pid" ]; then
      read -r agent <"$root/run/agent.pid"
      kill "$agent" 2>/dev/null
      while kill -0 "$agent" 2>/dev/null; do sleep 0.05; done
    fi
    setsid "$root/current/runtime/node" --max-semi-space-size=4 "$root/current/agent/agent.mjs" serve --root "$root" \
      </dev/null >>"$root/logs/agent.log" 2>&1 &
    echo $! >"$root/run/agent.pid"
    release=$(readlink "$root/current")
    control gate --release "${release##*/}" --timeout 60
    ;;
esac
