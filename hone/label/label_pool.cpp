#include "hone/label/label_pool.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <deque>
#include <optional>
#include <unordered_set>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hone/base/clock.h"
#include "hone/base/error.h"
#include "hone/base/json.h"
#include "hone/cost/kernels/generator.h"
#include "hone/label/label_worker.h"

namespace hone::label {

namespace {

struct Worker {
  pid_t pid = 0;
  int socket = -1;
  std::string buffer;
  bool busy = false;
  std::uint64_t number = 0;
  std::optional<cost::Label> before;  ///< what is measured again
  Key structure;
  double since = 0.0;
};

class Pool {
 public:
  explicit Pool(const LabelPlan& plan) : plan_(plan) {}
  ~Pool() {
    for (Worker& worker : workers_) stop(worker);
    if (file_ >= 0) ::close(file_);
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  LabelSummary run() {
    const double start = monotonic_s();
    open();
    workers_.resize(static_cast<std::size_t>(std::max(1, plan_.workers)));
    while (step()) {
    }
    ::fdatasync(file_);
    summary_.disturbed = disturbed_;
    summary_.seconds = monotonic_s() - start;
    return summary_;
  }

 private:
  /// Reads what is there, cuts off a torn last line, or begins the file.
  void open() {
    file_ = ::open(plan_.path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (file_ < 0)
      throw Error(fmt::format("cannot write: {}", std::strerror(errno)), Place{plan_.path, 0, ""});
    if (::flock(file_, LOCK_EX | LOCK_NB) != 0)
      throw Error("another process is writing this data set", Place{plan_.path, 0, ""},
                  "wait for it, or choose another file");
    const off_t size = ::lseek(file_, 0, SEEK_END);
    off_t whole = size;
    for (char last = 0; whole > 0 && ::pread(file_, &last, 1, whole - 1) == 1 && last != '\n';) --whole;
    // Nothing is cut off a file before it is known to be a data set.
    cost::LabelSet there;
    if (whole > 0)
      there = cost::read_labels(plan_.path);
    else if (size > 0)
      need_beginning(size);
    if (whole != size && ::ftruncate(file_, whole) != 0)
      throw environment_error(fmt::format("cannot mend the data set: {}", std::strerror(errno)));
    if (whole == 0) {
      const cost::LabelProvenance from = label_provenance(plan_, true);
      measured_ = from.measured;
      append(from.json());
      return;
    }
    if (!there.provenance.same_source(label_provenance(plan_, false)))
      throw Error("this data set is of another machine, compiler, seed or choice of families",
                  Place{plan_.path, 1, ""},
                  "choose another file for these labels, or ask for what its first line says");
    measured_ = there.provenance.measured;
    for (const cost::Label& label : there.labels) {
      done_.insert(label.id);
      structures_.insert(label.structure);
      if (label.failed.empty()) ++summary_.before;
      keep(label);
    }
  }

  /// Throws Error unless the file is the first line of a data set, cut off while it was written.
  void need_beginning(off_t size) const {
    const std::string first = Json{{"format", cost::kLabelFormat}}.dump();
    std::string found(std::min<std::size_t>(first.size() - 1, static_cast<std::size_t>(size)), '\0');
    if (::pread(file_, found.data(), found.size(), 0) != static_cast<ssize_t>(found.size()) ||
        first.compare(0, found.size(), found) != 0)
      throw Error("this is no data set of labels", Place{plan_.path, 1, ""}, "choose another file");
  }

  void append(const Json& json) {
    const std::string line = json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    for (std::size_t at = 0; at < line.size();) {
      const ssize_t wrote = ::write(file_, line.data() + at, line.size() - at);
      if (wrote < 0 && errno != EINTR)
        throw environment_error(fmt::format("cannot write {}: {}", plan_.path, std::strerror(errno)));
      if (wrote > 0) at += static_cast<std::size_t>(wrote);
    }
  }

  void start(Worker& worker) {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
      throw environment_error(fmt::format("cannot talk to a worker: {}", std::strerror(errno)));
    const pid_t child = ::fork();
    if (child < 0) throw environment_error(fmt::format("cannot start a worker: {}", std::strerror(errno)));
    if (child == 0) {
      ::close(pair[0]);
      for (const Worker& other : workers_)
        if (other.socket >= 0) ::close(other.socket);
      label_work(pair[1], plan_, measured_);
    }
    ::close(pair[1]);
    worker = Worker{};
    worker.pid = child;
    worker.socket = pair[0];
  }

  static void stop(Worker& worker) {
    if (worker.pid <= 0) return;
    ::close(worker.socket);
    ::kill(worker.pid, SIGKILL);
    ::waitpid(worker.pid, nullptr, 0);
    worker = Worker{};
  }

  bool next_number(std::uint64_t& number) {
    while (next_ < plan_.count && done_.contains(next_)) ++next_;
    if (next_ >= plan_.count) return false;
    number = next_++;
    return true;
  }

  /// One turn: gives out work, hears what workers say. False: all is done, or interrupted.
  bool step() {
    if (plan_.interrupted && plan_.interrupted()) {
      summary_.interrupted = true;
      return false;
    }
    std::vector<pollfd> waiting;
    std::vector<Worker*> of;
    for (Worker& worker : workers_) {
      if (!worker.busy) {
        std::uint64_t number = 0;
        std::optional<cost::Label> before;
        if (!next_number(number)) {
          if (again_.empty()) continue;
          before = std::move(again_.front());
          again_.pop_front();
          number = before->id;
        }
        if (worker.pid <= 0) start(worker);
        worker.busy = true;
        worker.number = number;
        worker.structure = {};
        worker.since = monotonic_s();
        worker.before = std::move(before);
        if (!send_line(worker.socket, fmt::format("{}{}", worker.before ? "again " : "", number)))
          died(worker);
      }
      if (worker.busy) {
        waiting.push_back({worker.socket, POLLIN, 0});
        of.push_back(&worker);
      }
    }
    if (waiting.empty()) return false;
    const int ready = ::poll(waiting.data(), waiting.size(), 200);
    for (std::size_t i = 0; ready > 0 && i < waiting.size(); ++i)
      if (waiting[i].revents != 0) hear(*of[i]);
    for (Worker& worker : workers_)
      if (worker.busy && monotonic_s() - worker.since > plan_.kernel_seconds) {
        fail(worker, fmt::format("took more than {:g} s", plan_.kernel_seconds));
        stop(worker);
      }
    if (next_ >= plan_.count && !again_.empty() && plan_.visiting)
      plan_.visiting(again_.size());
    else if (plan_.progress)
      plan_.progress(summary_.before + summary_.labelled + summary_.duplicates + summary_.failed,
                     plan_.count);
    return true;
  }

  void hear(Worker& worker) {
    std::string line;
    if (!read_line(worker.socket, worker.buffer, line)) {
      died(worker);
    } else if (line.starts_with("structure ")) {
      worker.structure = Key::from_hex(line.substr(10));
      const bool fresh = structures_.insert(worker.structure).second;
      if (!fresh) {
        ++summary_.duplicates;
        worker.busy = false;
      }
      if (!send_line(worker.socket, fresh ? "go" : "known")) died(worker);
    } else if (line.starts_with("label ")) {
      const cost::Label label = cost::Label::from_text(std::string_view(line).substr(6));
      if (worker.before) {
        visited(worker, label);
      } else {
        append(label.json());
        ++summary_.labelled;
        keep(label);
      }
      worker.busy = false;
    } else {
      fail(worker, line.starts_with("failed ") ? line.substr(7) : "a worker said what it may not");
    }
  }

  void died(Worker& worker) {
    int status = 0;
    ::close(worker.socket);
    ::waitpid(worker.pid, &status, 0);
    if (worker.busy)
      fail(worker, WIFSIGNALED(status)
                       ? fmt::format("the compiler crashed ({})", ::strsignal(WTERMSIG(status)))
                       : "the compiler ended");
    worker = Worker{};
  }

  /// Counts a label that is in the file, and sees to it that it is visited again where it is to be.
  void keep(const cost::Label& label) {
    if (!label.failed.empty() || !label.disturbed) return;
    ++disturbed_;
    if (label.visits < plan_.visits && label.id < plan_.count) again_.push_back(label);
  }

  /// What a further visit says; it says nothing where it failed.
  void visited(Worker& worker, const std::optional<cost::Label>& again) {
    cost::Label label = *worker.before;
    if (again)
      label = cost::joined(label, *again);
    else
      ++label.visits;
    worker.before.reset();
    append(label.json());
    ++summary_.visited_again;
    --disturbed_;
    keep(label);
  }

  void fail(Worker& worker, const std::string& why) {
    if (worker.before) {
      visited(worker, std::nullopt);
      worker.busy = false;
      return;
    }
    const cost::GeneratedKernel kernel = cost::generate_kernel(plan_.seed, worker.number, plan_.families);
    cost::Label label;
    label.id = kernel.number;
    label.family = kernel.family;
    label.group = kernel.group;
    label.schedule = kernel.schedule;
    label.structure = worker.structure;
    label.failed = why;
    append(label.json());
    ++summary_.failed;
    worker.busy = false;
  }

  const LabelPlan& plan_;
  std::vector<Worker> workers_;
  std::unordered_set<std::uint64_t> done_;
  std::unordered_set<Key> structures_;
  std::map<std::string, double> measured_;
  LabelSummary summary_;
  std::deque<cost::Label> again_;  // to be visited again
  std::uint64_t disturbed_ = 0;    // labels in the file
  std::uint64_t next_ = 0;
  int file_ = -1;
};

}  // namespace

LabelSummary make_labels(const LabelPlan& plan) { return Pool(plan).run(); }

}  // namespace hone::label
