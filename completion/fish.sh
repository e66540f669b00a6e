# Completion of platformctl for fish: platformctl completion fish | source
function __platformctl_words
    set -l typed (commandline -opc) (commandline -ct)
    command platformctl completion fish --words (math (count $typed) - 1) -- $typed[2..-1] 2>/dev/null
end
complete -c platformctl -a '(__platformctl_words)'
