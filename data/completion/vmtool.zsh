#compdef vmtool
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Completion for zsh: vmtool itself says what a word can become, from its command tables. Where it
# offers nothing, file names fit, unless its exit status says otherwise.
_vmtool () {
  local text
  text=$("${words[1]}" complete-words -- "${(@)words[2,CURRENT]}" 2>/dev/null) || return 1
  if [[ -n $text ]]; then
    compadd -- "${(@f)text}"
  else
    _files
  fi
}
_vmtool "$@"
