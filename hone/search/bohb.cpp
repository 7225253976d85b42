#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <map>
#include <unordered_map>

#include "hone/base/numbers.h"
#include "hone/search/moves.h"
#include "hone/search/searcher.h"
#include "hone/study/ranking.h"

namespace hone::search {
namespace {

struct BohbSettings {
  std::size_t min_points;
  double top;
  int n_samples;
  double random_fraction;
  double bandwidth_factor;
  double min_bandwidth;
  std::size_t max_observations;
};

/// One multivariate kernel density estimate: product kernels, Gaussian for numbers, Aitchison & Aitken's for
/// choices, bandwidths by the normal reference rule.
class Density {
 public:
  Density() = default;
  Density(const Moves& moves, std::vector<space::Point> points, double min_bandwidth)
      : moves_(&moves), points_(std::move(points)) {
    const auto n = static_cast<double>(points_.size());
    const auto d = static_cast<double>(moves.free().size());
    for (const std::size_t i : moves.free()) {
      double mean = 0.0, square = 0.0;
      for (const auto& point : points_) mean += point[i] / n;
      for (const auto& point : points_) square += (point[i] - mean) * (point[i] - mean) / n;
      double width = std::max(min_bandwidth, 1.06 * std::sqrt(square) * std::pow(n, -1.0 / (4.0 + d)));
      const auto values = static_cast<double>(moves.size(i));
      if (moves.is_categorical(i)) width = std::min(width, (values - 1.0) / values);
      widths_.push_back(width);
      categorical_.push_back(moves.is_categorical(i) ? 1 : 0);
      if (moves.is_categorical(i)) {
        logs_.emplace_back(std::log(1.0 - width), std::log(width / (values - 1.0)));
      } else {
        logs_.emplace_back(-std::log(width * std::sqrt(2.0 * kPi)), -0.5 / (width * width));
      }
    }
  }

  double log_density(const space::Point& at) const {
    const auto& free = moves_->free();
    std::vector<double> logs;
    logs.reserve(points_.size());
    for (const auto& point : points_) {
      double log = 0.0;
      for (std::size_t k = 0; k < free.size(); ++k) {
        const double a = at[free[k]], b = point[free[k]];
        const auto& [first, second] = logs_[k];
        log += categorical_[k] ? (a == b ? first : second) : first + second * (a - b) * (a - b);
      }
      logs.push_back(log);
    }
    const double most = *std::max_element(logs.begin(), logs.end());
    double sum = 0.0;
    for (const double log : logs) sum += std::exp(log - most);
    return most + std::log(sum / static_cast<double>(points_.size()));
  }

  /// A point near one of the observations: numbers by a Gaussian truncated to their range whose deviation is
  /// the bandwidth times `factor`, choices kept with probability 1 - bandwidth.
  space::Point draw(double factor, Rng& rng) const {
    space::Point point = points_[rng.below(points_.size())];
    const auto& free = moves_->free();
    for (std::size_t k = 0; k < free.size(); ++k) {
      double& entry = point[free[k]];
      if (moves_->is_categorical(free[k])) {
        if (rng.uniform() < widths_[k])
          entry = static_cast<double>(rng.below(static_cast<std::uint64_t>(moves_->size(free[k]))));
        continue;
      }
      const double middle = entry;
      for (int tries = 0; tries < 100; ++tries) {  // the middle is inside: half of the draws are, at least
        entry = middle + factor * widths_[k] * rng.normal();
        if (entry >= 0.0 && entry <= 1.0) break;
      }
      entry = std::clamp(entry, 0.0, 1.0);
    }
    return point;
  }

 private:
  const Moves* moves_ = nullptr;
  std::vector<space::Point> points_;
  std::vector<double> widths_;  // by free parameter
  std::vector<std::uint8_t> categorical_;
  std::vector<std::pair<double, double>> logs_;  // of equal and other choices; of the norm, and the exponent
};

/// BOHB's model (Falkner et al., "BOHB: Robust and Efficient Hyperparameter Optimization at Scale", ICML
/// 2018, section 4.1): a density over the best results at a fidelity and one over the others, each a single
/// multidimensional kernel density estimate; of 64 points drawn near the good ones, with bandwidths widened
/// by 3, the one with the largest ratio is proposed. It is of the highest fidelity with N_min + 2 results,
/// N_min being parameters + 1; N_good = max(N_min, 15 %) of them are good, the worst max(N_min, N - N_good)
/// bad. A third of all proposals are random, and all before there is a model.
///
/// Unlike the searcher tpe it has no prior component in its densities, one bandwidth rule, random proposals
/// throughout, and does not look at trials that run.
///
/// - Failed and infeasible trials (also by breaks_limits), and values that are not finite, are the worst
///   results of the fidelity that they ran to. Several objectives: good by non-dominated rank, then crowding
///   distance.
/// - A value that a config lacks (its condition does not hold) is drawn once, from the parameter's prior.
/// - Exact up to max_observations results at a fidelity; beyond, the latest count.
class Bohb : public Searcher {
 public:
  Bohb(const Problem& problem, const BohbSettings& settings)
      : problem_(problem), settings_(settings), moves_(problem.space) {
    if (settings_.min_points == 0) settings_.min_points = moves_.free().size() + 1;
  }

