// SPDX-License-Identifier: Apache-2.0
//
// ckpt-process restart: an image from a descriptor becomes a running process.
//
//   read metadata -> plan (refuse here) -> child, stopped and stripped -> memory as it comes -> tail checked
//   -> state -> let go -> wait
//
// Until the tail was found good nothing of the task runs; whatever fails before it is let go kills the child.

#include <fcntl.h>
#include <getopt.h>
#include <time.h>
#include <unistd.h>

#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "codec/crc32c.h"
#include "codec/error.h"
#include "process/commands.h"
#include "process/image_reader.h"
#include "process/restart_kernel.h"
#include "process/restart_lazy.h"
#include "process/restart_memory.h"
#include "process/restart_plan.h"
#include "process/restart_state.h"
#include "process/task_wait.h"

namespace ckpt {
namespace {

constexpr int kOwnFailure = 125;  // tells our failures from the task's exit status

const char kUsageText[] =
    "usage: ckpt-process restart [--fd 0] [--status-fd K] [--detach] [--same-pid] [--stopped] [--ignore-cpu]\n"
    "                            [--new-pid] [{--plan-fd N | --plan FILE} --packs DIR [--lazy-dir DIR]]\n"
    "                            [--via kernel|user]\n";

class Restart : public ImageSink {
 public:
  Restart(const RestartOptions& options, const Status& status) : options_(options), status_(status) {}

  /** Returns the task's pid; it runs on. `wait` takes our signals over just before it does. */
  pid_t run(std::unique_ptr<TaskWait>* wait) {
    if (options_.planFd >= 0) plan_ = std::make_unique<RestartPlan>(options_.planFd);
    ImageInput input = plan_ ? ImageInput(plan_->records(), plan_->recordsBytes()) : ImageInput(options_.imageFd);
    try {
      ImageReader(&input, this, plan_ ? ImageReader::Pages::kElsewhere : ImageReader::Pages::kHere).read(&image_);
    } catch (const RestartError&) {
      throw;
    } catch (const ProcessError& error) {
      // What the plan refuses is not about one record; what went wrong on the way went wrong with the one read last.
      if (planning_ && error.exit() != kDamaged) throw;
      throw RestartError(error.exit(), error.what(), error.hint(), input.place());
    }
    // Version 1 does not name the program: it is the file that holds its code.
    if (image_.version == 1 && !memory_->codePath().empty()) places_.program = files_->program(memory_->codePath());
    if (lazy_) lazy_->start();
    RestartState(child_.get(), &image_, &options_, &status_).apply(places_, files_.get());
    const pid_t pid = child_->pid();
    if (lazy_) lazy_->ready();
    if (!options_.detach) *wait = std::make_unique<TaskWait>();
    child_->release();
    child_->tracee().detach();
    return pid;
  }
  /** Pid of the task's pager, 0 where it has none. Packs that somebody kept for this restart are no more needed after this. */
  pid_t pager() { return lazy_ ? lazy_->release() : 0; }

 private:
  void layout(const TaskImage& image) override {
    planning_ = true;
    checkPlan(image, options_.ignoreCpu, status_);
    files_ = std::make_unique<RestartFiles>(
        image, StandardStreams{options_.detach, plan_ ? options_.planFd : options_.imageFd}, status_);
    places_.directory = files_->directory(image, CKPT_PATH_CWD);
    const ImagePath* root = image.path(CKPT_PATH_ROOT);
    if (root != nullptr && root->path != "/") places_.root = files_->directory(image, CKPT_PATH_ROOT);
    const ImagePath* program = image.path(CKPT_PATH_EXE);
    if (program != nullptr) places_.program = files_->program(program->path);

    child_ = std::make_unique<RestartChild>(options_.newPid ? 0 : static_cast<pid_t>(image.task.pid), options_.samePid,
                                            status_);
    child_->strip();
    if (image.vdso.vdso_bytes != 0) child_->placeKernel(image.vdso.vdso_start);
    memory_ = std::make_unique<RestartMemory>(child_.get(), &image_, &status_);
    if (plan_) lazy_ = std::make_unique<RestartLazy>(child_.get(), memory_.get(), plan_.get(), &options_, &status_);
    planning_ = false;
  }

  void mapping(const ImageMapping& mapping) override {
    memory_->mapping(mapping);
    if (lazy_) lazy_->mapping(mapping);
  }
  void pages(const uint64_t* addresses, size_t count, const uint8_t* contents) override {
    memory_->pages(addresses, count, contents);
  }
  void mappingEnd() override { memory_->mappingEnd(); }

  void vdso(uint64_t start, const std::vector<uint8_t>& contents) override {
    const std::vector<uint8_t> own = ownVdso();
    if (own.size() != contents.size() ||
        crc32c(0, own.data(), own.size()) != crc32c(0, contents.data(), contents.size()))
      throw ProcessError(kCannot, "this kernel's vdso is not the one in the image",
                         "restart it under the kernel it was saved under");
    child_->placeKernel(start);
  }

