#!/bin/sh
# After the package is removed. The user stays: files may belong to it.
set -e
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
fi