  void update(const study::Change& change) override {
    using study::TrialState;
    const study::Trial& trial = *change.trial;
    if (trial.state == TrialState::deleted) {
      for (auto& [fidelity, level] : levels_) level.remove(trial.id);
      points_.erase(trial.id);
      return;
    }
    const bool lost = trial.state == TrialState::failed || trial.state == TrialState::infeasible;
    if (change.kind == study::Change::Kind::result && !lost) {
      auto values = study::oriented(problem_.objectives, change.result->measures);
      if (!std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); }) ||
          breaks_limits(problem_, trial, *change.result))
        values.clear();
      put(change.result->fidelity, trial, std::move(values));
    }
    if (!lost) return;
    for (const study::Result& result : trial.results) put(result.fidelity, trial, {});
    if (trial.target > 0) put(trial.target, trial, {});
  }

  std::optional<space::Config> ask(std::int64_t number, int attempt) override {
    Rng rng(problem_.seed, "bohb", static_cast<std::uint64_t>(number), static_cast<std::uint32_t>(attempt));
    const bool random = rng.uniform() < settings_.random_fraction;
    Level* level = random || (attempt >= 8 && attempt % 2 == 0) ? nullptr : model();
    if (level == nullptr) return problem_.space.sample(rng);
    if (level->changed) fit(*level);
    space::Point best;
    double most = -kInfinity;
    for (int i = 0; i < settings_.n_samples; ++i) {
      space::Point point = level->good.draw(settings_.bandwidth_factor, rng);
      moves_.snap(point);
      const double ratio = level->good.log_density(point) - level->bad.log_density(point);
      if (!best.empty() && !(ratio > most)) continue;
      if (!problem_.space.constraints().empty() && !moves_.config(point)) continue;
      most = ratio;
      best = std::move(point);
    }
    if (best.empty()) return problem_.space.sample(rng);
    return moves_.settle(best, nullptr, rng);
  }

 private:
  /// The results at one fidelity. No values: the worst.
  struct Level {
    std::map<std::int64_t, std::vector<double>> values;
    std::deque<std::int64_t> order;  // as they came
    bool changed = true;
    Density good, bad;
    bool has_finite() const {
      return std::any_of(values.begin(), values.end(), [](const auto& it) { return !it.second.empty(); });
    }
    void remove(std::int64_t trial) {
      if (values.erase(trial) == 0) return;
      std::erase(order, trial);
      changed = true;
    }
  };

  void put(std::int64_t fidelity, const study::Trial& trial, std::vector<double> values) {
    if (!points_.contains(trial.id)) {
      Rng rng(problem_.seed, "bohb fill", static_cast<std::uint64_t>(trial.id));
      points_.emplace(trial.id, moves_.filled(trial.config, rng));
    }
    Level& level = levels_[fidelity];
    const auto [found, is_new] = level.values.insert_or_assign(trial.id, std::move(values));
    level.changed = true;
    if (!is_new) return;
    level.order.push_back(trial.id);
    if (level.order.size() <= settings_.max_observations) return;
    const std::int64_t oldest = level.order.front();
    level.values.erase(oldest);
    level.order.pop_front();
    const auto holds = [&](const auto& other) { return other.second.values.contains(oldest); };
    if (std::none_of(levels_.begin(), levels_.end(), holds)) points_.erase(oldest);
  }

  Level* model() {
    if (moves_.free().empty()) return nullptr;
    for (auto level = levels_.rbegin(); level != levels_.rend(); ++level)
      if (level->second.values.size() >= settings_.min_points + 2 && level->second.has_finite())
        return &level->second;
    return nullptr;
  }

  void fit(Level& level) {
    level.changed = false;
    std::vector<std::int64_t> ids;
    std::vector<std::vector<double>> rows;
    std::vector<std::int64_t> worst;
    for (const auto& [id, values] : level.values) {
      if (values.empty()) {
        worst.push_back(id);
      } else {
        ids.push_back(id);
        rows.push_back(values);
      }
    }
    std::vector<std::int64_t> ranked;
    for (const std::size_t i : study::best_first(rows)) ranked.push_back(ids[i]);
    ranked.insert(ranked.end(), worst.begin(), worst.end());

    const std::size_t n = ranked.size();
    const auto share = static_cast<std::size_t>(settings_.top * static_cast<double>(n));
    // What failed is never good, though it were the best there is (HpBandSter's takes it).
    const std::size_t n_good = std::min(rows.size(), std::max(settings_.min_points, share));
    const std::size_t n_bad = std::min(n, std::max(settings_.min_points, n - n_good));
    std::vector<space::Point> good, bad;
    for (std::size_t i = 0; i < n_good; ++i) good.push_back(points_.at(ranked[i]));
    for (std::size_t i = n - n_bad; i < n; ++i) bad.push_back(points_.at(ranked[i]));
    level.good = Density(moves_, std::move(good), settings_.min_bandwidth);
    level.bad = Density(moves_, std::move(bad), settings_.min_bandwidth);
  }

  Problem problem_;
  BohbSettings settings_;
  Moves moves_;
  std::unordered_map<std::int64_t, space::Point> points_;  // of the trials in some level
  std::map<std::int64_t, Level> levels_;
};

}  // namespace
}  // namespace hone::search