  const RestartOptions& options_;
  const Status& status_;
  TaskImage image_;
  RestartPlaces places_;
  bool planning_ = false;
  std::unique_ptr<RestartFiles> files_;
  std::unique_ptr<RestartChild> child_;
  std::unique_ptr<RestartMemory> memory_;
  std::unique_ptr<RestartPlan> plan_;
  std::unique_ptr<RestartLazy> lazy_;
};

int64_t monotonicNs() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return int64_t{t.tv_sec} * 1000000000 + t.tv_nsec;
}

bool number(const char* text, int* value) {
  char* end;
  const long parsed = strtol(text, &end, 10);
  if (*text == 0 || *end != 0 || parsed < 0 || parsed > INT_MAX) return false;
  *value = static_cast<int>(parsed);
  return true;
}

bool parse(int argc, char** argv, RestartOptions* options) {
  enum {
    kFd = 1,
    kStatusFd,
    kDetach,
    kSamePid,
    kStopped,
    kIgnoreCpu,
    kPlanFd,
    kPlan,
    kPacks,
    kLazyDir,
    kNewPid,
    kRequest,
    kVia
  };
  static const option kOptions[] = {
      {"fd", required_argument, nullptr, kFd},          {"status-fd", required_argument, nullptr, kStatusFd},
      {"detach", no_argument, nullptr, kDetach},        {"same-pid", no_argument, nullptr, kSamePid},
      {"stopped", no_argument, nullptr, kStopped},      {"ignore-cpu", no_argument, nullptr, kIgnoreCpu},
      {"plan-fd", required_argument, nullptr, kPlanFd}, {"plan", required_argument, nullptr, kPlan},
      {"new-pid", no_argument, nullptr, kNewPid},       {"request", required_argument, nullptr, kRequest},
      {"packs", required_argument, nullptr, kPacks},    {"lazy-dir", required_argument, nullptr, kLazyDir},
      {"via", required_argument, nullptr, kVia},        {nullptr, 0, nullptr, 0}};
  optind = 1;
  for (int which; (which = getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
    switch (which) {
      case kFd:
        if (!number(optarg, &options->imageFd)) return false;
        break;
      case kStatusFd:
        if (!number(optarg, &options->statusFd)) return false;
        break;
      case kDetach:
        options->detach = true;
        break;
      case kSamePid:
        options->samePid = true;
        break;
      case kStopped:
        options->stopped = true;
        break;
      case kIgnoreCpu:
        options->ignoreCpu = true;
        break;
      case kPlanFd:
        if (!number(optarg, &options->planFd)) return false;
        break;
      case kPlan:
        options->planFd = open(optarg, O_RDONLY | O_CLOEXEC);
        if (options->planFd < 0) return false;
        break;
      case kNewPid:
        options->newPid = true;
        break;
      case kRequest:
        options->request = atoll(optarg);
        break;
      case kPacks:
        options->packsDir = optarg;
        break;
      case kLazyDir:
        options->lazyDir = optarg;
        break;
      case kVia:
        if (!parseVia(optarg, &options->via)) return false;
        break;
      default:
        return false;
    }
  }
  return optind == argc && (options->planFd < 0) == options->packsDir.empty();
}

void report(const Status& status, int statusFd, const ProcessError& error) {
  const auto* placed = dynamic_cast<const RestartError*>(&error);
  if (placed == nullptr) return status.error(error);
  if (statusFd < 0) {
    std::string line =
        "ckpt-process: " + std::string(error.what()) + " (byte " + std::to_string(placed->place().offset);
    if (!placed->place().record.empty()) line += ", record " + placed->place().record;
    line += ")" + (error.hint().empty() ? "" : "; " + error.hint()) + "\n";
    fputs(line.c_str(), stderr);
    return;
  }
  JsonObject event;
  event.text("event", "error")
      .integer("exit", error.exit())
      .text("text", error.what())
      .unsignedInteger("offset", placed->place().offset);
  if (!placed->place().record.empty()) event.text("record", placed->place().record);
  status.event(event.text("hint", error.hint()));
}

}  // namespace

int runRestart(int argc, char** argv) {
  RestartOptions options;
  if (!parse(argc, argv, &options)) {
    fputs(kUsageText, stderr);
    return kUsage;
  }
  const Status status(options.statusFd, options.request);
  signal(SIGCHLD, SIG_DFL);  // ignored by whoever started us, the task's end would be lost
  try {
    pid_t pid, pager = 0;
    int64_t startedNs = 0;
    std::unique_ptr<TaskWait> wait;
    // What sys_restart cannot do is left to its twin, unless somebody insists.
    const bool twinOnly = options.stopped || options.newPid || options.planFd >= 0;
    if (twinOnly && options.via == Via::kKernel)
      throw ProcessError(kUsage, "--via kernel goes neither with --stopped nor with a lazy restart", "use --via user");
    bool viaKernel = useKernelCalls(twinOnly ? Via::kUser : options.via);
    if (viaKernel && !kernelKeepsRights(options.imageFd)) {
      if (options.via == Via::kKernel)
        throw ProcessError(kCannot,
                           "the task was another user, or had fewer rights: sys_restart would give it those of ckpt",
                           "use --via user, or restart it as the user that it was");
      viaKernel = false;
    }
    if (viaKernel) {
      pid = restartThroughKernel(options, status, &wait);
    } else {
      Restart restart(options, status);
      pid = restart.run(&wait);
      startedNs = monotonicNs();
      pager = restart.pager();
      close(options.planFd >= 0 ? options.planFd
                                : options.imageFd);  // whoever writes behind the tail learns that nobody reads it
    }
    status.event(JsonObject()
                     .text("event", "running")
                     .integer("pid", pid)
                     .text("via", viaKernel ? "kernel" : "user")
                     .integer("atNs", startedNs));
    if (options.detach) return kDone;
    return wait->wait(pid, pager, status);
  } catch (const ProcessError& error) {
    report(status, options.statusFd, error);
  } catch (const CodecError& error) {
    report(status, options.statusFd, ProcessError(error.kind == ErrorKind::kPack ? kDamaged : kFailed, error.what()));
  } catch (const std::exception& error) {
    report(status, options.statusFd, ProcessError(kFailed, error.what()));
  }
  return kOwnFailure;
}

}  // namespace ckpt
