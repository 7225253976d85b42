#include "hone/label/finalists.h"

#include <algorithm>

#include <fmt/format.h>

#include "hone/base/clock.h"

namespace hone::label {

namespace {

constexpr double kWorthwhile = 0.98;  ///< a winner takes less than so much of the original's time
constexpr std::size_t kFinalists = 3;
constexpr double kLeastGrace = 1.0, kMostGrace = 20.0;  ///< seconds of comparing after an interruption

}  // namespace

void Finalists::add(Finalist finalist) {
  const auto place =
      std::upper_bound(finalists_.begin(), finalists_.end(), finalist.seconds,
                       [](double seconds, const Finalist& other) { return seconds < other.seconds; });
  finalists_.insert(place, std::move(finalist));
  if (finalists_.size() > kFinalists) finalists_.pop_back();
}

void Finalists::decide(const Program& original, Memory& work, const TuneOptions& options,
                       TuneResult& result) const {
  const double searched_s = result.trials.front().seconds;
  result.original_s = result.tuned_s = searched_s;
  Memory other(original.arguments(), options.seed);
  double stopped_s = -1.0;  // when an interruption was first seen
  const auto stopped = [&] {
    if (stopped_s < 0.0 && (result.interrupted || (options.interrupted && options.interrupted()))) {
      stopped_s = monotonic_s();
      result.interrupted = true;
    }
    return stopped_s >= 0.0;
  };
  for (const Finalist& finalist : finalists_) {
    if (stopped() && &finalist != &finalists_.front()) return;
    other.fill(options.seed + 1);
    work.fill(options.seed + 1);
    original.call(other.pointers());
    finalist.program->call(work.pointers());
    if (!(work.difference(other) <= options.tolerance)) continue;
    if (options.progress) options.progress(fmt::format("comparing with the original: {}", finalist.recipe));
    other.fill(options.seed);
    work.fill(options.seed);
    cost::PairedOptions pairs;
    pairs.worthwhile = kWorthwhile;
    pairs.quiet = options.quiet;
    pairs.seed = options.seed;
    // What the search found is not thrown away for the few pairs that say whether it is sure.
    const double grace =
        std::clamp(1.2 * pairs.first_pairs * (searched_s + finalist.seconds), kLeastGrace, kMostGrace);
    const cost::Paired paired = compare_programs(original, other, *finalist.program, work, pairs, [&] {
      return stopped() && monotonic_s() >= stopped_s + grace;
    });
    stopped();
    if (paired.pairs == 0) return;
    result.original_s = result.tuned_s = paired.first_s;
    result.spread = paired.spread;
    if (paired.faster) {
      result.tuned_s = paired.second_s;
      result.speedup = paired.ratio;
      result.text = finalist.text;
      result.recipe = finalist.recipe;
      result.note.clear();
      return;
    }
    const double seen = searched_s / finalist.seconds;
    if (result.note.empty() && seen * kWorthwhile > 1.0)
      result.note = fmt::format(
          "the search measured something {:.3g} times as fast, which is not confirmed: it was faster in "
          "{} of {} pairs of calls, and repeats differ by {:.0f}%",
          seen, paired.wins, paired.pairs, 100.0 * paired.spread);
  }
}

}  // namespace hone::label
