# shellcheck shell=sh
# shellcheck disable=SC2034 # variables of other parts
# The agent under a supervisor of its own: no service manager is needed. Every service-*.sh defines the same functions:
#   service_start   idempotent; leaves exactly one supervisor of this root
#   service_stop    returns when agent and supervisor are gone; SERVICE_STOP_SECONDS bounds the wait
#   service_status  sets SERVICE_STATE (running, stopped), SERVICE_PID and AGENT_PID

SERVICE_KIND=detached

# The supervisor is a file of its own, so that it outlives releases; it is replaced by rename, never while it is read.
service_write_supervisor() {
  # shellcheck disable=SC2016 # expanded by the supervisor, not here
  service_supervisor_text='# Keeps the agent of one root running. Started by mlxfleet; ended by TERM.
ROOT=$1
umask 077
cd /
agent=
sleeper=
stopping=
stop() {
  stopping=yes
  [ -z "$agent" ] || kill -TERM "$agent" 2>/dev/null
  [ -z "$sleeper" ] || kill "$sleeper" 2>/dev/null
}
trap stop TERM INT
trap : HUP

say() {
  printf "%s %s\n" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$1" >>"$ROOT/logs/supervisor.log" 2>/dev/null
}

# Logs of an agent that fails for weeks must not fill the disk.
shorten() {
  [ -z "$(find "$1" -prune -size +40960 2>/dev/null)" ] || mv -f "$1" "$1.1"
}

delay=1
say "supervisor $$ started"
# A change that the last power cut interrupted is settled before an agent starts.
[ ! -f "$ROOT/deploy/guard.sh" ] || GUARD_MODE=boot /bin/sh "$ROOT/deploy/guard.sh" </dev/null >/dev/null 2>>"$ROOT/logs/supervisor.log"
while [ -z "$stopping" ]; do
  shorten "$ROOT/logs/agent.log"
  shorten "$ROOT/logs/supervisor.log"
  started=$(date +%s)
  # A young generation that may not grow keeps the memory of an agent small and level, and costs no speed.
  "$ROOT/current/runtime/node" --max-semi-space-size=4 \
    "$ROOT/current/agent/agent.mjs" serve --root "$ROOT" </dev/null >>"$ROOT/logs/agent.log" 2>&1 &
  agent=$!
  echo "$agent" >"$ROOT/run/agent.pid"
  say "agent $agent started"
  wait "$agent"
  status=$?
  while kill -0 "$agent" 2>/dev/null; do
    wait "$agent"
    status=$?
  done
  say "agent $agent ended with status $status"
  # Its id stays where it is until the next one: that is how a health gate sees that it ended.
  agent=
  # Somebody removed the root: there is nothing to keep running any more.
  if [ -n "$stopping" ] || [ ! -d "$ROOT/run" ]; then break; fi
  if [ $(($(date +%s) - started)) -ge 60 ]; then delay=1; fi
  sleep "$delay" &
  sleeper=$!
  wait "$sleeper"
  sleeper=
  delay=$((delay * 2))
  if [ "$delay" -gt 30 ]; then delay=30; fi
done
rm -f "$ROOT/run/agent.pid" "$ROOT/run/supervisor.pid"
say "supervisor $$ stopped"
'
  # What is there already needs no room on a full disk.
  [ "$(cat "$ROOT/run/supervisor.sh" 2>/dev/null)
" = "$service_supervisor_text" ] || write_file "$ROOT/run/supervisor.sh" "$service_supervisor_text"
}

# Sets SERVICE_SUPERVISORS and SERVICE_AGENTS to the ids of this root's processes, told by how their command lines begin
# or end and by their mount namespace: a container on the same machine may have the same paths.
service_find() {
  SERVICE_SUPERVISORS=
  SERVICE_AGENTS=
  service_found=$(ps -axww -o pid= -o args= 2>/dev/null | SERVICE_ROOT=$ROOT awk '
    BEGIN {
      root = ENVIRON["SERVICE_ROOT"]
      supervisor = "/bin/sh " root "/run/supervisor.sh " root
      agent = " " root "/current/agent/agent.mjs serve --root " root
    }
    {
      pid = $1
      sub(/^ *[0-9]+ +/, "")
      if (index($0, supervisor) == 1) print pid "/supervisor"
      else if (length($0) > length(agent) && substr($0, length($0) - length(agent) + 1) == agent) print pid "/agent"
    }')
  for service_one in $service_found; do
    service_pid=${service_one%/*}
    if [ -e "/proc/$service_pid/ns/mnt" ] &&
      [ "$(readlink "/proc/$service_pid/ns/mnt")" != "$(readlink /proc/self/ns/mnt)" ]; then
      continue
    fi
    case $service_one in
      */supervisor) SERVICE_SUPERVISORS="$SERVICE_SUPERVISORS $service_pid" ;;
      */agent) SERVICE_AGENTS="$SERVICE_AGENTS $service_pid" ;;
    esac
  done
}

service_status() {
  service_find
  SERVICE_PID=${SERVICE_SUPERVISORS##* }
  AGENT_PID=${SERVICE_AGENTS##* }
  SERVICE_STATE=stopped
  [ -z "$SERVICE_PID" ] || SERVICE_STATE=running
}

# Starts the supervisor in a session of its own with signals as they are by default, which no shell can do portably: the
# node that the agent needs anyway does it. Nothing of this session's environment or descriptors goes along.
SERVICE_SPAWN='
const { spawn } = require("node:child_process");
const { openSync, readFileSync, writeFileSync, renameSync } = require("node:fs");
const root = process.argv[1];
const environment = { HOME: process.env.HOME, PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", LANG: "C.UTF-8" };
for (const name of ["USER", "LOGNAME", "TMPDIR"]) if (process.env[name]) environment[name] = process.env[name];
Object.assign(environment, JSON.parse(readFileSync(root + "/shared/environment.json", "utf8")));
const log = openSync(root + "/logs/supervisor.log", "a", 0o600);
const child = spawn("/bin/sh", [root + "/run/supervisor.sh", root], {
  cwd: "/", env: environment, detached: true, stdio: ["ignore", log, log],
});
child.on("error", (error) => { console.error(error.message); process.exit(1); });
child.on("spawn", () => {
  child.unref();
  try {
    writeFileSync(root + "/run/supervisor.pid.new", child.pid + "\n", { mode: 0o600 });
    renameSync(root + "/run/supervisor.pid.new", root + "/run/supervisor.pid");
  } catch {
    // A full disk: the file is for people, the process list is what counts.
  }
});
'

# Called with the host's lock held, so that no two starts race.
service_start() {
  service_status
  [ "$SERVICE_STATE" = stopped ] || return 0
  # An agent whose supervisor was killed holds the ports.
  [ -z "$AGENT_PID" ] || service_stop
  mkdir -p "$ROOT/run" "$ROOT/logs" "$ROOT/shared" 2>/dev/null
  [ -f "$ROOT/shared/environment.json" ] || write_file "$ROOT/shared/environment.json" '{}' || return 1
  rm -f "$ROOT/run/agent.pid" "$ROOT/run/supervisor.pid"
  service_write_supervisor || return 1
  run_child "$ROOT/current/runtime/node" -e "$SERVICE_SPAWN" "$ROOT"
}

# TERM, then KILL by ids looked up again, so that a reused id is not hit. An agent is told by its supervisor, and only
# directly when that is gone: a second TERM would cut short the requests it finishes.
service_stop() {
  service_waited=0
  service_told=
  while :; do
    service_find
    if [ -z "$SERVICE_SUPERVISORS$SERVICE_AGENTS" ]; then
      rm -f "$ROOT/run/agent.pid" "$ROOT/run/supervisor.pid"
      return 0
    fi
    if [ "$service_waited" -ge "$((${SERVICE_STOP_SECONDS:-40} * 10))" ]; then break; fi
    for service_pid in ${SERVICE_SUPERVISORS:-$SERVICE_AGENTS}; do
      case " $service_told " in
        *" $service_pid "*) ;;
        *)
          kill -TERM "$service_pid" 2>/dev/null
          service_told="$service_told $service_pid"
          ;;
      esac
    done
    # An agent whose supervisor was told is told too.
    [ -z "$SERVICE_SUPERVISORS" ] || service_told="$service_told $SERVICE_AGENTS"
    sleep 0.1
    service_waited=$((service_waited + 1))
  done
  # The supervisor first, or it would start another agent.
  for service_pid in $SERVICE_SUPERVISORS $SERVICE_AGENTS; do kill -KILL "$service_pid" 2>/dev/null; done
  sleep 0.2
  service_find
  if [ -n "$SERVICE_SUPERVISORS$SERVICE_AGENTS" ]; then return 1; fi
  rm -f "$ROOT/run/agent.pid" "$ROOT/run/supervisor.pid"
}
