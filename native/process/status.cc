// SPDX-License-Identifier: Apache-2.0
#include "process/status.h"

#include <unistd.h>

#include <cinttypes>
#include <cstdio>

namespace ckpt {
namespace {

/** Bytes of the UTF-8 sequence at s[i], or 0 where there is none. */
size_t utf8Bytes(const std::string& s, size_t i) {
  unsigned char c = static_cast<unsigned char>(s[i]);
  size_t n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
  if (n == 0 || i + n > s.size()) return 0;
  for (size_t k = 1; k < n; k++)
    if ((static_cast<unsigned char>(s[i + k]) & 0xc0) != 0x80) return 0;
  unsigned char d = n > 1 ? static_cast<unsigned char>(s[i + 1]) : 0;
  if ((c == 0xe0 && d < 0xa0) || (c == 0xed && d > 0x9f) || (c == 0xf0 && d < 0x90) || (c == 0xf4 && d > 0x8f))
    return 0;
  return n;
}

bool writeAll(int fd, const std::string& line) {
  for (size_t done = 0; done < line.size();) {
    ssize_t n = write(fd, line.data() + done, line.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<size_t>(n);
  }
  return true;
}

}  // namespace

std::string jsonString(const std::string& value) {
  std::string out = "\"";
  for (size_t i = 0; i < value.size();) {
    unsigned char c = static_cast<unsigned char>(value[i]);
    size_t n = utf8Bytes(value, i);
    if (n == 0) {
      out += "\\ufffd";
      i++;
      continue;
    }
    if (c == '"' || c == '\\') {
      out += '\\';
      out += value[i];
    } else if (c < 0x20) {
      char escape[8];
      snprintf(escape, sizeof escape, "\\u%04x", c);
      out += escape;
    } else {
      out.append(value, i, n);
    }
    i += n;
  }
  return out + "\"";
}

void JsonObject::name(const char* name) {
  if (!body_.empty()) body_ += ',';
  body_ += jsonString(name) + ":";
}

JsonObject& JsonObject::raw(const char* key, const std::string& json) {
  name(key);
  body_ += json;
  return *this;
}

JsonObject& JsonObject::text(const char* key, const std::string& value) { return raw(key, jsonString(value)); }
JsonObject& JsonObject::integer(const char* key, int64_t value) { return raw(key, std::to_string(value)); }
JsonObject& JsonObject::unsignedInteger(const char* key, uint64_t value) { return raw(key, std::to_string(value)); }
JsonObject& JsonObject::boolean(const char* key, bool value) { return raw(key, value ? "true" : "false"); }

JsonObject& JsonObject::number(const char* key, double value) {
  char text[32];
  snprintf(text, sizeof text, "%.3f", value);
  return raw(key, text);
}

bool Status::event(JsonObject object) const {
  if (fd_ < 0) return false;
  if (request_ >= 0) object.integer("request", request_);
  return writeAll(fd_, object.str() + "\n");
}

void Status::warning(const std::string& text) const {
  if (fd_ >= 0) event(JsonObject().text("event", "warning").text("text", text));
  else writeAll(STDERR_FILENO, "ckpt-process: warning: " + text + "\n");
}

void Status::error(const ProcessError& error) const {
  if (fd_ >= 0)
    event(JsonObject()
              .text("event", "error")
              .integer("exit", error.exit())
              .text("text", error.what())
              .text("hint", error.hint()));
  else writeAll(STDERR_FILENO, "ckpt-process: " + error.line() + "\n");
}

}  // namespace ckpt
