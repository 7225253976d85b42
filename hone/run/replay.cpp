#include "hone/run/replay.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>

#include "hone/base/numbers.h"
#include "hone/base/rng.h"
#include "hone/predict/shrinkage.h"
#include "hone/run/simulator.h"

namespace hone::run {
namespace {

/// What stands between a search and its evaluations, and what it costs. Less is better.
class KnownResults {
 public:
  KnownResults(const Landscape& landscape, const Replay& replay)
      : landscape_(landscape),
        replay_(replay),
        classes_(landscape.classes(replay.probe)),
        functions_(landscape.functions()) {}

  /// The value that the search is told for a design; `paid`: whether it was evaluated.
  double value(std::size_t row, bool& paid) {
    ++result_.proposals;
    paid = false;
    const bool caches = replay_.policy != "off" && replay_.policy != "count";
    const std::size_t key = replay_.policy == "config" ? row : classes_[row];
    Entry& entry = entries_[caches ? key : next_++];
    double told = 0.0;
    if (replay_.policy == "average" && entry.n > 0 && entry.n < replay_.evaluations) {
      paid = true;
      if (functions_[entry.row] != functions_[row]) ++result_.collisions;
      const double value = evaluate(row), before = value - entry.mean;
      entry.mean += before / static_cast<double>(++entry.n);
      entry.squares += before * (value - entry.mean);
      told = entry.mean;
    } else if (entry.n > 0) {
      ++result_.hits;
      if (functions_[entry.row] != functions_[row]) ++result_.collisions;
      told = entry.mean;
      if (replay_.policy == "forget" &&
          Rng(replay_.seed, "replay forget", static_cast<std::uint64_t>(result_.proposals)).uniform() <
              replay_.forget)
        entry.n = 0;
    } else {
      paid = true;
      entry = {evaluate(row), 0.0, 1, row};
      told = entry.mean;
    }
    judge(row, told, paid);
    return told;
  }

  Replayed finish() {
    if (!result_.curve.empty()) result_.quality = result_.curve.back().second;
    return std::move(result_);
  }

 private:
  struct Entry {
    double mean = 0.0;
    double squares = 0.0;  ///< of deviations from the mean
    std::int64_t n = 0;
    std::size_t row = 0;  ///< the design that stands for it
  };

  double evaluate(std::size_t row) {
    Rng rng(replay_.seed, "replay noise", static_cast<std::uint64_t>(result_.evaluations++));
    const double value =
        replay_.recorded_noise ? landscape_.one_seed(row, rng.next()) : landscape_.value(row);
    return replay_.noise > 0.0 ? value + replay_.noise * rng.normal() : value;
  }

  /// Keeps which design is held for the best. Under `average` means move, so that it is looked for anew.
  void judge(std::size_t row, double told, bool paid) {
    std::size_t chosen = chosen_;
    if (replay_.policy == "average") {
      if (!paid) return;
      chosen = best_by_means();
    } else if (told < least_) {
      least_ = told;
      chosen = row;
    }
    if (chosen == chosen_) return;
    chosen_ = chosen;
    result_.curve.emplace_back(result_.evaluations, landscape_.value(chosen));
  }

  /// The design of the best posterior mean (predict::posterior_means).
  std::size_t best_by_means() const {
    std::vector<predict::Repeated> all;
    for (const auto& [key, entry] : entries_) all.push_back({entry.mean, entry.squares, entry.n});
    const auto means = predict::posterior_means(all);
    std::size_t chosen = chosen_, i = 0;
    double least = kInfinity;
    for (const auto& [key, entry] : entries_) {
      const double value = means[i++];
      if (value > least || (value == least && entry.row > chosen)) continue;
      least = value;
      chosen = entry.row;
    }
    return chosen;
  }

