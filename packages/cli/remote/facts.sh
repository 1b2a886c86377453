# shellcheck shell=sh
# shellcheck disable=SC2154,SC2034 # values of the caller; fields that are read past
# What a host is and has, changing nothing. FACTS lists the parts that are wanted.

wants() {
  case " $FACTS " in *" $1 "*) return 0 ;; *) return 1 ;; esac
}

fact_new() {
  json_new
  json_text fact "$1"
}

facts_system() {
  system_os=$(uname -s)
  system_arch=$(uname -m)
  system_cpu=
  system_model=
  system_ram=
  system_version=
  case $system_os in
    Darwin)
      # Under Rosetta uname tells x86_64.
      [ "$(sysctl -n hw.optional.arm64 2>/dev/null)" != 1 ] || system_arch=arm64
      system_cpu=$(sysctl -n machdep.cpu.brand_string 2>/dev/null)
      system_model=$(sysctl -n hw.model 2>/dev/null)
      system_ram=$(sysctl -n hw.memsize 2>/dev/null)
      system_version="macOS $(sw_vers -productVersion 2>/dev/null)"
      ;;
    *)
      while IFS=': 	' read -r system_key system_value system_unit; do
        case $system_key in MemTotal) system_ram=$((system_value * 1024)) && break ;; esac
      done </proc/meminfo
      while IFS=: read -r system_key system_value; do
        case $system_key in 'model name'*) system_cpu=${system_value# } && break ;; esac
      done </proc/cpuinfo
      while IFS='=' read -r system_key system_value; do
        case $system_key in PRETTY_NAME) system_version=$system_value && break ;; esac
      done 2>/dev/null </etc/os-release
      system_version=${system_version#\"}
      system_version=${system_version%\"}
      ;;
  esac
  fact_new system
  json_text os "$system_os"
  json_text arch "$system_arch"
  json_text_or_null cpu "$system_cpu"
  json_text_or_null model "$system_model"
  json_number ramBytes "$system_ram"
  json_text_or_null osVersion "$system_version"
  json_text root "$ROOT"
  json_flag rootExists [ -d "$ROOT" ]
  json_number freeBytes "$(free_bytes "$ROOT")"
  json_send
}

# An environment that was built under the same preference has the answer, which saves starting interpreters.
python_of_environment() {
  environment_complete "$ROOT/current/envs/text" || return 1
  environment_read "$ROOT/current/envs/text"
  [ "$ENVIRONMENT_PREFERRED" = "$PYTHON_PREFERRED" ] && [ -x "$ENVIRONMENT_PYTHON_PATH" ] || return 1
  fact_new python
  json_text path "$ENVIRONMENT_PYTHON_PATH"
  json_text version "$ENVIRONMENT_PYTHON"
  json_send
}

# The first Python that fits, the preferred version before newer before older. It is run: a shim may stand for nothing.
# Its own path is asked for, since a link or a shim may change under an environment.
facts_python() {
  if [ "$PYTHON_PROBE" != always ] && python_of_environment; then return 0; fi
  python_seen=
  for python_version in "$PYTHON_PREFERRED" $PYTHON_VERSIONS; do
    case " $python_seen " in *" $python_version "*) continue ;; esac
    python_seen="$python_seen $python_version"
    for python_name in "python$python_version" python3; do
      for python_folder in $(printf '%s' "$PATH" | tr ':' ' ') /opt/homebrew/bin /usr/local/bin; do
        [ -x "$python_folder/$python_name" ] || continue
        python_found=$("$python_folder/$python_name" -c '
import ctypes, sys, sysconfig
print("%d.%d" % sys.version_info[:2], getattr(sys, "_base_executable", sys.executable))' 2>/dev/null </dev/null) || continue
        [ "${python_found%% *}" = "$python_version" ] || continue
        fact_new python
        json_text path "${python_found#* }"
        json_text version "$python_version"
        json_send
        return 0
      done
    done
  done
}

facts_releases() {
  releases_current=$(current_id)
  for releases_id in $(record_ids); do
    record_read "$releases_id"
    fact_new release
    json_text id "$releases_id"
    json_text state "$RECORD_STATE"
    json_text_or_null version "$RECORD_VERSION"
    json_text_or_null contentHash "$RECORD_CONTENT_HASH"
    json_text_or_null createdAt "$RECORD_CREATED_AT"
    json_text_or_null deployedAt "$RECORD_DEPLOYED_AT"
    json_text_or_null deployedBy "$RECORD_DEPLOYED_BY"
    json_number order "$RECORD_ORDER"
    json_flag current [ "$releases_id" = "$releases_current" ]
    json_flag present [ -d "$ROOT/releases/$releases_id" ]
    # Checked only where the operator may choose it.
    if [ -n "$CONTENT_HASH" ] && [ "$RECORD_CONTENT_HASH" = "$CONTENT_HASH" ]; then
      json_flag intact release_files_intact "$releases_id"
    else
      json_raw intact null
    fi
    json_send
  done
}

facts_current() {
  current=$(current_id)
  [ -n "$current" ] || return 0
  record_read "$current" || :
  fact_new current
  json_text id "$current"
  json_text_or_null version "$RECORD_VERSION"
  json_text_or_null contentHash "$RECORD_CONTENT_HASH"
  json_text_or_null state "$RECORD_STATE"
  for current_kind in text vision; do
    current_environment=$(readlink "$ROOT/current/envs/$current_kind" 2>/dev/null)
    json_text_or_null "${current_kind}Environment" "${current_environment##*/}"
  done
  json_send
}

facts_stock() {
  for stock_path in "$ROOT"/envs/*; do
    environment_complete "$stock_path" || continue
    environment_read "$stock_path"
    fact_new environment
    json_text name "${stock_path##*/}"
    json_text lockSha256 "$ENVIRONMENT_LOCK"
    json_text python "$ENVIRONMENT_PYTHON"
    json_send
  done
  for stock_path in "$ROOT"/runtime/*; do
    [ -f "$stock_path/.complete" ] || continue
    fact_new runtime
    json_text name "${stock_path##*/}"
    json_send
  done
  for stock_path in "$ROOT"/deploy/incoming/*; do
    [ -f "$stock_path" ] || continue
    stock_size=$(wc -c <"$stock_path")
    fact_new incoming
    json_text name "${stock_path##*/}"
    json_number bytes "$((stock_size))"
    json_send
  done
  fact_new configuration
  for stock_name in config environment; do
    stock_file=config.yaml
    [ "$stock_name" = config ] || stock_file=environment.json
    stock_hash=
    [ ! -f "$ROOT/shared/$stock_file" ] || stock_hash=$(sha256_of "$ROOT/shared/$stock_file")
    json_text_or_null "${stock_name}Sha256" "$stock_hash"
  done
  json_send
}

