// SPDX-License-Identifier: Apache-2.0
//
// ckpt-process checkpoint: survey, stop, survey again, capture, write, let go. Where the kernel has sys_checkpoint, that
// captures and writes.
//
// The task is stopped from "frozen" until its image is written; with --kill or --stop until the control descriptor has
// decided. Should this process be killed meanwhile, the kernel lets go of the task and it runs on.
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <sys/ptrace.h>
#include <time.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "process/commands.h"
#include "process/image_writer.h"
#include "process/keeper.h"
#include "process/kernel_calls.h"
#include "process/survey.h"

namespace ckpt {
namespace {

enum class Ending { kRun, kKill, kStop };

struct Options {
  pid_t pid = 0;
  int fd = STDOUT_FILENO;
  int statusFd = -1;
  int controlFd = -1;
  int format = 2;
  Ending ending = Ending::kRun;
  Via via = Via::kAny;
};

/** The signal that asked for it; 0 while none has. */
volatile sig_atomic_t stopRequested = 0;

/** A write may begin to block just after it looked at the flag: the alarm interrupts it again until it looks. */
void onStopSignal(int signal) {
  if (signal != SIGALRM && !stopRequested) stopRequested = signal;
  alarm(1);
}

/** Nobody wanted an end when it was the keeper that died: that is a failure. */
ProcessError explained(const ProcessError& error) {
  if (error.exit() != kInterrupted || stopRequested != kKeeperDied) return error;
  return ProcessError(kFailed, "ckpt-process was killed", "the process runs on as before");
}

void catchStopSignals() {
  struct sigaction action = {};
  action.sa_handler = onStopSignal;
  sigset_t caught;
  sigemptyset(&caught);
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGALRM}) {
    sigaction(signal, &action, nullptr);
    sigaddset(&caught, signal);
  }
  sigprocmask(SIG_UNBLOCK, &caught, nullptr);
}

void throwIfStopped() {
  if (stopRequested) throw ProcessError::interrupted();
}

double nowMs() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) / 1e6;
}

long parseNumber(const char* text, long min, const char* name) {
  char* end;
  errno = 0;
  long value = strtol(text, &end, 10);
  if (errno || *text == 0 || *end || value < min || value > 0x7fffffff)
    throw ProcessError(kUsage, std::string("bad value for --") + name + ": " + text);
  return value;
}

