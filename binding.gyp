# SPDX-License-Identifier: Apache-2.0
#
# The native parts: the codec as an addon (build/Release/ckpt_codec.node) and the program that checkpoints and restarts
# processes (build/Release/ckpt-process). Built by scripts/native.mjs. zstd is the library whose sources zstd-napi brings.
{
  'variables': {
    'zstd_napi%': "<!(node -p \"require('path').relative('.', require('path').dirname(require.resolve('zstd-napi/package.json')))\")",
  },
  'target_defaults': {
    'include_dirs': ['native', 'format/generated', 'kernel/include'],
    'cflags': ['-Wall', '-Wextra'],
    'cflags!': ['-O3'],
    'cflags_cc': ['-std=c++17', '-O2'],
    'cflags_cc!': ['-fno-exceptions', '-fno-rtti', '-O3', '-std=gnu++17', '-std=gnu++20', '-std=c++20'],
  },
  'targets': [
    {
      'target_name': 'ckpt_codec',
      'includes': ['native/codec/sources.gypi'],
      'sources': [
        'native/addon/addon.cc',
        'native/addon/convert.cc',
        'native/addon/index_object.cc',
        'native/addon/plan_object.cc',
        'native/addon/reader_object.cc',
        'native/addon/wakeup.cc',
        'native/addon/writer_object.cc',
      ],
      'dependencies': ['<(zstd_napi)/deps/zstd.gyp:libzstd'],
      'include_dirs': ["<!(node -p \"require('node-addon-api').include_dir\")"],
      'defines': ['NAPI_VERSION=8', 'NAPI_CPP_EXCEPTIONS', 'NODE_ADDON_API_DISABLE_DEPRECATED', 'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS'],
      'cflags_cc': ['-fvisibility=hidden'],
    },
    {
      'target_name': 'ckpt-process',
      'type': 'executable',
      'includes': ['native/process/sources.gypi'],
      'dependencies': ['<(zstd_napi)/deps/zstd.gyp:libzstd'],
      # Nothing of node's headers: it is a program of its own.
      'ldflags!': ['-rdynamic'],
    },
  ],
}
