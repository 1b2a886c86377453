# shellcheck shell=sh
# shellcheck disable=SC2034,SC2016 # read by other parts; JavaScript is quoted
# Releases, their records and the switch between them. What a release is stands in deploy/records/<id>, never in times of
# folders. deploy/configs/<id>/ holds the configuration that the release was last good with.

current_id() {
  current_target=$(readlink "$ROOT/current" 2>/dev/null) || return 0
  printf '%s\n' "${current_target##*/}"
}

# Sets RECORD_*; fails when there is no record.
record_read() {
  RECORD_STATE=
  RECORD_VERSION=
  RECORD_CONTENT_HASH=
  RECORD_CREATED_AT=
  RECORD_DEPLOYED_AT=
  RECORD_DEPLOYED_BY=
  RECORD_ORDER=0
  RECORD_PREVIOUS=
  [ -f "$ROOT/deploy/records/$1" ] || return 1
  while IFS='=' read -r record_key record_value; do
    case $record_key in
      state) RECORD_STATE=$record_value ;;
      version) RECORD_VERSION=$record_value ;;
      content_hash) RECORD_CONTENT_HASH=$record_value ;;
      created_at) RECORD_CREATED_AT=$record_value ;;
      deployed_at) RECORD_DEPLOYED_AT=$record_value ;;
      deployed_by) RECORD_DEPLOYED_BY=$record_value ;;
      order) RECORD_ORDER=$record_value ;;
      previous) RECORD_PREVIOUS=$record_value ;;
    esac
  done <"$ROOT/deploy/records/$1"
  # Compared as a number later on.
  case $RECORD_ORDER in '' | *[!0-9]*) RECORD_ORDER=0 ;; esac
  return 0
}

# Writes what record_read has set, changed as needed.
record_write() {
  write_file "$ROOT/deploy/records/$1" "state=$RECORD_STATE
version=$RECORD_VERSION
content_hash=$RECORD_CONTENT_HASH
created_at=$RECORD_CREATED_AT
deployed_at=$RECORD_DEPLOYED_AT
deployed_by=$RECORD_DEPLOYED_BY
order=$RECORD_ORDER
previous=$RECORD_PREVIOUS
"
}

# Names of releases that have a record.
record_ids() {
  for record_path in "$ROOT"/deploy/records/*; do
    case $record_path in *.new.*) continue ;; esac
    [ -f "$record_path" ] && printf '%s\n' "${record_path##*/}"
  done
  return 0
}

is_good() {
  record_read "$1" && [ "$RECORD_STATE" = good ]
}

# Highest order among the records, so that deploys are ordered whatever the clock did.
record_last_order() {
  last_order=0
  for record_id in $(record_ids); do
    record_read "$record_id"
    [ "$RECORD_ORDER" -le "$last_order" ] || last_order=$RECORD_ORDER
  done
  printf '%s\n' "$last_order"
}

# The good release that served before the given one: the one it was deployed over, or else the latest other good one.
good_before() {
  record_read "$1" || :
  before=$RECORD_PREVIOUS
  if [ -n "$before" ] && [ "$before" != "$1" ] && is_good "$before" && [ -d "$ROOT/releases/$before" ]; then
    printf '%s\n' "$before"
    return 0
  fi
  before=
  before_order=-1
  record_read "$1" || RECORD_ORDER=0
  before_limit=$RECORD_ORDER
  for record_id in $(record_ids); do
    [ "$record_id" != "$1" ] && is_good "$record_id" && [ -d "$ROOT/releases/$record_id" ] || continue
    # A release without an order was never good: everything good came before it.
    if [ "$before_limit" -gt 0 ] && [ "$RECORD_ORDER" -gt "$before_limit" ]; then continue; fi
    if [ "$RECORD_ORDER" -gt "$before_order" ]; then
      before=$record_id
      before_order=$RECORD_ORDER
    fi
  done
  [ -z "$before" ] || printf '%s\n' "$before"
}

# The release to go back to when what comes next fails: the current one when it is good, else the good one before it.
last_good() {
  last_current=$(current_id)
  if [ -n "$last_current" ] && is_good "$last_current" && [ -d "$ROOT/releases/$last_current" ]; then
    printf '%s\n' "$last_current"
  else
    good_before "${last_current:-none}"
  fi
}

environment_complete() {
  [ -f "$1/.complete" ] && [ -x "$1/bin/python" ]
}

# Sets ENVIRONMENT_* from the file that marks an environment as complete.
environment_read() {
  ENVIRONMENT_LOCK=
  ENVIRONMENT_PYTHON=
  ENVIRONMENT_PYTHON_PATH=
  ENVIRONMENT_PREFERRED=
  while IFS='=' read -r environment_key environment_value; do
    case $environment_key in
      lock_sha256) ENVIRONMENT_LOCK=$environment_value ;;
      python) ENVIRONMENT_PYTHON=$environment_value ;;
      python_path) ENVIRONMENT_PYTHON_PATH=$environment_value ;;
      python_preferred) ENVIRONMENT_PREFERRED=$environment_value ;;
    esac
  done <"$1/.complete"
}

