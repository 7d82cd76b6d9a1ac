# SPDX-License-Identifier: Apache-2.0
# The sources of ckpt-process, one list for binding.gyp and for the Makefile (one file a line, single quotes).
{
  'sources': [
    'main.cc',
    'check.cc',
    'status.cc',
    'procfs.cc',
    'pagemap.cc',
    'remote.cc',
    '../codec/crc32c.cc',
  ],
}
