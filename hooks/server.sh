#!/bin/sh
# platformstate hook 1: `platformctl hooks uninstall` restores what was here before.
PC=@PLATFORMCTL@; [ -x "$PC" ] || PC=$(command -v platformctl) || PC=
old="$0.pre-platformstate" in=$(cat; printf x) in=${in%x}
if [ -x "$old" ]; then printf %s "$in" | "$old" "$@" || exit $?; fi
[ -n "$PC" ] || { echo "platformstate: platformctl not found, so the push is refused" >&2; exit 1; }
printf %s "$in" | "$PC" hooks run pre-receive "$@"
