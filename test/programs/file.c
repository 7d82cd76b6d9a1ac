// SPDX-License-Identifier: Apache-2.0
//
// Open files: one read half-way, one appended to, one written at its own offset, duplicated descriptors, a second open of the
// same file, a directory, devices, a high number, close-on-exec. Arguments: DIRECTORY.
#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>

#include "common.h"

#define WORDS 4096
static int reading, twin, second, appending, writing, directory, null_fd, zero_fd, random_fd, path_fd;
static char data_path[4096];

static void check(void) {
  MUST(lseek(reading, 0, SEEK_CUR) == WORDS / 2 * 8 && lseek(twin, 0, SEEK_CUR) == WORDS / 2 * 8);
  MUST(lseek(second, 0, SEEK_CUR) == 24);
  MUST(lseek(writing, 0, SEEK_CUR) == 100);
  MUST(fcntl(appending, F_GETFL) & O_APPEND && (fcntl(appending, F_GETFL) & O_ACCMODE) == O_WRONLY);
  MUST((fcntl(writing, F_GETFL) & O_ACCMODE) == O_RDWR && fcntl(writing, F_GETFL) & O_NONBLOCK &&
       !(fcntl(writing, F_GETFL) & O_APPEND));
  MUST(fcntl(twin, F_GETFD) == FD_CLOEXEC && fcntl(reading, F_GETFD) == 0);
  MUST(fcntl(path_fd, F_GETFL) & O_PATH);
  MUST(fcntl(twin + 1, F_GETFD) == -1 && errno == EBADF);
}

static void read_on(int fd, int from, int to) {
  for (int i = from; i < to; i++) {
    uint64_t word;
    MUST(read(fd, &word, 8) == 8 && word == mix(i));
  }
}

int main(int argc, char** argv) {
  program_name = "file";
  MUST(argc == 2);
  snprintf(data_path, sizeof data_path, "%s/data", argv[1]);
  writing = open(data_path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
  for (int i = 0; i < WORDS; i++) {
    uint64_t word = mix(i);
    MUST(write(writing, &word, 8) == 8);
  }
  close(writing);
  reading = open(data_path, O_RDONLY);
  read_on(reading, 0, WORDS / 2);
  twin = fcntl(reading, F_DUPFD_CLOEXEC, 200);
  second = open(data_path, O_RDONLY);
  read_on(second, 0, 3);
  char path[4200];
  snprintf(path, sizeof path, "%s/log", argv[1]);
  appending = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_APPEND, 0600);
  MUST(write(appending, "first\n", 6) == 6);
  snprintf(path, sizeof path, "%s/written with a space and \xc3\xa9", argv[1]);
  writing = open(path, O_CREAT | O_TRUNC | O_RDWR | O_NONBLOCK, 0640);
  MUST(ftruncate(writing, 1000) == 0 && lseek(writing, 100, SEEK_SET) == 100);
  directory = open(argv[1], O_RDONLY | O_DIRECTORY);
  null_fd = open("/dev/null", O_RDWR);
  zero_fd = open("/dev/zero", O_RDONLY);
  random_fd = open("/dev/urandom", O_RDONLY);
  path_fd = open(data_path, O_PATH);
  MUST(reading >= 0 && twin >= 200 && second >= 0 && appending >= 0 && writing >= 0 && directory >= 0);
  MUST(null_fd >= 0 && zero_fd >= 0 && random_fd >= 0 && path_fd >= 0);

  ready("file");
  hold(1, check);

  read_on(reading, WORDS / 2, WORDS / 2 + 10);
  read_on(twin, WORDS / 2 + 10, WORDS / 2 + 20);  // one offset for both
  read_on(reading, WORDS / 2 + 20, WORDS);
  read_on(second, 3, WORDS);  // and one of its own
  uint64_t word;
  MUST(read(reading, &word, 8) == 0);
  char line[64], back[64];
  int length = snprintf(line, sizeof line, "second %d\n", (int)getpid());
  MUST(write(appending, line, length) == length);
  snprintf(path, sizeof path, "%s/log", argv[1]);
  int log = open(path, O_RDONLY);
  MUST(pread(log, back, length, lseek(log, 0, SEEK_END) - length) == length && !memcmp(line, back, length));
  MUST(pread(log, back, 6, 0) == 6 && !memcmp(back, "first\n", 6));
  MUST(write(writing, "here", 4) == 4 && pread(writing, back, 4, 100) == 4 && !memcmp(back, "here", 4));
  struct stat status;
  MUST(fstatat(directory, "data", &status, 0) == 0 && status.st_size == WORDS * 8);
  MUST(write(null_fd, "x", 1) == 1 && read(null_fd, back, 1) == 0);
  MUST(read(zero_fd, &word, 8) == 8 && word == 0);
  MUST(read(random_fd, &word, 8) == 8);
  MUST(read(path_fd, &word, 8) == -1 && errno == EBADF && fstat(path_fd, &status) == 0);
  int lowest = dup(0);
  MUST(lowest == log + 1);  // no descriptor of the restarter's in between
  return verdict();
}