# Whether every file of a release is as it was made.
release_files_intact() {
  (cd "$ROOT/releases/$1" && sha256_check files.sha256) >>"$STEP_LOG" 2>&1
}

# Whether a release can serve: every file as it was made, its node, its environments. Sets INCOMPLETE to the reason.
release_check() {
  INCOMPLETE=
  release_path="$ROOT/releases/$1"
  if [ ! -f "$release_path/files.sha256" ]; then
    INCOMPLETE="$release_path is missing"
  elif ! release_files_intact "$1"; then
    INCOMPLETE="files of $release_path are missing or changed"
  elif [ ! -x "$release_path/runtime/node" ]; then
    INCOMPLETE="$release_path/runtime/node is missing"
  else
    for release_environment in "$release_path"/envs/*; do
      if [ -L "$release_environment" ] && ! environment_complete "$release_environment"; then
        INCOMPLETE="the environment $release_environment is missing or half built"
      fi
    done
  fi
  [ -z "$INCOMPLETE" ]
}

# A link beside, then a rename over the old one: there is no moment without `current`. mv would move into the folder that
# an old link points to, and its options against that are GNU's or BSD's; so the release's own node renames, which has to
# run anyway if the release is to serve.
LINK_BESIDE='
const { symlinkSync, renameSync, rmSync, openSync, fsyncSync } = require("node:fs");
const { dirname } = require("node:path");
const [target, link] = process.argv.slice(1);
rmSync(link + ".new", { force: true });
symlinkSync(target, link + ".new");
renameSync(link + ".new", link);
fsyncSync(openSync(dirname(link), "r"));
'

replace_link() {
  run_child "$1" -e "$LINK_BESIDE" "$2" "$3"
}

switch_current() {
  replace_link "$ROOT/releases/$1/runtime/node" "releases/$1" "$ROOT/current"
}

# Points a release to an environment: $1 release, $2 text or vision, $3 folder under envs.
link_environment() {
  link_path="$ROOT/releases/$1/envs/$2"
  [ "$(readlink "$link_path" 2>/dev/null)" != "../../../envs/$3" ] || return 0
  # Nothing to replace, so nothing that could be seen half done.
  if [ ! -L "$link_path" ]; then
    ln -s "../../../envs/$3" "$link_path"
    return
  fi
  replace_link "$ROOT/releases/$1/runtime/node" "../../../envs/$3" "$link_path"
}

# Puts back the configuration and the environments that a release was last good with.
config_restore() {
  for config_name in config.yaml environment.json; do
    config_kept="$ROOT/deploy/configs/$1/$config_name"
    if [ -f "$config_kept" ] && ! cmp -s "$config_kept" "$ROOT/shared/$config_name"; then
      config_new="$ROOT/shared/$config_name.new.$$"
      # On a full disk there is room for a second name of the file, if not for a second file.
      cp -p "$config_kept" "$config_new" 2>/dev/null || ln -f "$config_kept" "$config_new" || return 1
      mv -f "$config_new" "$ROOT/shared/$config_name" || return 1
    fi
  done
  [ -f "$ROOT/deploy/configs/$1/environments" ] || return 0
  while IFS='=' read -r config_kind config_environment; do
    link_environment "$1" "$config_kind" "$config_environment" || return 1
  done <"$ROOT/deploy/configs/$1/environments"
}

config_keep() {
  mkdir -p "$ROOT/deploy/configs/$1" || return 1
  for config_name in config.yaml environment.json; do
    if [ -f "$ROOT/shared/$config_name" ]; then
      cp -p "$ROOT/shared/$config_name" "$ROOT/deploy/configs/$1/$config_name.new.$$" &&
        mv -f "$ROOT/deploy/configs/$1/$config_name.new.$$" "$ROOT/deploy/configs/$1/$config_name" || return 1
    fi
  done
  config_environments=
  for config_link in "$ROOT/releases/$1"/envs/*; do
    [ -L "$config_link" ] || continue
    config_environment=$(readlink "$config_link")
    config_environments="$config_environments${config_link##*/}=${config_environment##*/}
"
  done
  write_file "$ROOT/deploy/configs/$1/environments" "$config_environments"
}

# Records that a release passed the gate, with the configuration that it passed it with. $1 release, $2 who deployed it. May
# be repeated.
release_keep() {
  config_keep "$1" || return 1
  keep_order=$(record_last_order)
  record_read "$1"
  # Already the last one: a change of its configuration alone, or a repetition.
  if [ "$RECORD_STATE" != good ] || [ "$RECORD_ORDER" != "$keep_order" ]; then RECORD_ORDER=$((keep_order + 1)); fi
  RECORD_STATE=good
  RECORD_DEPLOYED_AT=$(now_iso)
  RECORD_DEPLOYED_BY=$2
  record_write "$1"
}
