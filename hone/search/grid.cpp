#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_set>

#include "hone/base/numbers.h"
#include "hone/search/searcher.h"
#include "hone/search/sobol_points.h"
#include "hone/space/scale.h"

namespace hone::search {
namespace {

/// The space with every uncounted real on a grid of `points` values, ends included.
space::Space grid_of(const space::Space& space, std::int64_t points) {
  space::Space::Builder builder;
  for (space::Parameter parameter : space.parameters()) {
    // Seldom one of the grid's; the engine proposes the space's own.
    parameter.fallback.reset();
    if (parameter.same_as.empty() && parameter.cardinality() == 0) {
      const double gaps = static_cast<double>(points - 1);
      // Not finer than a space takes.
      const double largest = std::max(std::abs(parameter.low), std::abs(parameter.high));
      parameter.resolution =
          parameter.log
              ? std::max(std::expm1((std::log(parameter.high) - std::log(parameter.low)) / gaps), 1.01e-4)
              : std::max((parameter.high - parameter.low) / gaps, 1.01e-9 * largest);
    }
    builder.add(std::move(parameter));
  }
  for (const space::Expression& constraint : space.constraints()) builder.add(constraint);
  return builder.build();
}

/// Every combination of the parameters' values, each config once. In an order whose every beginning covers
/// the grid: the cells, numbered in mixed radix, are visited in strides of one number that has no factor in
/// common with theirs (a lattice rule; of some strides the one whose first points have the least centred L2
/// discrepancy: Hickernell, "A Generalized Discrepancy and Quadrature Error Bound", 1998).
///
/// - Cells that are infeasible, and all but one of those that differ in inactive parameters only, are passed
///   over. Where 10,000 in a row were, a config that is left is looked for by drawing, and where the grid's
///   space is_enumerable() by going through it. Its end is exact where it is, or where its configs can be
///   counted; elsewhere it goes on until the engine finds nothing new.
/// - Beyond 2^62 cells: a scrambled Sobol sequence over the cells.
/// - The cursor goes on with the trials created, whoever proposed them: a proposal is a function of those and
///   of `attempt`.
class Grid : public Searcher {
 public:
  Grid(const Problem& problem, std::int64_t points)
      : problem_(problem), grid_(grid_of(problem.space, points)) {
    double total = 1.0;
    for (std::size_t i = 0; i < grid_.size(); ++i) {
      const std::int64_t n = grid_.parameter(i).same_as.empty()
                                 ? std::max<std::int64_t>(1, grid_.parameter(i).cardinality())
                                 : 1;
      sizes_.push_back(n);
      total *= static_cast<double>(n);
      cells_ = total < kMostCells ? cells_ * n : 0;
      if (total >= kMostCells) break;
    }
    for (std::size_t i = sizes_.size(); i < grid_.size(); ++i)
      sizes_.push_back(grid_.parameter(i).same_as.empty()
                           ? std::max<std::int64_t>(1, grid_.parameter(i).cardinality())
                           : 1);
    if (cells_ > 0)
      choose_stride();
    else
      points_.emplace(grid_.size(), problem.seed);
  }

  void update(const study::Change& change) override {
    if (change.kind != study::Change::Kind::created) return;
    const space::Config& config = change.trial->config;
    if (!known_.insert(config.key()).second) return;
    if (problem_.space.canonical(grid_.canonical(config)) == config) ++visited_;
    for (int skipped = 0; skipped < kMaxSkippedByUpdate && !over(cursor_) && !fresh(cursor_); ++skipped)
      ++cursor_;
  }

  std::optional<space::Config> ask(std::int64_t number, int attempt) override {
    int skipped = 0, found = 0;
    std::int64_t index = cursor_;
    for (; skipped < kMaxSkipped && !over(index); ++index) {
      auto config = fresh(index);
      if (!config)
        ++skipped;
      else if (found++ == attempt)
        return config;
    }
    if (cells_ > 0 && over(index)) return std::nullopt;
    if (const auto count = counted(); count && visited_ >= *count) return std::nullopt;
    Rng rng(problem_.seed, "grid rest", static_cast<std::uint64_t>(number),
            static_cast<std::uint32_t>(attempt));
    if (grid_.is_enumerable()) {
      auto config = grid_.unseen(rng, [&](const space::Config& it) {
        const space::Config config = problem_.space.canonical(it);
        return known_.contains(config.key()) || !problem_.space.feasible(config);
      });
      if (!config) return std::nullopt;
      return problem_.space.canonical(*config);
    }
    space::Config config = problem_.space.canonical(grid_.sample(rng));
    return problem_.space.feasible(config) ? config : problem_.space.sample(rng);
  }

 private:
  static constexpr double kMostCells = 4e18;
  static constexpr int kMaxSkipped = 10000;
  static constexpr int kMaxSkippedByUpdate = 1000;

  bool over(std::int64_t index) const { return index >= (cells_ > 0 ? cells_ : 0xfffffffe); }

  std::optional<std::int64_t> counted() {
    if (!counted_) count_ = grid_.count();
    counted_ = true;
    return count_;
  }

