#!/bin/sh
# Before the package is removed, not before it is upgraded: deb passes a word, rpm a number.
set -e
case "$1" in
remove | 0)
	if [ -d /run/systemd/system ]; then
		systemctl disable --now pageheat.service
	fi
	;;
esac
