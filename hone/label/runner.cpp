#include "hone/label/runner.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <new>

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

#include "hone/base/clock.h"
#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/base/rng.h"
#include "hone/base/units.h"

namespace hone::label {

namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kLine = 64;
constexpr std::size_t kPeriod = 4099;  ///< random numbers drawn; a prime, so that no row is like the next

template <typename T>
void fill_with(const Argument& argument, void* place, Rng& rng) {
  std::vector<T> drawn(kPeriod);
  for (T& value : drawn) {
    if constexpr (std::is_floating_point_v<T>) {
      value = static_cast<T>(rng.uniform(0.1, 1.1));
    } else {
      value = static_cast<T>(1 + rng.below(16));
    }
  }
  T* values = static_cast<T*>(place);
  const auto count = static_cast<std::size_t>(argument.elements());
  for (std::size_t i = 0; i < count; i += kPeriod)
    std::memcpy(values + i, drawn.data(), std::min(kPeriod, count - i) * sizeof(T));
  if (argument.extent > 0) values[0] = static_cast<T>(argument.extent);
  if (argument.shape.size() == 2 && argument.shape[0] == argument.shape[1])
    for (std::int64_t i = 0; i < argument.shape[0]; ++i)
      values[i * argument.shape[0] + i] += static_cast<T>(argument.shape[0]);
}

template <typename T>
double difference_of(const void* left, const void* right, std::size_t count) {
  const T* a = static_cast<const T*>(left);
  const T* b = static_cast<const T*>(right);
  double most = 0.0;
  for (std::size_t i = 0; i < count; ++i) {
    if (std::memcmp(&a[i], &b[i], sizeof(T)) == 0) continue;
    const auto x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    if (std::isnan(x) && std::isnan(y)) continue;
    if (!std::isfinite(x) || !std::isfinite(y)) return kInfinity;
    // Different bits of the same value, +0 and -0, differ too.
    const double size = std::max({std::abs(x), std::abs(y), std::numeric_limits<double>::min()});
    most = std::max({most, std::abs(x - y) / size, std::numeric_limits<double>::min()});
  }
  return most;
}

/// Seconds of a call, a first estimate: the better of two calls, of more where they are short.
double estimated_s(const Program& program, const Memory& memory) {
  double seconds = kInfinity;
  for (int call = 0, most = 3; call < most; ++call) {
    const double start = thread_s();
    program.call(memory.pointers());
    seconds = std::min(seconds, thread_s() - start);
    if (seconds > 0.02) break;
  }
  return std::max(seconds, 1e-8);
}

std::function<void()> repeated(const Program& program, const Memory& memory, double count) {
  return [&program, pointers = memory.pointers(), count = static_cast<std::int64_t>(count)] {
    for (std::int64_t call = 0; call < count; ++call) program.call(pointers);
  };
}

/// A number that a process and those it forks share.
struct SharedCount {
  SharedCount() {
    void* place =
        ::mmap(nullptr, sizeof(std::atomic<int>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (place == MAP_FAILED)
      throw environment_error(fmt::format("cannot share memory: {}", std::strerror(errno)));
    count = new (place) std::atomic<int>(0);
  }
  ~SharedCount() { ::munmap(count, sizeof(std::atomic<int>)); }
  SharedCount(const SharedCount&) = delete;
  SharedCount& operator=(const SharedCount&) = delete;
  std::atomic<int>* count = nullptr;
};

}  // namespace

#if defined(__SSE2__)
NoDenormals::NoDenormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040u); }
NoDenormals::~NoDenormals() { _mm_setcsr(before_); }
#else
NoDenormals::NoDenormals() = default;
NoDenormals::~NoDenormals() = default;
#endif

Memory::Memory(const std::vector<Argument>& arguments, std::uint64_t seed) : arguments_(arguments) {
  for (std::size_t i = 0; i < arguments_.size(); ++i) {
    const std::size_t room = (arguments_[i].bytes() + kPage - 1) / kPage * kPage + kPage;
    void* block = std::aligned_alloc(kPage, room);
    if (block == nullptr) throw std::bad_alloc();
    blocks_.push_back(block);
    pointers_.push_back(static_cast<char*>(block) + (i * 5 + 1) * kLine % (kPage / 2));
    bytes_ += arguments_[i].bytes();
  }
  fill(seed);
}

