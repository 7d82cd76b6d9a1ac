#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Installs what `npm run test:kernel` needs from Debian 12: the kernel's
# source, what builds it, an emulator, and a static busybox for the guest.
# Run as root (or through sudo). Nothing else on the machine is changed.
set -eu

exec apt-get install -y --no-install-recommends \
	linux-source-6.1 xz-utils \
	build-essential flex bison bc libelf-dev libssl-dev kmod cpio patch perl \
	qemu-system-x86 seabios busybox-static
