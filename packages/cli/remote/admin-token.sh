# shellcheck shell=sh
# shellcheck disable=SC2154 # values of the caller
# The token that stands in for an API key; null where there is none to be read.

main() {
  script_begin
  token=$(cat "$ROOT/shared/admin-token" 2>/dev/null) || token=
  json_new
  json_text_or_null token "$token"
  json_send
  exit 0
}
