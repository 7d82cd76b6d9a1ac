# SPDX-License-Identifier: Apache-2.0
# The sources of the codec, one list for binding.gyp and for the Makefile (one file a line, single quotes).
{
  'sources': [
    'batch_filler.cc',
    'crc32c.cc',
    'descriptor_io.cc',
    'error.cc',
    'frame_codec.cc',
    'image_parser.cc',
    'image_reader.cc',
    'image_rules_v1.cc',
    'image_rules_v2.cc',
    'image_writer.cc',
    'output_chunk.cc',
    'pack_builder.cc',
    'pack_file.cc',
    'page_hasher.cc',
    'page_index.cc',
    'pages_event.cc',
    'sha256.cc',
    'sha256_pairs.cc',
    'stream_events.cc',
    'stream_packer.cc',
    'tag_table.cc',
    'worker_pool.cc',
  ],
}
