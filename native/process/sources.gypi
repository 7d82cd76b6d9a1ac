# SPDX-License-Identifier: Apache-2.0
# The sources of ckpt-process, one list for binding.gyp and for the Makefile (one file a line, single quotes).
{
  'sources': [
    'main.cc',
    'check.cc',
    'checkpoint.cc',
    'survey.cc',
    'mappings.cc',
    'open_files.cc',
    'capture_proc.cc',
    'capture_thread.cc',
    'capture_calls.cc',
    'image_v1.cc',
    'image_v2.cc',
    'page_contents.cc',
    'elf_file.cc',
    'status.cc',
    'procfs.cc',
    'pagemap.cc',
    'remote.cc',
    '../codec/crc32c.cc',
    '../codec/record_writer.cc',
  ],
}
