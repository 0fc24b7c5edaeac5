# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Completion for fish: vmtool itself says what a word can become, from its command tables. Where it
# offers nothing, file names fit, unless its exit status says otherwise.
function __vmtool_offers
    set -l words (commandline -opc) (commandline -ct)
    $words[1] complete-words -- $words[2..-1] 2>/dev/null
end
function __vmtool_wants_file
    set -l offers (__vmtool_offers)
    test $status -eq 0 -a (count $offers) -eq 0
end
complete -c vmtool -f -a '(__vmtool_offers)'
complete -c vmtool -n __vmtool_wants_file -F
