#include "hone/cost/paired.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <optional>
#include <thread>
#include <vector>

#include "hone/base/clock.h"
#include "hone/base/error.h"
#include "hone/base/rng.h"
#include "hone/cost/stopwatch.h"
#include "hone/predict/score.h"

namespace hone::cost {

namespace {

constexpr int kPairsALock = 10;  ///< pairs under one taking of the machine's lock
constexpr double kLow = 0.2;     ///< quantile of what is told of each subject

/// One call of compare_pairs: the pairs so far.
class Pairing {
 public:
  Pairing(const std::function<void()>& first, const std::function<void()>& second,
          const PairedOptions& options, const Interrupted& interrupted)
      : first_(first),
        second_(second),
        options_(options),
        interrupted_(interrupted),
        rng_(options.seed, "pairs") {
    if (!(options.worthwhile > 0.0 && options.worthwhile <= 1.0) ||
        !(options.error > 0.0 && options.error < 1.0) || options.first_pairs < 1 || options.looks < 1 ||
        options.looks > 6 || options.first_pairs > 1000 >> (options.looks - 1))
      throw internal_error("impossible options for a comparison in pairs");
  }

  Paired run() {
    Paired result;
    const double error = options_.error / options_.looks;
    int wanted = options_.first_pairs;
    bool whole = true;
    for (int look = 0; look < options_.looks && !result.faster && whole; ++look, wanted *= 2) {
      // Where pairs end early, for reasons that ask no coin, this look is at fewer, and the last one.
      whole = measure(wanted, look > 0);
      const int pairs = static_cast<int>(ratios_.size());
      result.faster = heads_probability(wins_, pairs) <= error;
      if (heads_probability(pairs - wins_, pairs) <= error) break;
    }
    result.pairs = static_cast<int>(ratios_.size());
    result.wins = wins_;
    result.ratio = predict::quantile(ratios_, 0.5);
    const double low = predict::quantile(ratios_, 0.2);
    result.spread = ratios_.size() < 2 ? 0.0 : (predict::quantile(ratios_, 0.8) - low) / low;
    result.first_s = predict::quantile(of_first_, kLow);
    result.second_s = predict::quantile(of_second_, kLow);
    return result;
  }

 private:
  double now() const { return options_.clock ? options_.clock() : thread_s(); }

  double time_of(const std::function<void()>& subject) const {
    const double start = now();
    subject();
    return std::max(now() - start, std::numeric_limits<double>::min());
  }

  /// Makes pairs until there are so many. False: interrupted before, or out of time where that counts.
  bool measure(int wanted, bool timed) {
    const auto over = [&] {
      return (timed && spent_ >= options_.max_seconds) || (interrupted_ && interrupted_());
    };
    MachineLock lock;
    while (static_cast<int>(ratios_.size()) < wanted) {
      if (over()) return false;
      if (!ratios_.empty() && options_.pause_seconds > 0.0)
        std::this_thread::sleep_for(std::chrono::duration<double>(options_.pause_seconds));
      std::optional<Quiet> quiet;
      if (options_.quiet && !quiet.emplace(lock, interrupted_).held()) return false;
      for (int pair = 0; pair < kPairsALock && static_cast<int>(ratios_.size()) < wanted; ++pair) {
        if (over()) return false;
        add_pair();
      }
    }
    return true;
  }

  void add_pair() {
    double one = 0.0, other = 0.0;
    if (rng_.below(2) == 0) {
      one = time_of(first_);
      other = time_of(second_);
    } else {
      other = time_of(second_);
      one = time_of(first_);
    }
    spent_ += one + other;
    if (other < options_.worthwhile * one) ++wins_;
    ratios_.push_back(one / other);
    of_first_.push_back(one);
    of_second_.push_back(other);
  }

  const std::function<void()>& first_;
  const std::function<void()>& second_;
  const PairedOptions& options_;
  const Interrupted& interrupted_;
  Rng rng_;
  std::vector<double> ratios_, of_first_, of_second_;
  double spent_ = 0.0;
  int wins_ = 0;
};

}  // namespace

Paired compare_pairs(const std::function<void()>& first, const std::function<void()>& second,
                     const PairedOptions& options, const Interrupted& interrupted) {
  return Pairing(first, second, options, interrupted).run();
}

double heads_probability(int heads, int tosses) {
  // Binomial coefficients by 2^tosses, from none on.
  double term = std::ldexp(1.0, -tosses), sum = 0.0;
  for (int count = 0; count <= tosses; ++count) {
    if (count >= heads) sum += term;
    term *= static_cast<double>(tosses - count) / (count + 1);
  }
  return std::min(1.0, sum);
}

}  // namespace hone::cost
