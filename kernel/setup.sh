#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Installs what `npm run test:kernel` needs from Debian 12: the kernel's
# source, what builds it, an emulator, and a static busybox for the guest.
# Run as root (or through sudo). Nothing else on the machine is changed.
#
#   kernel/setup.sh            installs what is missing
#   kernel/setup.sh --check    prints what is missing; fails if anything is
set -eu

missing=
for package in linux-source-6.1 xz-utils build-essential flex bison bc libelf-dev libssl-dev kmod cpio patch perl \
	qemu-system-x86 seabios busybox-static; do
	dpkg-query -W -f='${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' || missing="$missing $package"
done

if [ "${1:-}" = --check ]; then
	[ -z "$missing" ] || echo "${missing# }"
	[ -z "$missing" ]
	exit
fi
[ -n "$missing" ] || exit 0
# shellcheck disable=SC2086 # one word a package
DEBIAN_FRONTEND=noninteractive exec apt-get install -q -y --no-install-recommends $missing