  const Landscape& landscape_;
  const Replay& replay_;
  const std::vector<std::size_t>& classes_;
  const std::vector<std::size_t>& functions_;
  std::map<std::size_t, Entry> entries_;
  std::size_t next_ = 0;
  std::size_t chosen_ = std::numeric_limits<std::size_t>::max();
  double least_ = kInfinity;
  Replayed result_;
};

/// The landscape behind the cache as a problem for the engine. Evaluations take a second, hits none.
class CachedBenchmark final : public task::Benchmark {
 public:
  CachedBenchmark(const Landscape& landscape, KnownResults& cache) : landscape_(landscape), cache_(cache) {
    objectives_ = {landscape.recorded().objectives().front()};
  }
  const std::string& name() const override { return landscape_.name(); }
  const std::string& title() const override { return landscape_.name(); }
  const space::Space& space() const override { return landscape_.recorded().space(); }
  const std::vector<study::Objective>& objectives() const override { return objectives_; }
  const std::vector<study::Limit>& limits() const override { return limits_; }
  std::int64_t horizon() const override { return 1; }
  std::optional<double> optimum() const override { return std::nullopt; }

  task::Evaluation evaluate(const space::Config& config, std::uint64_t, std::int64_t) const override {
    bool paid = false;
    const double value = cache_.value(landscape_.row(config), paid);
    task::Evaluation evaluation;
    evaluation.cost_s = paid ? 1.0 : 0.0;
    if (std::isfinite(value))
      evaluation.measures.set(objectives_.front().name, landscape_.shown(value));
    else
      evaluation.failure = "it was not recorded";
    return evaluation;
  }

 private:
  const Landscape& landscape_;
  KnownResults& cache_;
  std::vector<study::Objective> objectives_;
  std::vector<study::Limit> limits_ = {};
};

/// "Regularized Evolution for Image Classifier Architecture Search", over the rows of a table: whatever comes
/// is proposed, known or not.
void evolve(const Landscape& landscape, const Replay& replay, KnownResults& cache) {
  const auto option = [&](const char* name, std::int64_t fallback) {
    return static_cast<std::size_t>(replay.searcher_options.value(name, fallback));
  };
  const std::size_t size = option("population", 100), sample = option("sample", 10),
                    changes = option("changes", 1);
  const space::Space& space = landscape.recorded().space();
  std::deque<std::pair<std::size_t, double>> population;
  Rng rng(replay.seed, "published evolution");
  for (std::int64_t i = 0; i < replay.proposals; ++i) {
    space::Config config;
    if (population.size() < size) {
      config = space.sample(rng);
    } else {
      auto best = population[rng.below(size)];
      for (std::size_t k = 1; k < sample; ++k)
        if (const auto& other = population[rng.below(size)]; other.second < best.second) best = other;
      space::Point point = space.encode(landscape.recorded().table().config(best.first));
      for (std::size_t k = 0; k < changes; ++k) {
        // Another value of one parameter: that of a random config which differs there.
        const std::size_t gene = rng.below(space.size());
        for (int tries = 0; tries < 100; ++tries) {
          const double other = space.encode(space.sample(rng))[gene];
          if (std::isnan(other) || other == point[gene]) continue;
          point[gene] = other;
          break;
        }
      }
      config = space.decode(point);
    }
    const std::size_t row = landscape.row(config);
    bool paid = false;
    population.emplace_back(row, cache.value(row, paid));
    if (population.size() > size) population.pop_front();
  }
}

}  // namespace

double Replayed::evaluations_to(double value) const {
  for (const auto& [n, reached] : curve)
    if (reached <= value) return static_cast<double>(n);
  return kInfinity;
}

Replayed replay(const Landscape& landscape, const Replay& replay) {
  KnownResults cache(landscape, replay);
  if (replay.published) {
    evolve(landscape, replay, cache);
    return cache.finish();
  }
  Simulation simulation;
  simulation.searcher = replay.searcher;
  simulation.searcher_options = replay.searcher_options;
  simulation.seed = replay.seed;
  simulation.proposals = replay.proposals;
  const Simulated simulated =
      simulate(Problem(std::make_shared<CachedBenchmark>(landscape, cache)), simulation);
  Replayed result = cache.finish();
  // What the engine did not pass on: configs that were known.
  result.proposals += simulated.saved.repeated_config;
  result.hits += simulated.saved.repeated_config;
  return result;
}

}  // namespace hone::run