  std::vector<std::int64_t> digits(std::int64_t index, std::int64_t stride) {
    std::vector<std::int64_t> digits(sizes_.size());
    if (points_) {
      const space::Point point = points_->at(static_cast<std::uint32_t>(index));
      for (std::size_t i = 0; i < digits.size(); ++i)
        digits[i] = static_cast<std::int64_t>(point[i] * static_cast<double>(sizes_[i]));
      return digits;
    }
    __extension__ using Wide = unsigned __int128;
    auto cell = static_cast<std::int64_t>(
        (static_cast<Wide>(index) * static_cast<Wide>(stride) + static_cast<Wide>(shift_)) %
        static_cast<Wide>(cells_));
    for (std::size_t i = 0; i < digits.size(); ++i) {
      digits[i] = cell % sizes_[i];
      cell /= sizes_[i];
    }
    return digits;
  }

  /// The config at an index of the walk; nullopt where it is infeasible, known or another cell's.
  std::optional<space::Config> fresh(std::int64_t index) {
    std::vector<std::int64_t> cell = digits(index, stride_);
    space::Point point(cell.size());
    for (std::size_t i = 0; i < cell.size(); ++i) {
      const space::Parameter& parameter = grid_.parameter(i);
      const bool category =
          parameter.kind == space::ParameterKind::choice || parameter.kind == space::ParameterKind::flag;
      const double k = static_cast<double>(cell[i]);
      point[i] = category ? k : position(i, cell[i]);
    }
    if (grid_.has_conditions()) {
      const std::vector<bool> active = grid_.active(point);
      for (std::size_t i = 0; i < cell.size() && !points_; ++i)
        if (!active[i] && cell[i] != 0) return std::nullopt;
    }
    space::Config config = problem_.space.canonical(grid_.decode(point));
    if (!problem_.space.feasible(config) || known_.contains(config.key())) return std::nullopt;
    return config;
  }

  double position(std::size_t i, std::int64_t k) const {
    const space::Scale scale(grid_.parameter(i));
    return scale.position(scale.value(k));
  }

  void choose_stride() {
    Rng rng(problem_.seed, "grid");
    shift_ = static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(cells_)));
    const std::int64_t n = std::min<std::int64_t>(cells_, 64);
    double least = kInfinity;
    for (int candidate = 0; candidate < 16; ++candidate) {
      auto stride = static_cast<std::int64_t>(1 + rng.below(static_cast<std::uint64_t>(cells_)));
      while (std::gcd(stride, cells_) != 1) stride = stride % cells_ + 1;
      std::vector<std::vector<double>> points;
      for (std::int64_t index = 0; index < n; ++index) {
        const auto cell = digits(index, stride);
        std::vector<double>& point = points.emplace_back();
        for (std::size_t i = 0; i < cell.size(); ++i)
          if (sizes_[i] > 1)
            point.push_back((static_cast<double>(cell[i]) + 0.5) / static_cast<double>(sizes_[i]) - 0.5);
      }
      const double discrepancy = discrepancy_of(points);
      if (!(discrepancy < least)) continue;
      least = discrepancy;
      stride_ = stride;
    }
  }

  /// Centred L2 discrepancy, squared, less its constant part; coordinates less a half.
  static double discrepancy_of(const std::vector<std::vector<double>>& points) {
    const double n = static_cast<double>(points.size());
    double single = 0.0, pairs = 0.0;
    for (const auto& a : points) {
      double product = 1.0;
      for (const double x : a) product *= 1.0 + 0.5 * std::abs(x) - 0.5 * x * x;
      single += product;
      for (const auto& b : points) {
        product = 1.0;
        for (std::size_t i = 0; i < a.size(); ++i)
          product *= 1.0 + 0.5 * std::abs(a[i]) + 0.5 * std::abs(b[i]) - 0.5 * std::abs(a[i] - b[i]);
        pairs += product;
      }
    }
    return pairs / (n * n) - 2.0 * single / n;
  }

  Problem problem_;
  space::Space grid_;
  std::vector<std::int64_t> sizes_;  // by parameter; 1 where tied
  std::int64_t cells_ = 1;           // 0: too many
  std::int64_t stride_ = 1, shift_ = 0;
  std::optional<SobolPoints> points_;
  std::unordered_set<Key> known_;
  std::int64_t visited_ = 0;  // known configs that are on the grid
  std::int64_t cursor_ = 0;
  bool counted_ = false;
  std::optional<std::int64_t> count_;
};

}  // namespace
}  // namespace hone::search

HONE_REGISTER(searcher, grid) {
  using namespace hone;
  registry.add(
      "searcher",
      MethodInfo{
          .name = "grid",
          .summary = "Every combination of values once, in an order that covers the space from the start.",
          .paper = "",
          .options = {{.name = "points",
                       .type = OptionSpec::Type::integer,
                       .fallback = 10,
                       .summary = "values of a real without resolution, evenly along its scale",
                       .low = 2,
                       .high = 1e4}},
          .abilities = {.objectives = "several",
                        .constraints = "ignored",
                        .conditions = "each config once",
                        .batch = "the order goes on",
                        .fidelity = "ignored",
                        .ask = "O(d)",
                        .trials = "any number"}},
      search::MakeSearcher([](const search::Problem& problem, const Options& options) {
        return std::make_unique<search::Grid>(problem, options.integer("points"));
      }));
}
