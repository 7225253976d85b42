#include "hone/search/acquisition_search.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_set>

#include "hone/predict/lbfgs.h"

namespace hone::search {

using space::Point;

namespace {

constexpr std::int64_t kShortGrid = 16;      // values of a grid all of which are tried
constexpr std::size_t kMaxNeighbours = 256;  // looked at in one exchange
constexpr std::size_t kMaxExchanges = 60;    // of one start
/// Where a draw takes milliseconds: those that are candidates for every proposal, and new ones for each.
constexpr std::size_t kPool = 32, kFresh = 4;

}  // namespace

AcquisitionSearch::AcquisitionSearch(const Moves& moves) : moves_(&moves), grids_(moves.space().size()) {
  const space::Space& space = moves.space();
  is_free_of_rules_ = space.constraints().empty() && !space.has_conditions();
  is_hard_ = space.is_hard_to_sample();
  for (const std::size_t i : moves.free()) {
    if (!moves.is_categorical(i) && (moves.size(i) == 0 || moves.size(i) > kShortGrid)) continue;
    const space::Scale scale(space.parameter(i));
    for (std::int64_t k = 0; k < moves.size(i); ++k) grids_[i].push_back(scale.position(scale.value(k)));
  }
}

/// One maximisation: everything that was scored, and the way there.
class AcquisitionSearch::Run {
 public:
  Run(const AcquisitionSearch& search, const Acquisition& acquisition, const Region* region,
      std::size_t evaluations, Rng& rng)
      : search_(search),
        moves_(*search.moves_),
        acquisition_(acquisition),
        region_(region),
        left_(evaluations),
        rng_(rng) {}

  struct Candidate {
    double score;
    Point point;
  };

  /// Scores the points that are feasible and in the region, and takes them out of `points`. The index of the
  /// best one of them; nullopt: there was none.
  std::optional<std::size_t> offer(std::vector<Point>& points) {
    std::erase_if(points, [&](Point& point) { return !settle(point); });
    if (points.empty()) return std::nullopt;
    std::vector<double> scores;
    acquisition_.score(points, scores);
    left_ -= std::min(left_, points.size());
    std::size_t best = found_.size();
    for (std::size_t k = 0; k < points.size(); ++k) {
      found_.push_back({scores[k], std::move(points[k])});
      if (found_.back().score > found_[best].score) best = found_.size() - 1;
    }
    points.clear();
    return best;
  }

  Point draw() {
    if (region_ == nullptr) return moves_.draw(rng_);
    Point point = region_->centre;
    // As in TuRBO: only about twenty entries change, so that candidates of many parameters stay near.
    const auto d = static_cast<double>(moves_.free().size());
    perturb(std::min(1.0, 20.0 / d), [&](std::size_t i) {
      if (moves_.is_categorical(i))
        moves_.redraw(point, i, rng_);
      else
        point[i] = rng_.uniform(region_->low[i], region_->high[i]);
    });
    // None to max_changed categories differ, alike often: a region refines its centre's, too. Where there are
    // categories alone, one at least.
    const auto& free = moves_.free();
    const auto categories = static_cast<std::size_t>(
        std::count_if(free.begin(), free.end(), [&](std::size_t i) { return moves_.is_categorical(i); }));
    if (categories == 0) return point;
    const std::size_t least = categories < free.size() ? 0 : 1;
    back(point, least + rng_.below(std::max(region_->max_changed, least) + 1 - least));
    return point;
  }

  Point near(const Point& seed) {
    constexpr double kDeviations[] = {0.25, 0.1, 0.03};
    Point point = seed;
    const auto d = static_cast<double>(moves_.free().size());
    const double share = rng_.below(2) == 0 ? std::min(0.5, 2.0 / d) : std::min(0.6, 4.0 / d);
    const double deviation = kDeviations[rng_.below(3)];
    perturb(share, [&](std::size_t i) { moves_.step(point, i, deviation, rng_); });
    return point;
  }

  /// Improves a found candidate by turns until neither way gains.
  void improve(std::size_t start) {
    std::size_t at = start;
    for (std::size_t turn = 0; turn < 4 && left_ > 0; ++turn) {
      const double before = found_[at].score;
      at = climb(at);
      at = exchange(at);
      if (!(found_[at].score > before + 1e-6)) break;
    }
  }

  std::vector<Candidate>& found() { return found_; }
  std::size_t left() const { return left_; }
  void set_left(std::size_t left) { left_ = left; }

