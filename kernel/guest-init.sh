#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
# First process of the test guest: mounts what is needed, runs what ckpt.run= asks for, switches off.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
mount -t debugfs debug /sys/kernel/debug 2>/dev/null
mount -t tmpfs tmp /tmp
mkswap /dev/ram0 >/dev/null 2>&1 && swapon /dev/ram0
hostname ckpt-guest
for word in $(cat /proc/cmdline); do
	case $word in ckpt.run=*) run=${word#ckpt.run=} ;; esac
done
echo "# $(uname -r), $(nproc) processors, clock $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
# words are separated by commas on the kernel's command line
/bin/$(echo "${run:-ktest}" | tr , ' ')
echo "# exit status $?"
sync
poweroff -f
