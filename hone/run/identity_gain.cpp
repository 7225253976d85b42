// Quality under the functional key, cost under the structural one: what keeping a function's cheapest member
// is worth.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <unordered_map>

#include <fmt/format.h>

#include "hone/base/numbers.h"
#include "hone/predict/score.h"
#include "hone/run/identity_study.h"
#include "hone/run/simulator.h"
#include "hone/study/front.h"

namespace hone::run {
namespace {

/// How a member of a known function counts.
enum class Members { all, first, cheapest };

/// Points (quality, latency), oriented, by row of the landscape.
using Points = std::vector<std::vector<double>>;

/// Two objectives with a cache by function before the quality. What a search is told: the quality of the
/// function's first member; its own latency, or under `first` that member's too.
class GainBenchmark final : public task::Benchmark {
 public:
  GainBenchmark(const Landscape& landscape, const task::Recorded& device, const Points& points,
                Members members)
      : landscape_(landscape), device_(device), points_(points), members_(members) {}

  const std::string& name() const override { return device_.name(); }
  const std::string& title() const override { return device_.title(); }
  const space::Space& space() const override { return device_.space(); }
  const std::vector<study::Objective>& objectives() const override { return device_.objectives(); }
  const std::vector<study::Limit>& limits() const override { return device_.limits(); }
  std::int64_t horizon() const override { return 1; }
  std::optional<double> optimum() const override { return std::nullopt; }

  task::Evaluation evaluate(const space::Config& config, std::uint64_t, std::int64_t) const override {
    const std::size_t row = landscape_.row(config);
    proposed_.push_back(row);
    task::Evaluation evaluation;
    std::size_t quality = row, cost = row;
    if (members_ != Members::all) {
      const auto [entry, fresh] = first_.emplace(landscape_.classes({10, 10, 3})[row], row);
      quality = entry->second;
      if (members_ == Members::first) cost = quality;
      evaluation.cost_s = fresh ? 1.0 : 0.0;
    }
    const auto set = [&](std::size_t i, double oriented) {
      const study::Objective& objective = objectives()[i];
      if (!std::isfinite(oriented)) evaluation.failure = "it was not recorded";
      evaluation.measures.set(objective.name, objective.minimize ? oriented : -oriented);
    };
    set(0, points_[quality][0]);
    set(1, points_[cost][1]);
    return evaluation;
  }

  const std::vector<std::size_t>& proposed() const { return proposed_; }
  /// The rows that stay: one for each function under `first` (the first) and `cheapest`.
  std::vector<std::size_t> kept() const {
    std::vector<std::size_t> rows;
    if (members_ == Members::first)
      for (const auto& [key, row] : first_) rows.push_back(row);
    else
      rows = proposed_;  // of a function's members only the cheapest can be on the front
    return rows;
  }
  std::size_t evaluations() const { return members_ == Members::all ? proposed_.size() : first_.size(); }

