#include "hone/cost/calibrate.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <ctime>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>

#include "hone/base/clock.h"
#include "hone/base/error.h"
#include "hone/base/files.h"
#include "hone/cost/calibrate_kernels.h"
#include "hone/cost/data_caches.h"
#include "hone/cost/memory.h"
#include "hone/cost/stopwatch.h"
#include "hone/predict/score.h"

extern char** environ;

namespace hone::cost {
namespace {

/// Runs `body(thread)` on n threads that begin together; seconds from the first's beginning to the last's
/// end.
double together(int n, const std::function<void(int)>& body) {
  if (n == 1) {
    const double began = monotonic_s();
    body(0);
    return monotonic_s() - began;
  }
  std::atomic<int> ready = 0;
  std::atomic<bool> go = false;
  std::vector<double> began(static_cast<std::size_t>(n)), ended(began);
  std::vector<std::thread> threads;
  for (int t = 0; t < n; ++t)
    threads.emplace_back([&, t] {
      ++ready;
      while (!go) std::this_thread::yield();
      began[static_cast<std::size_t>(t)] = monotonic_s();
      body(t);
      ended[static_cast<std::size_t>(t)] = monotonic_s();
    });
  while (ready < n) std::this_thread::yield();
  go = true;
  for (std::thread& thread : threads) thread.join();
  return *std::max_element(ended.begin(), ended.end()) - *std::min_element(began.begin(), began.end());
}

/// A rate that is measured over and over.
struct Subject {
  std::string what;
  std::function<double(std::size_t times)> run;  ///< seconds of so many times
  double amount = 0.0;                           ///< of one time
  std::function<void(const Rate&)> keep;
  std::size_t times = 0;
  std::vector<double> rates = {};
};

void measure_once(Subject& subject, double repeat_s) {
  if (subject.times == 0) {
    std::size_t times = 1;
    double took = subject.run(times);
    while (took < 0.25 * repeat_s && times < (std::size_t{1} << 40)) {
      times = took > 0.0
                  ? std::max(2 * times,
                             static_cast<std::size_t>(static_cast<double>(times) * 0.3 * repeat_s / took))
                  : 16 * times;
      took = subject.run(times);
    }
    subject.times = std::max<std::size_t>(
        1, static_cast<std::size_t>(static_cast<double>(times) * repeat_s / std::max(took, 1e-9)));
  }
  const double seconds = subject.run(subject.times);
  if (seconds > 0.0) subject.rates.push_back(subject.amount * static_cast<double>(subject.times) / seconds);
}

Rate rate_of(const std::vector<double>& rates) {
  if (rates.empty()) return {};
  const double best = *std::max_element(rates.begin(), rates.end());
  return {best, (best - predict::quantile(rates, 0.5)) / best};
}

/// What is written here cannot be left out; by several threads at once.
std::atomic<double> g_sink;
void use_up(double value) { g_sink.store(value, std::memory_order_relaxed); }

int times_called(int x) { return x + 1; }
int (*volatile g_function)(int) = times_called;

double call_seconds(std::size_t times) {
  const double began = monotonic_s();
  int value = 0;
  for (std::size_t i = 0; i < times; ++i) value = g_function(value);
  use_up(value);
  return monotonic_s() - began;
}

/// Two threads that wake each other in turn.
double wakeup_seconds(std::size_t times) {
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t turn = 0;
  const auto play = [&](std::size_t me) {
    for (std::size_t i = 0; i < times; ++i) {
      std::unique_lock<std::mutex> lock(mutex);
      changed.wait(lock, [&] { return turn % 2 == me; });
      ++turn;
      changed.notify_one();
    }
  };
  const double began = monotonic_s();
  std::thread other(play, 1);
  play(0);
  other.join();
  return monotonic_s() - began;
}

double process_seconds(std::size_t times, const std::string& program) {
  const double began = monotonic_s();
  for (std::size_t i = 0; i < times; ++i) {
    pid_t child = 0;
    char* arguments[] = {const_cast<char*>(program.c_str()), nullptr};
    if (::posix_spawn(&child, program.c_str(), nullptr, nullptr, arguments, environ) != 0) return 0.0;
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
  }
  return monotonic_s() - began;
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

void add_peaks(std::vector<Subject>& subjects, DeviceProfile& profile) {
  const int all = profile.cores;
  for (const PeakKernel& kernel : peak_kernels())
    for (const bool one : {true, false}) {
      if (!one && all == 1) continue;
      const int threads = one ? 1 : all;
      subjects.push_back({fmt::format("{}, {} thread{}", kernel.type, threads, threads == 1 ? "" : "s"),
                          [kernel, threads](std::size_t times) {
                            return together(threads, [&](int) { use_up(kernel.run(times)); });
                          },
                          kernel.operations * threads,
                          [&profile, kernel, one, all](const Rate& rate) {
                            if (one) profile.peak_one[kernel.type] = rate;
                            if (!one || all == 1) profile.peak[kernel.type] = rate;
                          }});
    }
}

/// Working sets: one buffer a thread, all of the largest size; every level uses a part.
class WorkingSets {
 public:
  /// `main_bytes`: of the largest.
  WorkingSets(int threads, double main_bytes)
      : first_(static_cast<std::size_t>(main_bytes) / 4096 * 4096 + 4096),
        further_(std::max<std::size_t>(first_ / static_cast<std::size_t>(threads), 4096)) {
    for (int t = 0; t < threads; ++t) {
      // Filled, so that every page is there.
      const std::size_t size = t == 0 ? first_ : further_;
      buffers_.push_back(std::make_unique<char[]>(size + 64));
      std::memset(buffers_.back().get(), t + 1, size + 64);
      char* at = buffers_.back().get();
      data_.push_back(at + (64 - reinterpret_cast<std::uintptr_t>(at) % 64) % 64);
    }
  }

  /// Within every thread's buffer, in whole steps of the reader.
  std::size_t size(double bytes, int threads) const {
    return std::clamp<std::size_t>(static_cast<std::size_t>(bytes), 1024, threads == 1 ? first_ : further_) /
           1024 * 1024;
  }
  char* of(int thread) const { return data_[static_cast<std::size_t>(thread)]; }

 private:
  std::size_t first_,
      further_;  ///< bytes of the first thread's buffer, which is alone at times, and of others
  std::vector<std::unique_ptr<char[]>> buffers_;
  std::vector<char*> data_;
};

void keep_best(Rate& rate, const Rate& found) {
  if (found.value > rate.value) rate = found;
}

/// Reading and copying within a level, `bytes` of it by so many threads.
void add_level(std::vector<Subject>& subjects, DeviceProfile& profile, std::size_t level, double bytes,
               int threads, const WorkingSets& sets) {
  const int all = profile.cores;
  const std::string& name = profile.memory[level].name;
  const std::size_t size = sets.size(bytes, threads);
  subjects.push_back({fmt::format("reading {}", name),
                      [size, threads, &sets](std::size_t times) {
                        return together(threads, [&](int t) {
                          const char* at = sets.of(t);
                          long sum = 0;
                          for (std::size_t i = 0; i < times; ++i) sum += read_bytes(at, size);
                          use_up(static_cast<double>(sum));
                        });
                      },
                      static_cast<double>(size) * threads,
                      [&profile, level, threads, all](const Rate& rate) {
                        if (threads == 1) keep_best(profile.memory[level].read_one, rate);
                        if (threads == all) keep_best(profile.memory[level].read, rate);
                      }});
  if (threads != all) return;
  subjects.push_back({fmt::format("copying within {}", name),
                      [size, threads, &sets](std::size_t times) {
                        return together(threads, [&](int t) {
                          char* at = sets.of(t);
                          for (std::size_t i = 0; i < times; ++i) {
                            std::memcpy(at + size / 2 * (i % 2), at + size / 2 * (1 - i % 2), size / 2);
                            __asm__ volatile("" : : "r"(at) : "memory");
                          }
                        });
                      },
                      static_cast<double>(size / 2) * threads,
                      [&profile, level](const Rate& rate) { keep_best(profile.memory[level].copy, rate); }});
}

/// All levels of the profile's memory. The sets must outlive the subjects.
void add_memory_levels(std::vector<Subject>& subjects, DeviceProfile& profile,
                       const std::vector<DataCache>& levels, double main_set, double available,
                       const WorkingSets& sets) {
  const int all = profile.cores;
  for (std::size_t l = 0; l <= levels.size(); ++l) {
    MemoryLevel level;
    const bool main = l == levels.size();
    level.name = main ? "DRAM" : levels[l].name;
    const double one_bytes = main ? main_set : levels[l].bytes;
    const int sharers = main ? all : std::min(levels[l].sharers, all);
    profile.memory_bytes = main ? std::max(available, main_set) : 0.0;
    level.bytes = main ? profile.memory_bytes : levels[l].bytes * std::max(1, all / sharers);
    profile.memory.push_back(level);
    for (const double share : main ? std::vector<double>{1.0} : std::vector<double>{0.5, 0.75})
      for (const int threads : all > 1 ? std::vector<int>{1, all} : std::vector<int>{1})
        add_level(subjects, profile, l, share * one_bytes / (threads == 1 ? 1 : sharers), threads, sets);
  }
}

void add_calls(std::vector<Subject>& subjects, DeviceProfile& profile) {
  const auto inverse = [](double& into) {
    return [&into](const Rate& rate) { into = rate.value > 0.0 ? 1.0 / rate.value : 0.0; };
  };
  subjects.push_back({"calls", call_seconds, 1.0, inverse(profile.call_s)});
  subjects.push_back({"threads that wake", wakeup_seconds, 2.0, inverse(profile.wakeup_s)});
  if (const std::string program = program_on_path("true"); !program.empty())
    subjects.push_back({"processes", [program](std::size_t times) { return process_seconds(times, program); },
                        1.0, inverse(profile.process_s)});
}

/// Round after round, until all are done or the time is over. Throws Error where it is interrupted.
void measure_rounds(std::vector<Subject>& subjects, const CalibrateOptions& options, double began) {
  MachineLock lock;
  const auto stop = [&] { return options.interrupted && options.interrupted(); };
  for (int round = 0; round < options.rounds; ++round) {
    if (round > 0 && monotonic_s() - began > options.max_s) break;
    std::optional<Quiet> quiet;
    if (options.quiet) quiet.emplace(lock, options.interrupted);
    for (Subject& subject : subjects) {
      if (stop() || (round > 0 && monotonic_s() - began > options.max_s)) break;
      if (options.progress) options.progress(fmt::format("round {}: {}", round + 1, subject.what));
      for (int repeat = 0; repeat < options.repeats && !stop(); ++repeat)
        measure_once(subject, options.repeat_s);
    }
    if (stop()) break;
  }
  if (stop()) throw environment_error("calibration was interrupted", "nothing was saved; run it again");
}

}  // namespace

DeviceProfile calibrate(const CalibrateOptions& options) {
  const double began = monotonic_s();
  DeviceProfile profile;
  profile.name = processor_name();
  profile.kind = "cpu";
  profile.source = "measured by hone, " + instruction_set();
  profile.cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  profile.measured_at = utc_now();
  profile.overhead_s = 2e-6;  // a tensor library's dispatch of one operator, about

  const std::vector<DataCache> levels = data_caches();
  const double available = static_cast<double>(available_bytes());
  double main_set = std::min(std::max(4.0 * levels.back().bytes, 67108864.0), options.most_bytes);
  if (available > 0.0) main_set = std::min(main_set, available / 4.0);
  const WorkingSets sets(profile.cores, main_set);
  std::vector<Subject> subjects;
  add_peaks(subjects, profile);
  add_memory_levels(subjects, profile, levels, main_set, available, sets);
  add_calls(subjects, profile);
  measure_rounds(subjects, options, began);
  for (const Subject& subject : subjects) subject.keep(rate_of(subject.rates));
  // Where neighbours never left all threads free at once: all of them do as much as one alone.
  for (const auto& [type, rate] : profile.peak_one)
    if (rate.value > profile.peak[type].value) profile.peak[type] = rate;
  for (MemoryLevel& level : profile.memory)
    if (level.read_one.value > level.read.value) level.read = level.read_one;
  return profile;
}

}  // namespace hone::cost
