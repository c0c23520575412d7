#!/bin/sh
# After the package is installed or upgraded. The service is neither enabled nor started: it needs
# brokers first.
set -e
if command -v systemd-sysusers > /dev/null; then
	systemd-sysusers pageheat.conf
elif ! id pageheat > /dev/null 2>&1; then
	useradd --system --user-group --home-dir /var/cache/pageheat --shell /usr/sbin/nologin pageheat
fi
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	# After an upgrade.
	systemctl try-restart pageheat.service
fi