 private:
  template <typename Change>
  void perturb(double share, const Change& change) {
    const auto& free = moves_.free();
    if (free.empty()) return;
    bool any = false;
    for (const std::size_t i : free)
      if (rng_.uniform() < share) {
        change(i);
        any = true;
      }
    if (!any) change(free[rng_.below(free.size())]);
  }

  /// Of more categories than `most` that differ from the centre's some go back.
  void back(Point& point, std::size_t most) {
    std::vector<std::size_t> changed;
    for (const std::size_t i : moves_.free())
      if (moves_.is_categorical(i) && point[i] != region_->centre[i]) changed.push_back(i);
    while (changed.size() > most) {
      const std::size_t k = rng_.below(changed.size());
      point[changed[k]] = region_->centre[changed[k]];
      changed[k] = changed.back();
      changed.pop_back();
    }
  }

  /// Rounds a point to the grids, holds it inside the region, and says whether it is feasible.
  bool settle(Point& point) {
    if (region_ != nullptr) {
      std::size_t changed = 0;
      for (const std::size_t i : moves_.free()) {
        if (moves_.is_categorical(i))
          changed += point[i] != region_->centre[i] ? 1 : 0;
        else
          point[i] = std::clamp(point[i], region_->low[i], region_->high[i]);
      }
      // Too many categories: some go back to the centre's.
      while (changed > region_->max_changed) {
        const std::size_t i = moves_.free()[rng_.below(moves_.free().size())];
        if (!moves_.is_categorical(i) || point[i] == region_->centre[i]) continue;
        point[i] = region_->centre[i];
        --changed;
      }
    }
    moves_.snap(point);
    return search_.is_free_of_rules_ || moves_.space().constraints().empty() ||
           moves_.config(point).has_value();
  }

  double low(std::size_t i) const { return region_ != nullptr ? region_->low[i] : 0.0; }
  double high(std::size_t i) const { return region_ != nullptr ? region_->high[i] : 1.0; }

  /// All fine numbers together, along the gradient.
  std::size_t climb(std::size_t start) {
    const std::vector<bool> active = moves_.active(found_[start].point);
    std::vector<std::size_t> fine;
    for (const std::size_t i : moves_.free())
      if (search_.grids_[i].empty() && active[i]) fine.push_back(i);
    if (fine.empty()) return start;
    const auto size = static_cast<Eigen::Index>(fine.size());
    Eigen::VectorXd x(size), low_end(size), high_end(size), whole;
    for (Eigen::Index k = 0; k < size; ++k) {
      const std::size_t i = fine[static_cast<std::size_t>(k)];
      low_end[k] = low(i);
      high_end[k] = high(i);
      x[k] = std::clamp(found_[start].point[i], low_end[k], high_end[k]);
    }
    Point point = found_[start].point;
    const auto put = [&](const Eigen::VectorXd& entries) {
      for (Eigen::Index k = 0; k < size; ++k) point[fine[static_cast<std::size_t>(k)]] = entries[k];
    };
    const auto function = [&](const Eigen::VectorXd& entries, Eigen::VectorXd& gradient) {
      put(entries);
      left_ -= std::min<std::size_t>(left_, 2);
      const double score = acquisition_.score(point, whole);
      for (Eigen::Index k = 0; k < size; ++k)
        gradient[k] = -whole[static_cast<Eigen::Index>(fine[static_cast<std::size_t>(k)])];
      return -score;
    };
    const Eigen::VectorXd from = x;
    predict::LbfgsOptions options;
    options.iterations = 20;
    options.gradient = 1e-4;
    options.decrease = 1e-7;
    predict::minimize(function, x, low_end, high_end, options);
    // Rounding or a constraint may spoil the end of the way: then a shorter one.
    for (double share = 1.0; share > 0.1; share *= 0.5) {
      put(from + share * (x - from));
      std::vector<Point> offered{point};
      const auto there = offer(offered);
      if (there && found_[*there].score > found_[start].score) return *there;
    }
    return start;
  }

  /// The best exchange of one entry, again and again while it gains.
  std::size_t exchange(std::size_t start) {
    std::size_t at = start;
    for (std::size_t round = 0; round < kMaxExchanges && left_ > 0; ++round) {
      std::vector<Point> neighbours = exchanged(found_[at].point);
      const auto best = offer(neighbours);
      if (!best || !(found_[*best].score > found_[at].score + 1e-9)) break;
      at = *best;
    }
    return at;
  }

