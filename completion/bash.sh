# Completion of platformctl for bash: source <(platformctl completion bash)
_platformctl() {
  local IFS=$'\n'
  COMPREPLY=($(command platformctl completion bash --words "$COMP_CWORD" -- "${COMP_WORDS[@]:1}" 2>/dev/null))
}
complete -o default -F _platformctl platformctl
