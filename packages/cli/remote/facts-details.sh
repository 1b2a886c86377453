# shellcheck shell=sh
# shellcheck disable=SC2154,SC2016 # values of the caller; JavaScript is quoted
# What a dry run compares a plan with: the contents of what is there, and what keeps it there. Only a dry run asks.

# Of shared/environment.json the names, each with a hash of its value: the values never leave the host.
DETAILS_VARIABLES='
const { createHash } = require("node:crypto");
const { readFileSync } = require("node:fs");
const hash = (value) => createHash("sha256").update(String(value)).digest("hex");
const variables = Object.entries(JSON.parse(readFileSync(process.argv[1], "utf8")));
console.log(JSON.stringify(Object.fromEntries(variables.map(([name, value]) => [name, hash(value)]))));
'

details_content() {
  details_files=
  [ ! -f "$ROOT/current/files.sha256" ] || details_files=$(cat "$ROOT/current/files.sha256")
  details_config=
  [ ! -f "$ROOT/shared/config.yaml" ] || details_config=$(cat "$ROOT/shared/config.yaml")
  details_variables=null
  if [ -f "$ROOT/shared/environment.json" ] && [ -x "$ROOT/current/runtime/node" ]; then
    details_variables=$("$ROOT/current/runtime/node" -e "$DETAILS_VARIABLES" "$ROOT/shared/environment.json" \
      2>/dev/null </dev/null) || details_variables=null
  fi
  fact_new content
  json_text_or_null files "$details_files"
  json_text_or_null config "$details_config"
  json_raw variables "$details_variables"
  json_send
}

# The packages of each lock of the current release, `name==version` a line, without their hashes.
details_packages() {
  for details_lock in "$ROOT"/current/locks/*.txt; do
    [ -f "$details_lock" ] || continue
    fact_new packages
    details_name=${details_lock##*/}
    json_text lock "${details_name%.txt}"
    json_text names "$(sed -n 's/^\([A-Za-z0-9][A-Za-z0-9._-]*==[^ ;\\]*\).*/\1/p' "$details_lock")"
    json_send
  done
}

# What a release leads to or was last good with, as prune_used (pruning.sh) reads it. $1 id.
details_uses() {
  for details_link in "$ROOT/releases/$1"/envs/* "$ROOT/releases/$1/runtime/node"; do
    details_target=$(readlink "$details_link" 2>/dev/null) || continue
    details_target=${details_target#"$ROOT"/}
    details_target=${details_target#../../../}
    details_inside=${details_target#*/}
    printf '%s/%s\n' "${details_target%%/*}" "${details_inside%%/*}"
  done
  [ -f "$ROOT/deploy/configs/$1/environments" ] || return 0
  while IFS='=' read -r details_kind details_target; do
    printf 'envs/%s\n' "$details_target"
  done <"$ROOT/deploy/configs/$1/environments"
}

details_holdings() {
  for details_path in "$ROOT"/releases/* "$ROOT"/deploy/records/* "$ROOT"/deploy/configs/*; do
    printf '%s\n' "${details_path##*/}"
  done | sort -u | while IFS= read -r details_id; do
    details_folder=
    for details_path in "releases/$details_id" "deploy/configs/$details_id" "deploy/records/$details_id"; do
      [ -n "$details_folder" ] || [ ! -e "$ROOT/$details_path" ] || details_folder=$details_path
    done
    [ -n "$details_folder" ] || continue
    record_read "$details_id"
    fact_new holding
    json_text id "$details_id"
    json_text path "$details_folder"
    json_flag recorded [ -f "$ROOT/deploy/records/$details_id" ]
    json_text_or_null previous "$RECORD_PREVIOUS"
    json_text uses "$(details_uses "$details_id")"
    json_send
  done
  for details_path in "$ROOT"/envs/* "$ROOT"/runtime/*; do
    [ -d "$details_path" ] || continue
    fact_new folder
    json_text path "${details_path#"$ROOT"/}"
    json_send
  done
}

facts_details() {
  details_content
  details_packages
  details_holdings
}