 private:
  const Landscape& landscape_;
  const task::Recorded& device_;
  const Points& points_;
  Members members_;
  mutable std::vector<std::size_t> proposed_;
  mutable std::unordered_map<std::size_t, std::size_t> first_;
};

double volume(const Points& points, const std::vector<std::size_t>& rows, std::size_t most,
              const std::vector<double>& reference) {
  Points own;
  study::Front front;
  for (std::size_t i = 0; i < std::min(most, rows.size()); ++i)
    if (std::isfinite(points[rows[i]][0]) && std::isfinite(points[rows[i]][1]))
      front.insert(static_cast<std::int64_t>(rows[i]), points[rows[i]]);
  for (const auto& member : front.members()) own.push_back(member.values);
  return study::hypervolume(std::move(own), reference);
}

/// The same points with the mean quality of each function: what its members reach is one value and luck, and
/// luck is no gain.
Points with_function_means(const Landscape& landscape, Points points) {
  std::unordered_map<std::size_t, std::pair<double, double>> sums;
  const auto& functions = landscape.functions();
  for (std::size_t row = 0; row < points.size(); ++row) {
    if (!std::isfinite(points[row][0])) continue;
    sums[functions[row]].first += points[row][0];
    sums[functions[row]].second += 1.0;
  }
  for (std::size_t row = 0; row < points.size(); ++row)
    if (std::isfinite(points[row][0]))
      points[row][0] = sums[functions[row]].first / sums[functions[row]].second;
  return points;
}

/// (most - least) / mean of the latency within a function, the median over functions of several members.
double latency_spread(const Landscape& landscape, const Points& points) {
  struct Range {
    double least = kInfinity, most = 0.0, sum = 0.0, n = 0.0;
  };
  std::unordered_map<std::size_t, Range> ranges;
  const auto& functions = landscape.functions();
  for (std::size_t row = 0; row < points.size(); ++row) {
    Range& range = ranges[functions[row]];
    range.least = std::min(range.least, points[row][1]);
    range.most = std::max(range.most, points[row][1]);
    range.sum += points[row][1];
    range.n += 1.0;
  }
  std::vector<double> spreads;
  for (const auto& [first, range] : ranges)
    if (range.n > 1.0 && range.sum > 0.0) spreads.push_back((range.most - range.least) * range.n / range.sum);
  return spreads.empty() ? 0.0 : predict::upper_median(std::move(spreads));
}

}  // namespace

GainRow study_gain(const Landscape& landscape, const task::Recorded& device,
                   const IdentityStudyOptions& options) {
  GainRow gain;
  gain.table = landscape.name();
  gain.device = device.objectives().at(1).name;
  if (options.progress) options.progress(fmt::format("{} on {}", gain.table, gain.device));
  Points points;
  for (std::size_t row = 0; row < landscape.size(); ++row) {
    const task::Evaluation evaluation = device.at_row(row, 1);
    std::vector<double> point = study::oriented(device.objectives(), evaluation.measures);
    if (!evaluation.failure.empty()) point.assign(2, kInfinity);
    points.push_back(std::move(point));
  }
  gain.spread = latency_spread(landscape, points);
  const std::vector<double> reference = device.reference();
  const Points truth = with_function_means(landscape, points);
  std::vector<std::size_t> everything(points.size());
  std::iota(everything.begin(), everything.end(), std::size_t{0});
  constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();
  const double whole = volume(truth, everything, kAll, reference);
  std::vector<double> differences;
  const auto n = static_cast<double>(options.seeds);
  for (std::int64_t seed = 0; seed < options.seeds; ++seed) {
    const auto run = [&](Members members) {
      auto benchmark = std::make_shared<GainBenchmark>(landscape, device, points, members);
      Simulation simulation;
      simulation.searcher = "nsga2";
      simulation.seed = static_cast<std::uint64_t>(seed);
      simulation.trials = options.proposals;
      simulate(Problem(benchmark), simulation);
      return benchmark;
    };
    const auto all = run(Members::all), first = run(Members::first), cheapest = run(Members::cheapest);
    const double equal = volume(truth, all->kept(), cheapest->evaluations(), reference) / whole;
    const double kept = volume(truth, cheapest->kept(), kAll, reference) / whole;
    gain.all += volume(truth, all->kept(), kAll, reference) / whole / n;
    gain.all_at_equal += equal / n;
    gain.first += volume(truth, first->kept(), kAll, reference) / whole / n;
    gain.cheapest += kept / n;
    gain.evaluations_all += static_cast<double>(all->evaluations()) / n;
    gain.evaluations += static_cast<double>(cheapest->evaluations()) / n;
    differences.push_back(kept - equal);
  }
  double mean = 0.0, squares = 0.0;
  for (const double difference : differences) mean += difference / n;
  for (const double difference : differences) squares += (difference - mean) * (difference - mean);
  if (n > 1.0) gain.error = std::sqrt(squares / (n - 1.0) / n);
  return gain;
}

}  // namespace hone::run