HONE_REGISTER(searcher, bohb) {
  using namespace hone;
  using Type = OptionSpec::Type;
  registry.add(
      "searcher",
      MethodInfo{
          .name = "bohb",
          .summary = "Kernel densities over good and bad results of the highest fidelity that has enough.",
          .paper = "BOHB: Robust and Efficient Hyperparameter Optimization at Scale",
          .options = {{.name = "min_points",
                       .type = Type::integer,
                       .fallback = 0,
                       .summary = "N_min: two more results at a fidelity make a model; 0: parameters + 1",
                       .low = 0,
                       .high = 1e6},
                      {.name = "top",
                       .type = Type::real,
                       .fallback = 0.15,
                       .summary = "share of the results that is called good",
                       .low = 1e-6,
                       .high = 1.0},
                      {.name = "n_samples",
                       .type = Type::integer,
                       .fallback = 64,
                       .summary = "draws that a proposal is the best of",
                       .low = 1,
                       .high = 1e5},
                      {.name = "random_fraction",
                       .type = Type::real,
                       .fallback = 1.0 / 3.0,
                       .summary = "share of proposals drawn at random",
                       .low = 0.0,
                       .high = 1.0},
                      {.name = "bandwidth_factor",
                       .type = Type::real,
                       .fallback = 3.0,
                       .summary = "by how much draws are wider than the good density's kernels",
                       .low = 1e-3,
                       .high = 1e3},
                      {.name = "min_bandwidth",
                       .type = Type::real,
                       .fallback = 1e-3,
                       .summary = "no kernel is narrower, in ranges of its parameter",
                       .low = 1e-9,
                       .high = 1.0},
                      {.name = "max_observations",
                       .type = Type::integer,
                       .fallback = 2000,
                       .summary = "results at a fidelity that count: the latest",
                       .low = 50,
                       .high = 1e7}},
          .traits = "exact up to max_observations results at a fidelity",
          .abilities = {.objectives = "several",
                        .constraints = "avoided",
                        .conditions = "filled in",
                        .batch = "independent",
                        .fidelity = "the highest with enough results",
                        .ask = "O(min(n, max_observations) d); three objectives and more: its square",
                        .trials = "20 to 1,000,000"}},
      search::MakeSearcher([](const search::Problem& problem, const Options& options) {
        return std::make_unique<search::Bohb>(
            problem, search::BohbSettings{
                         .min_points = static_cast<std::size_t>(options.integer("min_points")),
                         .top = options.real("top"),
                         .n_samples = static_cast<int>(options.integer("n_samples")),
                         .random_fraction = options.real("random_fraction"),
                         .bandwidth_factor = options.real("bandwidth_factor"),
                         .min_bandwidth = options.real("min_bandwidth"),
                         .max_observations = static_cast<std::size_t>(options.integer("max_observations"))});
      }));
}
