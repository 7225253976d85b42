#include "hone/search/surrogate.h"

#include <algorithm>
#include <numeric>

#include "hone/base/numbers.h"

namespace hone::search {
namespace {

constexpr std::size_t kFewInputs = 256;
/// Draws of hyperparameters, and states of their chain from one to the next.
constexpr int kDraws = 8, kApart = 4;

/// `count` of them: the best half, and of the others evenly spread ones. Ascending.
std::vector<std::size_t> subset(const std::vector<double>& values, std::size_t count) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  if (values.size() <= count) return order;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  const std::size_t best = count / 2, rest = count - best;
  std::vector<std::size_t> chosen(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(best));
  std::sort(order.begin() + static_cast<std::ptrdiff_t>(best), order.end());
  for (std::size_t k = 0; k < rest; ++k)
    chosen.push_back(order[best + (2 * k + 1) * (values.size() - best) / (2 * rest)]);
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

}  // namespace

Coding::Coding(const Moves& moves) : moves_(&moves) {
  const space::Space& space = moves.space();
  for (const std::size_t i : moves.free()) {
    predict::Input input;
    if (moves.is_categorical(i)) input.categories = static_cast<std::size_t>(moves.size(i));
    input.optional = static_cast<bool>(space.parameter(i).when);
    inputs_.push_back(input);
  }
}

std::vector<double> Coding::row(const space::Point& point) const {
  std::vector<double> result(inputs_.size());
  const std::vector<bool> active = moves_->active(point);
  for (std::size_t k = 0; k < result.size(); ++k) {
    const std::size_t i = moves_->free()[k];
    result[k] = active[i] ? point[i] : kNaN;
  }
  return result;
}

space::Point Coding::active(const space::Point& point) const {
  space::Point result = point;
  const std::vector<bool> active = moves_->active(point);
  for (std::size_t i = 0; i < result.size(); ++i)
    if (!active[i]) result[i] = kNaN;
  return result;
}

void Coding::spread(const Eigen::VectorXd& of_row, Eigen::VectorXd& of_point) const {
  for (std::size_t k = 0; k < inputs_.size(); ++k)
    of_point[static_cast<Eigen::Index>(moves_->free()[k])] = of_row[static_cast<Eigen::Index>(k)];
}

Surrogate::Surrogate(std::vector<predict::Input> inputs, const SurrogateOptions& options)
    : options_(options),
      process_(std::move(inputs), {.noise_floor = options.noise_floor,
                                   .noise_log_mean = options.quiet ? -8.0 : -4.0,
                                   .noise_log_deviation = options.quiet ? 2.0 : 1.0,
                                   .curve = options.curve,
                                   .warp = options.warp}),
      transform_(options.transform) {}

void Surrogate::observe(std::int64_t key, std::vector<double> row, double value) {
  const auto [found, is_new] = index_.try_emplace(key, observations_.size());
  if (!is_new) {
    observations_[found->second].value = value;
    return;
  }
  observations_.push_back({key, std::move(row), value});
  appended_.push_back(key);
  if (observations_.size() >= next_epoch_) begin_epoch();
}

void Surrogate::forget(std::int64_t key) {
  const auto found = index_.find(key);
  if (found == index_.end()) return;
  const std::size_t gone = found->second;
  observations_.erase(observations_.begin() + static_cast<std::ptrdiff_t>(gone));
  index_.clear();
  for (std::size_t i = 0; i < observations_.size(); ++i) index_[observations_[i].key] = i;
  begin_epoch();
}

double Surrogate::upper_quartile() const {
  std::vector<double> values;
  for (const Observation& it : observations_) values.push_back(it.value);
  const auto place = values.begin() + static_cast<std::ptrdiff_t>(3 * values.size() / 4);
  std::nth_element(values.begin(), place, values.end());
  return *place;
}

void Surrogate::begin_epoch() {
  epoch_.keys.clear();
  epoch_.values.clear();
  for (const Observation& it : observations_) {
    epoch_.keys.push_back(it.key);
    epoch_.values.push_back(it.value);
  }
  const std::size_t n = observations_.size();
  next_epoch_ = n + std::max<std::size_t>(1, n < 32 ? 1 : std::min(n, options_.max_observations) / 8);
  appended_.clear();
  is_fitted_ = false;
}

void Surrogate::fit_epoch() {
  const auto rows_of = [&](const std::vector<std::size_t>& chosen, std::vector<double>& values) {
    std::vector<std::vector<double>> rows;
    values.clear();
    for (const std::size_t i : chosen) {
      rows.push_back(at(epoch_.keys[i]).row);
      values.push_back(epoch_.values[i]);
    }
    return rows;
  };
  const auto set = [&](const std::vector<std::size_t>& chosen) {
    std::vector<double> values;
    const auto rows = rows_of(chosen, values);
    transform_.fit(values);
    for (double& value : values) value = transform_(value);
    process_.set(rows, values);
  };
  const auto held = subset(epoch_.values, options_.max_observations);
  process_.reset();
  if (held.size() > kFewInputs) {
    set(subset(epoch_.values, kFewInputs));
    process_.fit(30);
  }
  set(held);
  process_.fit(held.size() > kFewInputs ? 5 : 40);
  if (held.size() <= options_.mixed_until) {
    Rng rng(options_.seed, "gp hyperparameters", held.size());
    process_.draw(kDraws, kApart, rng);
  }
  keys_.clear();
  for (const std::size_t i : held) keys_.push_back(epoch_.keys[i]);
  is_fitted_ = true;
}

void Surrogate::refresh() {
  if (!is_fitted_) fit_epoch();
  forget_imagined();
  for (const std::int64_t key : appended_) {
    process_.append(at(key).row, 0.0);
    keys_.push_back(key);
  }
  appended_.clear();
  std::vector<double> values;
  for (const std::int64_t key : keys_) values.push_back(at(key).value);
  transform_.fit(values);
  for (double& value : values) value = transform_(value);
  process_.set_targets(values);
  fitted_ = process_.fitted();
}

std::vector<double> Surrogate::imagine(const std::vector<std::vector<double>>& rows) {
  std::vector<double> means;
  for (const auto& row : rows) {
    means.push_back(process_.predict(row).mean);
    process_.append(row, means.back(), 0.0);
  }
  return means;
}

void Surrogate::suppose(const std::vector<std::vector<double>>& rows, double value) {
  for (const auto& row : rows) process_.append(row, transform_(value));
}

void Surrogate::forget_imagined() { process_.truncate(keys_.size()); }

}  // namespace hone::search