  std::vector<Point> exchanged(const Point& origin) {
    const std::vector<bool> active = moves_.active(origin);
    std::vector<Point> neighbours;
    const auto add = [&](std::size_t i, double entry) {
      if (entry == origin[i] || entry < low(i) || (entry > high(i) && !moves_.is_categorical(i))) return;
      neighbours.push_back(origin);
      neighbours.back()[i] = entry;
    };
    for (const std::size_t i : moves_.free()) {
      if (!active[i]) continue;
      const auto& grid = search_.grids_[i];
      if (grid.size() > static_cast<std::size_t>(kShortGrid)) {
        for (std::int64_t k = 0; k < kShortGrid; ++k) add(i, grid[rng_.below(grid.size())]);
      } else if (!grid.empty()) {
        for (const double entry : grid) add(i, entry);
      } else if (moves_.size(i) > 0) {
        for (const double deviation : {1e-9, 1e-9, 0.05, 0.2}) {
          Point moved = origin;
          moves_.step(moved, i, deviation, rng_);
          add(i, moved[i]);
        }
      }
    }
    const std::size_t most = std::min(kMaxNeighbours, std::max<std::size_t>(left_, 16));
    for (std::size_t k = 0; k < most && neighbours.size() > most; ++k)
      std::swap(neighbours[k], neighbours[k + rng_.below(neighbours.size() - k)]);
    if (neighbours.size() > most) neighbours.resize(most);
    return neighbours;
  }

  const AcquisitionSearch& search_;
  const Moves& moves_;
  const Acquisition& acquisition_;
  const Region* region_;
  std::size_t left_;
  Rng& rng_;
  std::vector<Candidate> found_;
};

std::optional<space::Config> AcquisitionSearch::maximize(
    const Acquisition& acquisition, const std::vector<Point>& seeds, const Region* region,
    const std::function<bool(const space::Config&)>& known, std::size_t skip,
    const AcquisitionSearchOptions& options, Rng& rng) const {
  Run run(*this, acquisition, region, options.evaluations, rng);
  std::vector<Point> points = seeds;
  std::vector<std::size_t> starts;
  if (const auto best = run.offer(points)) starts.push_back(*best);
  const std::size_t n_draws = options.draws_only ? options.evaluations : options.evaluations / 4;
  if (is_hard_ && region == nullptr) {
    // Where the draws of one proposal would take seconds a few are new, and the others stay.
    if (pool_.empty()) {
      Rng first(0, "candidates");
      for (std::size_t k = 0; k < kPool; ++k) pool_.push_back(moves_->draw(first));
    }
    points = pool_;
    for (std::size_t k = 0; k < kFresh; ++k) points.push_back(run.draw());
  } else {
    for (std::size_t k = 0; k < n_draws; ++k) points.push_back(run.draw());
  }
  if (!seeds.empty() && !options.draws_only)
    for (std::size_t k = 0; k < n_draws; ++k) points.push_back(run.near(seeds[k % seeds.size()]));
  run.offer(points);

  std::vector<std::size_t> order(run.found().size());
  std::iota(order.begin(), order.end(), 0);
  const auto by_score = [&](std::size_t a, std::size_t b) {
    return run.found()[a].score > run.found()[b].score;
  };
  std::stable_sort(order.begin(), order.end(), by_score);
  for (const std::size_t index : order) {
    if (starts.size() >= options.starts) break;
    if (std::find(starts.begin(), starts.end(), index) == starts.end()) starts.push_back(index);
  }
  // Each start has its share of what is left, the best of the draws first.
  if (starts.size() > 1) std::rotate(starts.begin(), starts.begin() + 1, starts.end());
  std::size_t left = run.left();
  for (std::size_t k = 0; k < starts.size(); ++k) {
    const std::size_t share = left / (starts.size() - k);
    run.set_left(share);
    run.improve(starts[k]);
    left -= share - run.left();
  }

  order.resize(run.found().size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), by_score);
  std::unordered_set<Key> passed;
  for (const std::size_t index : order) {
    auto config = moves_->config(run.found()[index].point);
    if (!config || known(*config) || passed.contains(config->key())) continue;
    if (passed.size() >= skip) return config;
    passed.insert(config->key());
  }
  return std::nullopt;
}

}  // namespace hone::search