Memory::~Memory() {
  for (void* block : blocks_) std::free(block);
}

void Memory::fill(std::uint64_t seed) {
  for (std::size_t i = 0; i < arguments_.size(); ++i) {
    Rng rng(seed, "kernel memory", i);
    switch (arguments_[i].element) {
      case Element::f32:
        fill_with<float>(arguments_[i], pointers_[i], rng);
        break;
      case Element::f64:
        fill_with<double>(arguments_[i], pointers_[i], rng);
        break;
      case Element::i32:
        fill_with<std::int32_t>(arguments_[i], pointers_[i], rng);
        break;
      case Element::i64:
        fill_with<std::int64_t>(arguments_[i], pointers_[i], rng);
        break;
    }
  }
}

double Memory::difference(const Memory& other) const {
  if (arguments_.size() != other.arguments_.size())
    throw internal_error("memory of different functions compared");
  double most = 0.0;
  for (std::size_t i = 0; i < arguments_.size(); ++i) {
    const auto count = static_cast<std::size_t>(arguments_[i].elements());
    const void* a = pointers_[i];
    const void* b = other.pointers_[i];
    if (std::memcmp(a, b, arguments_[i].bytes()) == 0) continue;
    switch (arguments_[i].element) {
      case Element::f32:
        most = std::max(most, difference_of<float>(a, b, count));
        break;
      case Element::f64:
        most = std::max(most, difference_of<double>(a, b, count));
        break;
      case Element::i32:
        most = std::max(most, difference_of<std::int32_t>(a, b, count));
        break;
      case Element::i64:
        most = std::max(most, difference_of<std::int64_t>(a, b, count));
        break;
    }
  }
  return most;
}

std::string extents_text(const std::vector<Argument>& arguments) {
  std::string text;
  for (std::size_t i = 0; i < arguments.size(); ++i)
    if (arguments[i].extent > 0)
      text += fmt::format("{}argument {} is {}", text.empty() ? "" : ", ", i + 1, arguments[i].extent);
  return text;
}

void need_memory(const std::vector<Argument>& arguments, const std::string& file, int copies) {
  const double memory =
      static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  const auto need = [&](const std::string& what, double bytes) {
    if (!(copies * bytes > memory)) return;
    throw Error(
        fmt::format("{} {}{}, and this machine has {} of memory", what, quantity_text("memory_bytes", bytes),
                    copies > 1 ? fmt::format(", {} times over", copies) : "",
                    quantity_text("memory_bytes", memory)),
        Place{file, 0, ""}, "give it smaller shapes");
  };
  double all = 0.0;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    double bytes = static_cast<double>(element_bytes(arguments[i].element));
    for (const std::int64_t extent : arguments[i].shape) bytes *= static_cast<double>(extent);
    need(fmt::format("argument {} takes", i + 1), bytes);
    all += bytes;
  }
  need("its arguments take", all);
}

TrialCall trial_call(const Program& program, const Memory& memory, double limit_s,
                     const cost::Interrupted& interrupted, int calls) {
  const SharedCount came_back;
  const pid_t self = ::getpid(), child = ::fork();
  if (child < 0) throw environment_error(fmt::format("cannot start a process: {}", std::strerror(errno)));
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != self) ::_exit(1);
    for (int call = 0; call < calls; ++call) {
      program.call(memory.pointers());
      came_back.count->store(call + 1);
    }
    ::_exit(0);
  }
  const auto which = [&] {
    const int back = came_back.count->load();
    return back == 0 ? std::string("it")
                     : fmt::format("call {}, on what earlier ones left in its buffers,", back + 1);
  };
  double start = monotonic_s();
  for (int seen = 0;;) {
    int status = 0;
    if (const int back = came_back.count->load(); back > seen) {  // each call has its own time
      seen = back;
      start = monotonic_s();
    }
    const pid_t ended = ::waitpid(child, &status, WNOHANG);
    if (ended == child)
      return {.failed = WIFSIGNALED(status)
                            ? fmt::format("{} crashed ({})", which(), ::strsignal(WTERMSIG(status)))
                            : std::string()};
    const double waited = monotonic_s() - start;
    const bool stop = interrupted && interrupted();
    if (stop || waited > limit_s) {
      ::kill(child, SIGKILL);
      ::waitpid(child, &status, 0);
      if (stop) return {.failed = "it was interrupted", .interrupted = true};
      return {.failed = fmt::format("{} took more than {:.3g} s", which(), limit_s), .late = true};
    }
    ::usleep(waited < 0.01 ? 100 : 2000);
  }
}

