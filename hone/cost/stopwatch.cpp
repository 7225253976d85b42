#include "hone/cost/stopwatch.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <thread>

#include "hone/base/clock.h"
#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/predict/score.h"

namespace hone::cost {

namespace {

std::atomic<double> best_reference_s{kInfinity};

struct Sample {
  double seconds;
  double reference;  ///< the slower of the reference runs before and after
};

/// One call of measure_all: what has been seen so far, and the rounds that add to it.
class Session {
 public:
  Session(const std::vector<std::function<void()>>& subjects, const TimingOptions& options,
          const Interrupted& interrupted)
      : subjects_(subjects),
        options_(options),
        interrupted_(interrupted),
        own_time_(options.clock || options.reference),
        samples_(subjects.size()) {
    if (options.rounds < 1 || options.repeats < 1 || options.warmup < 0 || options.extra_repeats < 0 ||
        options.extra_rounds < 0 || !(options.quantile >= 0.0 && options.quantile <= 1.0) ||
        !(options.tolerance >= 1.0))
      throw internal_error("impossible options for a measurement");
  }

  std::vector<Timing> run() {
    MachineLock lock;
    locked_ = options_.quiet && lock.enabled();
    for (int round = 0; round < options_.rounds + options_.extra_rounds; ++round) {
      if (round >= options_.rounds && steady()) break;
      if (over()) break;
      if (round > 0 && options_.pause_seconds > 0.0)
        std::this_thread::sleep_for(std::chrono::duration<double>(options_.pause_seconds));
      if (options_.quiet) {
        const Quiet quiet(lock, interrupted_);
        if (!quiet.held()) break;
        measure_round(round);
      } else {
        measure_round(round);
      }
    }
    std::vector<Timing> timings;
    for (std::size_t subject = 0; subject < subjects_.size(); ++subject) timings.push_back(timing(subject));
    return timings;
  }

 private:
  double now() const {
    return options_.clock ? options_.clock() : options_.processor ? thread_s() : monotonic_s();
  }

  bool stopped() const { return interrupted_ && interrupted_(); }

  /// Whether nothing more is to be measured: interrupted, or out of time with one repeat of each.
  bool over() const {
    const bool any = std::all_of(samples_.begin(), samples_.end(), [](const auto& s) { return !s.empty(); });
    return stopped() || (any && spent_ >= options_.max_seconds);
  }

  double time_of(const std::function<void()>& subject) const {
    const double start = now();
    subject();
    return now() - start;
  }

  double time_reference() {
    const double start = now();
    if (options_.reference) {
      options_.reference();
    } else {
      reference_kernel();
    }
    const double seconds = now() - start;
    best_ = std::min(best_, seconds);
    if (!own_time_) {
      double known = best_reference_s.load();
      while (seconds < known && !best_reference_s.compare_exchange_weak(known, seconds)) {
      }
      best_ = std::min(best_, known);
    }
    return seconds;
  }

  bool undisturbed(const Sample& sample) const { return sample.reference <= options_.tolerance * best_; }

  void measure_round(int round) {
    ++rounds_;
    const double start = now();
    const double spent_before = spent_;
    const auto update_spent = [&] { spent_ = spent_before + (now() - start); };
    std::vector<std::size_t> first;  // where this round's samples begin
    for (const auto& samples : samples_) first.push_back(samples.size());

    const int warmup = round == 0 ? options_.warmup : std::min(options_.warmup, 1);
    for (int call = 0; call < warmup && !over(); ++call) {
      for (const auto& subject : subjects_) {
        if (stopped()) return;
        subject();
      }
      update_spent();
    }
    time_reference();  // brings its own data and code back into the caches
    double before = time_reference();
    for (int repeat = 0; repeat < options_.repeats + options_.extra_repeats; ++repeat) {
      for (std::size_t subject = 0; subject < subjects_.size(); ++subject) {
        if (over()) return;
        const auto& samples = samples_[subject];
        const auto begin = samples.begin() + static_cast<std::ptrdiff_t>(first[subject]);
        const auto good =
            std::count_if(begin, samples.end(), [&](const Sample& s) { return undisturbed(s); });
        if (repeat >= options_.repeats && good >= options_.repeats) continue;
        const double seconds = time_of(subjects_[subject]);
        const double after = time_reference();
        samples_[subject].push_back({seconds, std::max(before, after)});
        before = after;
        update_spent();
      }
    }
  }

  Timing timing(std::size_t subject) const {
    Timing result;
    std::vector<double> all, good;
    for (const Sample& sample : samples_[subject]) {
      all.push_back(sample.seconds);
      if (undisturbed(sample)) good.push_back(sample.seconds);
    }
    // Half of what was planned for the rounds that were made is enough, or half of what time allowed.
    const std::size_t planned = std::min<std::size_t>(
        static_cast<std::size_t>(options_.repeats) * static_cast<std::size_t>(rounds_), all.size());
    const bool enough = !good.empty() && 2 * good.size() >= planned;
    const std::vector<double>& counted = enough ? good : all;
    result.seconds = predict::quantile(counted, options_.quantile);
    const double low = predict::quantile(counted, 0.2);
    result.spread = counted.size() < 2 || low <= 0.0 ? 0.0 : (predict::quantile(counted, 0.8) - low) / low;
    result.repeats = static_cast<int>(counted.size());
    result.discarded = static_cast<int>(all.size() - counted.size());
    result.rounds = rounds_;
    result.disturbed = !enough || result.spread > options_.max_spread;
    result.locked = locked_;
    return result;
  }

  bool steady() const {
    for (std::size_t subject = 0; subject < subjects_.size(); ++subject)
      if (timing(subject).disturbed) return false;
    return true;
  }

  const std::vector<std::function<void()>>& subjects_;
  const TimingOptions& options_;
  const Interrupted& interrupted_;
  const bool own_time_;
  std::vector<std::vector<Sample>> samples_;
  double best_ = kInfinity;
  double spent_ = 0.0;
  int rounds_ = 0;
  bool locked_ = false;
};

}  // namespace

void reference_kernel() {
  static thread_local std::array<double, 2048> data = [] {
    std::array<double, 2048> start{};
    for (std::size_t i = 0; i < start.size(); ++i) start[i] = 1.0 + static_cast<double>(i) / 4096.0;
    return start;
  }();
  // Contracting towards 1: the values stay normal numbers however often it runs.
  for (int pass = 0; pass < 240; ++pass)
    for (double& value : data) value = value * 0.75 + 0.25;
  double chain = data[0];
  for (int step = 0; step < 12000; ++step) chain = chain * 0.999 + 0.001;
  data[0] = chain;  // kept, so that nothing of it can be left out
}

std::vector<Timing> measure_all(const std::vector<std::function<void()>>& subjects,
                                const TimingOptions& options, const Interrupted& interrupted) {
  return Session(subjects, options, interrupted).run();
}

Timing measure(const std::function<void()>& subject, const TimingOptions& options,
               const Interrupted& interrupted) {
  return measure_all({subject}, options, interrupted).front();
}

}  // namespace hone::cost