facts_lock() {
  lock_judge
  [ "$LOCK_STATE" != free ] || return 0
  fact_new lock
  lock_describe
  json_send
}

facts_service() {
  service_status
  fact_new service
  json_text kind "$SERVICE_KIND"
  json_text state "$SERVICE_STATE"
  json_number supervisorPid "$SERVICE_PID"
  json_number agentPid "$AGENT_PID"
  service_elapsed=
  [ -z "$AGENT_PID" ] || service_elapsed=$(ps -o etime= -p "$AGENT_PID" 2>/dev/null | tr -d ' ')
  json_text_or_null agentElapsed "$service_elapsed"
  json_send
}

# How long an agent may take to say how it is, in seconds.
ADMIN_SECONDS=2

# Asks the agent at its socket: with curl, which every Mac has and which is there sooner than a Node; else with the
# release's own program.
admin_ask() {
  if command -v curl >/dev/null 2>&1; then
    curl -qsf --noproxy "*" --max-time "$ADMIN_SECONDS" --unix-socket "$ROOT/run/admin.sock" http://localhost/admin/status \
      2>/dev/null </dev/null
  else
    "$ROOT/current/runtime/node" "$ROOT/current/agent/control.mjs" status --root "$ROOT" 2>/dev/null </dev/null
  fi
}

# The agent's own word.
facts_admin() {
  [ -x "$ROOT/current/runtime/node" ] && [ -S "$ROOT/run/admin.sock" ] || return 0
  admin_status=$(admin_ask) || return 0
  fact_new admin
  json_text status "$admin_status"
  json_send
}

main() {
  script_begin
  for facts_part in system python releases current stock lock service admin details; do
    if wants "$facts_part"; then "facts_$facts_part"; fi
  done
  exit 0
}
