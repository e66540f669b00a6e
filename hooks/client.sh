#!/bin/sh
# platformstate hook 1: `platformctl hooks uninstall` restores what was here before.
PC=@PLATFORMCTL@; [ -x "$PC" ] || PC=$(command -v platformctl) || PC=
[ -z "$PLATFORMSTATE_HOOK_PROBE" ] || exec "${PC:-platformctl}" hooks run "${0##*/}"
old="$0.pre-platformstate" name=${0##*/} name=${name%%.*} changed='git diff --quiet --no-ext-diff'
case "$name" in pre-push) in=$(cat; printf x) in=${in%x} ;; *) in= ;; esac
if [ -x "$old" ]; then printf %s "$in" | "$old" "$@" || exit $?; fi
case "$name" in
pre-commit|pre-merge-commit) $changed --cached -- state .gitattributes && exit 0 ;;
post-merge) $changed ORIG_HEAD HEAD -- state .gitattributes 2>/dev/null && exit 0 ;;
esac
[ -n "$PC" ] || { echo "platformstate: platformctl not found, state NOT validated" >&2; exit 0; }
printf %s "$in" | "$PC" hooks run "$name" "$@"
