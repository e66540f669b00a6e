#compdef platformctl
# Completion of platformctl for zsh: source <(platformctl completion zsh), after compinit
_platformctl() {
  local -a found
  found=("${(@f)$(command platformctl completion zsh --words $((CURRENT - 1)) -- "${(@)words[2,-1]}" 2>/dev/null)}")
  if [[ -n "${found[1]}" ]]; then compadd -- "${found[@]}"; else _files; fi
}
compdef _platformctl platformctl
