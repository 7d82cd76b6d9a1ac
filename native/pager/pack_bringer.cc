// SPDX-License-Identifier: Apache-2.0
#include "pager/pack_bringer.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "codec/error.h"

namespace ckpt {

namespace {

constexpr char kSocketName[] = "/supply";
// The bringer gives up sooner, and says why.
constexpr int kAnswerSeconds = 15;
constexpr size_t kAnswerBytesMax = 500;

}  // namespace

PackBringer::PackBringer(std::string packsDir)
    : packsDir_(std::move(packsDir)), expected_(access((packsDir_ + kSocketName).c_str(), F_OK) == 0) {}

void PackBringer::attach() {
  if (expected_) attached_ = connect();
}

UniqueFd PackBringer::connect() const {
  // Through the directory's descriptor: the name of a socket is short.
  const UniqueFd dir(open(packsDir_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!dir || !socket) return UniqueFd();
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d%s", dir.get(), kSocketName);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return UniqueFd();
  const timeval patience = {kAnswerSeconds, 0};
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return socket;
}

void PackBringer::bring(const Hash& id) const {
  const auto fail = [&](const std::string& why) {
    throw CodecError(ErrorKind::kIo, "pack " + hexOf(id) + " does not come: " + why);
  };
  const UniqueFd socket = connect();
  if (!socket) fail("whoever brought packs from the service is gone");
  if (send(socket.get(), id.data(), id.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(id.size()))
    fail("whoever brings packs from the service does not listen");
  std::string answer;
  char some[kAnswerBytesMax];
  for (;;) {
    const ssize_t n = recv(socket.get(), some, sizeof some, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0 || answer.size() >= kAnswerBytesMax) break;
    answer.append(some, static_cast<size_t>(n));
  }
  if (answer == "ok") return;
  fail(answer.empty() ? "there is no answer" : answer);
}

}  // namespace ckpt