bool need_runnable(const Program& program, const Memory& memory, const std::string& file,
                   const cost::Interrupted& interrupted, double limit_s) {
  const TrialCall call = trial_call(program, memory, limit_s, interrupted, 3);
  if (call.interrupted) return false;
  if (!call.failed.empty())
    throw Error(
        fmt::format("the function cannot be measured: {}", call.failed), Place{file, 0, ""},
        call.late
            ? "do all its loops end, whatever its buffers hold? hone-label show and tune take --call-seconds"
            : "do all its indices lie within its buffers?");
  return true;
}

std::vector<cost::Timing> time_programs(const std::vector<const Program*>& programs,
                                        const std::vector<const Memory*>& memory, const RunOptions& options,
                                        const cost::Interrupted& interrupted) {
  const NoDenormals no_denormals;
  std::vector<std::function<void()>> subjects;
  std::vector<double> calls;
  double slowest = 0.0;
  for (std::size_t i = 0; i < programs.size(); ++i) {
    const double seconds = estimated_s(*programs[i], *memory[i]);
    calls.push_back(std::clamp(std::ceil(options.min_repeat_s / seconds), 1.0, 1e6));
    slowest = std::max(slowest, seconds * calls.back());
    subjects.push_back(repeated(*programs[i], *memory[i], calls.back()));
  }
  cost::TimingOptions timing;
  timing.warmup = 1;
  timing.rounds = options.rounds;
  timing.repeats = options.repeats;
  timing.extra_repeats = options.repeats;
  timing.extra_rounds = 1;
  timing.max_seconds = options.max_seconds;
  timing.pause_seconds = 5e-4;
  timing.quiet = options.quiet;
  timing.processor = options.processor;
  if (slowest > 0.05) {  // long calls average over what disturbs them
    timing.warmup = 0;
    timing.rounds = 1;
    timing.extra_rounds = 0;
  }
  std::vector<cost::Timing> timings = cost::measure_all(subjects, timing, interrupted);
  for (std::size_t i = 0; i < timings.size(); ++i) timings[i].seconds /= calls[i];
  return timings;
}

cost::Paired compare_programs(const Program& first, const Memory& first_memory, const Program& second,
                              const Memory& second_memory, const cost::PairedOptions& options,
                              const cost::Interrupted& interrupted) {
  const NoDenormals no_denormals;
  const double one = estimated_s(first, first_memory), other = estimated_s(second, second_memory);
  // The quicker one runs so long that what the other left in the caches counts for little, the slower one not
  // for ever. Both run equally often: what disturbs more or less often would not be the same for both else.
  const double calls =
      std::clamp(std::ceil(std::min(1e-3 / std::min(one, other), 0.05 / std::max(one, other))), 1.0, 1e6);
  cost::Paired paired = cost::compare_pairs(repeated(first, first_memory, calls),
                                            repeated(second, second_memory, calls), options, interrupted);
  paired.first_s /= calls;
  paired.second_s /= calls;
  return paired;
}

cost::Timing time_program(const Program& program, const Memory& memory, const RunOptions& options,
                          const cost::Interrupted& interrupted) {
  return time_programs({&program}, {&memory}, options, interrupted).front();
}

}  // namespace hone::label