Options parseOptions(int argc, char** argv) {
  static const option kOptions[] = {
      {"pid", 1, nullptr, 'p'},        {"fd", 1, nullptr, 'f'},     {"status-fd", 1, nullptr, 's'},
      {"control-fd", 1, nullptr, 'c'}, {"format", 1, nullptr, 'v'}, {"kill", 0, nullptr, 'k'},
      {"stop", 0, nullptr, 't'},       {"via", 1, nullptr, 'w'},    {nullptr, 0, nullptr, 0}};
  Options options;
  for (int c; (c = getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
    switch (c) {
      case 'p':
        options.pid = static_cast<pid_t>(parseNumber(optarg, 1, "pid"));
        break;
      case 'f':
        options.fd = static_cast<int>(parseNumber(optarg, 0, "fd"));
        break;
      case 's':
        options.statusFd = static_cast<int>(parseNumber(optarg, 0, "status-fd"));
        break;
      case 'c':
        options.controlFd = static_cast<int>(parseNumber(optarg, 0, "control-fd"));
        break;
      case 'v':
        options.format = static_cast<int>(parseNumber(optarg, 1, "format"));
        break;
      case 'k':
        options.ending = Ending::kKill;
        break;
      case 't':
        options.ending = Ending::kStop;
        break;
      case 'w':
        if (!parseVia(optarg, &options.via)) throw ProcessError(kUsage, "--via is kernel or user");
        break;
      default:
        throw ProcessError(kUsage, "unknown option", "see ckpt-process without arguments");
    }
  }
  if (optind != argc) throw ProcessError(kUsage, std::string("unexpected argument: ") + argv[optind]);
  if (!options.pid) throw ProcessError(kUsage, "--pid is missing");
  if (options.format != 1 && options.format != 2) throw ProcessError(kUsage, "--format is 1 or 2");
  return options;
}

/** For the first of two looks: a warning is said once, by the second. */
const Status& quiet() {
  static const Status kQuiet(open("/dev/null", O_WRONLY | O_CLOEXEC));
  return kQuiet;
}

/** Everything that can be refused by looking. `files` keeps what was found out, for the second look. */
void survey(const Options& options, bool stopped, FileIdentities* files, const Status& status, Capture* capture) {
  const Status& to = stopped ? status : quiet();
  surveyTask(options.pid, stopped, to);
  capture->mappings = readMappings(options.pid, files);
  refuseMappings(options.pid, capture->mappings, to);
  capture->files = readOpenFiles(options.pid, to);
}

/** Reads the whole capture of a stopped task; the task is at an event stop before and after. */
void captureAll(Tracee* tracee, const Status& status, Capture* capture) {
  capture->machine = describeMachine();
  captureFromProc(tracee->pid(), tracee->groupStopped(), capture);
  captureVdso(*tracee, capture->mappings, capture);
  captureThread(tracee, capture);
  Tracee::CallOptions options;
  options.wantLanding = true;
  tracee->beginCalls(options);
  captureByCalls(tracee, status, capture);
  lookForUnsaved(tracee, status, *capture);
  tracee->endCalls();
}

/** Waits for the caller's decision. True: commit. */
bool decided(const Options& options) {
  if (options.controlFd < 0) return true;
  for (;;) {
    char decision = 0;
    ssize_t n = read(options.controlFd, &decision, 1);
    if (n == 1) return decision == 'c';
    if (n < 0 && errno == EINTR && !stopRequested) continue;
    return false;
  }
}

void end(const Options& options, Tracee* tracee, const Status& status) {
  if (options.ending == Ending::kRun) return tracee->detach();
  if (!decided(options)) {
    tracee->detach();
    throwIfStopped();
    status.warning("the caller did not confirm; the process runs on");
    return;
  }
  if (options.ending == Ending::kKill) tracee->kill();
  else tracee->detach(tracee->groupStopped() ? 0 : SIGSTOP);
}

/** Its log limits its lines, and not everybody may read it. */
constexpr char kNotNamed[] =
    "version 1 does not carry all of a task; the kernel's log, which names what this one loses, is silent";

/**
 * The kernel writes the image; it takes a task in our trace stop for one that runs, and one that is in a job-control stop besides
 * for a stopped one, which both are after detach(). What it refuses, and what version 1 loses, it names in its log.
 */
void checkpointThroughKernel(const Options& options, const Status& status) {
  surveyTask(options.pid, false, quiet());
  throwIfStopped();
  Tracee tracee(options.pid);
  tracee.seize();
  const double frozen = nowMs();
  status.event(JsonObject().text("event", "frozen").text("via", "kernel"));
  surveyTask(options.pid, true, status);
  KernelLog log;
  const long crid = callCheckpoint(options.pid, options.fd, options.format);
  throwIfStopped();
  const std::string words = log.lastAbout(options.pid);
  if (crid < 0) throw checkpointRefused(crid, words);
  if (options.format == 1) status.warning(words.empty() ? kNotNamed : words);
  if (options.ending == Ending::kRun) tracee.detach();
  status.event(JsonObject()
                   .text("event", "written")
                   .integer("crid", crid)
                   .number("frozenMs", nowMs() - frozen)
                   .integer("pid", options.pid));
  close(options.fd);
  end(options, &tracee, status);
  status.event(JsonObject().text("event", "done").number("frozenMs", nowMs() - frozen));
}

void checkpoint(const Options& options, const Status& status) {
  fcntl(options.fd, F_SETPIPE_SZ, static_cast<int>(RecordWriter::kBufferBytes));
  if (useKernelCalls(options.via)) return checkpointThroughKernel(options, status);
  FileIdentities files;
  Capture capture;
  survey(options, false, &files, status, &capture);
  throwIfStopped();

  Tracee tracee(options.pid);
  tracee.seize();
  double frozen = nowMs();
  status.event(JsonObject().text("event", "frozen").text("via", "user"));
  survey(options, true, &files, status, &capture);
  captureAll(&tracee, status, &capture);
  if (options.format == 1) refuseVersion1(capture, status);
  throwIfStopped();

  Pagemap pagemap(options.pid);
  RecordWriter writer(options.fd, options.format, &stopRequested);
  if (options.format == 1) writeImage1(tracee, pagemap, capture, &writer);
  else writeImage2(tracee, pagemap, capture, &writer);
  if (options.ending == Ending::kRun) tracee.detach();
  status.event(JsonObject()
                   .text("event", "written")
                   .unsignedInteger("bytes", writer.bytesWritten())
                   .unsignedInteger("pages", writer.pages())
                   .number("frozenMs", nowMs() - frozen)
                   .integer("pid", options.pid)
                   .text("comm", std::string(capture.task.comm, strnlen(capture.task.comm, sizeof capture.task.comm)))
                   .unsignedInteger("startTicks", capture.task.start_ticks));
  // Whoever reads the image waits for its end, also while we wait for the decision.
  close(options.fd);
  end(options, &tracee, status);
  status.event(JsonObject().text("event", "done").number("frozenMs", nowMs() - frozen));
}

int checkpointReporting(const Options& options, const Status& status) {
  catchStopSignals();
  try {
    checkpoint(options, status);
    return kDone;
  } catch (const ProcessError& error) {
    const ProcessError said = explained(error);
    status.error(said);
    return said.exit();
  } catch (const WriteError& error) {
    const ProcessError said = error.error() == EINTR
                                  ? explained(ProcessError::interrupted())
                                  : ProcessError(kFailed, error.what(), "the process runs on as before");
    status.error(said);
    return said.exit();
  } catch (const std::exception& error) {
    status.error(ProcessError(kFailed, error.what()));
    return kFailed;
  }
}

}  // namespace

int runCheckpoint(int argc, char** argv) {
  Options options;
  try {
    options = parseOptions(argc, argv);
  } catch (const ProcessError& error) {
    Status().error(error);
    return error.exit();
  }
  Status status(options.statusFd);
  return runKept([&] { return checkpointReporting(options, status); }, {options.fd, options.controlFd}, status);
}

}  // namespace ckpt
