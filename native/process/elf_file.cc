// SPDX-License-Identifier: Apache-2.0
#include "process/elf_file.h"

#include <elf.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <functional>

namespace ckpt {
namespace {

using Reader = std::function<bool(uint64_t offset, void* data, size_t bytes)>;

constexpr size_t kBuildIdBytesMax = 32;
constexpr size_t kNoteBytesMax = 1 << 16;

std::vector<uint8_t> buildId(const Reader& read) {
  Elf64_Ehdr header;
  if (!read(0, &header, sizeof header) || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_phentsize != sizeof(Elf64_Phdr))
    return {};
  for (unsigned i = 0; i < header.e_phnum && i < 128; i++) {
    Elf64_Phdr program;
    if (!read(header.e_phoff + i * sizeof program, &program, sizeof program)) return {};
    if (program.p_type != PT_NOTE || program.p_filesz > kNoteBytesMax) continue;
    std::vector<uint8_t> notes(program.p_filesz);
    if (!read(program.p_offset, notes.data(), notes.size())) continue;
    size_t align = program.p_align == 8 ? 8 : 4;
    for (size_t at = 0; at + sizeof(Elf64_Nhdr) <= notes.size();) {
      Elf64_Nhdr note;
      memcpy(&note, notes.data() + at, sizeof note);
      uint64_t name = at + sizeof note;
      uint64_t desc = name + (note.n_namesz + align - 1) / align * align;
      uint64_t next = desc + (note.n_descsz + align - 1) / align * align;
      if (desc + note.n_descsz > notes.size()) break;
      if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp(notes.data() + name, "GNU", 4) == 0) {
        size_t bytes = std::min<size_t>(note.n_descsz, kBuildIdBytesMax);
        return std::vector<uint8_t>(notes.data() + desc, notes.data() + desc + bytes);
      }
      at = next;
    }
  }
  return {};
}

}  // namespace

std::vector<uint8_t> buildIdOfFile(int fd) {
  return buildId([fd](uint64_t offset, void* data, size_t bytes) {
    return pread(fd, data, bytes, static_cast<off_t>(offset)) == static_cast<ssize_t>(bytes);
  });
}

std::vector<uint8_t> buildIdOfImage(const uint8_t* image, size_t size) {
  return buildId([image, size](uint64_t offset, void* data, size_t bytes) {
    if (offset > size || bytes > size - offset) return false;
    memcpy(data, image + offset, bytes);
    return true;
  });
}

int elfClass(int fd) {
  unsigned char ident[EI_NIDENT];
  if (pread(fd, ident, sizeof ident, 0) != sizeof ident || memcmp(ident, ELFMAG, SELFMAG) != 0) return 0;
  return ident[EI_CLASS] == ELFCLASS32 ? 1 : ident[EI_CLASS] == ELFCLASS64 ? 2 : 0;
}

}  // namespace ckpt
