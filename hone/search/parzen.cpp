#include "hone/search/parzen.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

#include "hone/base/numbers.h"
#include "hone/search/acquisition.h"

namespace hone::search {
namespace {

constexpr std::size_t kLanes = 8;
constexpr float kNoShare = -1e30f;
constexpr float kLacking = -1.0f;  // in place of a wide choice's code
/// Bandwidth of one observation, as a share of the range; it shrinks by Scott's rule, n^(-1/(d + 4)). On
/// smooth functions 0.1 is better after 50 trials, 0.2 (Optuna's) before and on fronts; a bandwidth from the
/// spread of the good ones collapses onto the first of them.
constexpr double kWidest = 0.15;
/// The bandwidths follow the number of observations in steps of 5%, so that what depends on them is seldom
/// computed again.
constexpr double kGrowth = 1.05;

/// exp(x) for x <= 0, to 2e-7 relative; below -87 it is 1e-38. Plain arithmetic that compilers vectorise: 2^f
/// by a polynomial on [-1/2, 1/2] (its Taylor series to the sixth power), times 2^n put together as bits.
inline float exp_negative(float x) {
  const float t = std::max(x, -87.0f) * std::numbers::log2e_v<float>;
  const auto n = static_cast<std::int32_t>(t - 0.5f);
  const float f = (t - static_cast<float>(n)) * std::numbers::ln2_v<float>;
  const float p =
      1.0f + f * (1.0f + f * (0.5f + f * (1.0f / 6 + f * (1.0f / 24 + f * (1.0f / 120 + f * (1.0f / 720))))));
  return p * std::bit_cast<float>((n + 127) << 23);
}

}  // namespace

Parzen::Parzen(const std::vector<Axis>& axes, double prior_weight)
    : axes_(axes), prior_weight_(prior_weight), columns_(axes.size()) {}

void Parzen::reserve(std::size_t slots) {
  if (slots <= capacity_) return;
  capacity_ = (std::max(slots, capacity_ * 2) + kLanes - 1) / kLanes * kLanes;
  base_.resize(capacity_, kNoShare);
  sums_.resize(capacity_);
  for (std::size_t i = 0; i < axes_.size(); ++i) {
    Column& column = columns_[i];
    if (axes_[i].is_table()) {
      column.codes.resize(capacity_, 0);
      continue;
    }
    column.values.resize(capacity_, 0.0f);
    if (!axes_[i].is_conditional() || axes_[i].is_wide()) continue;
    column.scales.resize(capacity_, 0.0f);
    column.norms.resize(capacity_, 0.0f);
  }
}

void Parzen::add(const Codes& codes, double weight) {
  reserve(size_ + 1);
  const std::size_t slot = size_++;
  weights_.push_back(weight);
  weight_sum_ += weight;
  for (std::size_t i = 0; i < axes_.size(); ++i) {
    const bool lacking = std::isnan(codes[i]);
    if (axes_[i].is_table()) {
      columns_[i].codes[slot] =
          static_cast<std::uint8_t>(lacking ? axes_[i].size() : static_cast<int>(codes[i]));
      continue;
    }
    columns_[i].values[slot] = !lacking ? codes[i] : axes_[i].is_wide() ? kLacking : 0.0f;
    if (!columns_[i].scales.empty()) columns_[i].scales[slot] = lacking ? 0.0f : 1.0f;
  }
  if (fitted_ > 0) place(slot);
}

void Parzen::remove(std::size_t slot) {
  weight_sum_ -= weights_[slot];
  const std::size_t last = --size_;
  weights_[slot] = weights_[last];
  weights_.pop_back();
  base_[slot] = base_[last];
  base_[last] = kNoShare;
  for (Column& column : columns_) {
    for (auto* values : {&column.values, &column.scales, &column.norms})
      if (!values->empty()) (*values)[slot] = (*values)[last];
    if (!column.codes.empty()) column.codes[slot] = column.codes[last];
  }
}

void Parzen::set_weight(std::size_t slot, double weight) {
  weight_sum_ += weight - weights_[slot];
  weights_[slot] = weight;
  if (fitted_ > 0) place(slot);
}

void Parzen::clear() {
  std::fill(base_.begin(), base_.end(), kNoShare);
  weights_.clear();
  weight_sum_ = 0.0;
  size_ = 0;
}

void Parzen::fit() {
  const double steps =
      std::floor(std::log(std::max<double>(1.0, static_cast<double>(size_))) / std::log(kGrowth));
  const auto count = static_cast<std::size_t>(std::lround(std::pow(kGrowth, steps)));
  if (count == fitted_) return;
  fitted_ = count;
  const double n = static_cast<double>(count), d = static_cast<double>(axes_.size());
  const double least = 1.0 / std::min(100.0, n + 1.0);
  const double sigma = std::max(kWidest * std::pow(n, -1.0 / (d + 4.0)), least);
  for (std::size_t i = 0; i < axes_.size(); ++i) fit_column(i, sigma, prior_weight_ / (n + 1.0));
  for (std::size_t slot = 0; slot < size_; ++slot) place(slot);
}

void Parzen::fit_column(std::size_t index, double sigma, double share) {
  const Axis& axis = axes_[index];
  Column& column = columns_[index];
  column.sigma = sigma;
  if (axis.is_table()) {
    const int n = axis.size(), stride = n + 1;
    column.table.resize(static_cast<std::size_t>(n * stride));
    const auto at = [&](int candidate, int component) -> float& {
      return column.table[static_cast<std::size_t>(candidate * stride + component)];
    };
    std::vector<double> below(static_cast<std::size_t>(n + 1));
    for (int k = 0; k < n; ++k) at(k, n) = static_cast<float>(std::log(axis.prior(k)));
    for (int component = 0; component < n; ++component) {
      if (axis.is_categorical()) {
        for (int k = 0; k < n; ++k)
          at(k, component) = static_cast<float>(std::log((share + (k == component)) / (1.0 + n * share)));
        continue;
      }
      const double center = axis.entry(static_cast<float>(component));
      for (int k = 0; k <= n; ++k)
        below[static_cast<std::size_t>(k)] = normal_cdf((axis.edge(k) - center) / sigma);
      for (int k = 0; k < n; ++k) {
        const auto edge = static_cast<std::size_t>(k);
        const double mass = (below[edge + 1] - below[edge]) / (below.back() - below.front());
        at(k, component) = static_cast<float>(std::log(std::max(mass, 1e-30)));
      }
    }
    return;
  }
  if (axis.is_wide()) {
    const double all = 1.0 + axis.size() * share;
    column.own = static_cast<float>(std::log((share + 1.0) / all));
    column.other = static_cast<float>(std::log(share / all));
    column.prior = static_cast<float>(std::log(axis.prior(0)));
    return;
  }
  column.sigma = std::sqrt(sigma * sigma + axis.cell() * axis.cell() / 12.0);
  column.scale = static_cast<float>(0.5 / (column.sigma * column.sigma));
  column.log_norms.resize(kNormSteps + 2);
  for (int k = 0; k < kNormSteps + 2; ++k) {
    const double center = std::min(1.0, static_cast<double>(k) / kNormSteps);
    const double inside = normal_cdf((1.0 - center) / column.sigma) - normal_cdf(-center / column.sigma);
    column.log_norms[static_cast<std::size_t>(k)] =
        static_cast<float>(-std::log(inside * column.sigma * std::sqrt(2.0 * kPi)));
  }
}

float Parzen::log_norm(const Column& column, float position) const {
  const float at = std::clamp(position, 0.0f, 1.0f) * kNormSteps;
  const auto k = static_cast<std::size_t>(at);
  const float part = at - static_cast<float>(k);
  return column.log_norms[k] + part * (column.log_norms[k + 1] - column.log_norms[k]);
}

void Parzen::place(std::size_t slot) {
  float base = 0.0f;
  for (std::size_t i = 0; i < axes_.size(); ++i) {
    Column& column = columns_[i];
    if (axes_[i].is_table() || axes_[i].is_wide()) continue;
    const float norm = log_norm(column, column.values[slot]);
    if (!axes_[i].is_conditional()) {
      base += norm;
      continue;
    }
    const bool lacking = column.scales[slot] == 0.0f;
    column.scales[slot] = lacking ? 0.0f : column.scale;
    column.norms[slot] = lacking ? 0.0f : norm;
  }
  base_[slot] = weights_[slot] > 0.0 ? base + static_cast<float>(std::log(weights_[slot])) : kNoShare;
}

double Parzen::log_density(const Codes& candidate) {
  const std::size_t n = (size_ + kLanes - 1) / kLanes * kLanes;
  float* const sums = sums_.data();
  std::copy_n(base_.data(), n, sums);
  double prior = std::log(prior_weight_);
  for (std::size_t i = 0; i < axes_.size(); ++i) {
    // Only a conditional parameter can be inactive, and its normaliser is not in the base.
    if (std::isnan(candidate[i])) continue;
    const Column& column = columns_[i];
    if (axes_[i].is_table()) {
      const int code = static_cast<int>(candidate[i]);
      const float* const row = column.table.data() + code * (axes_[i].size() + 1);
      const std::uint8_t* const codes = column.codes.data();
      for (std::size_t j = 0; j < n; ++j) sums[j] += row[codes[j]];
      prior += row[axes_[i].size()];
      continue;
    }
    const float x = candidate[i];
    const float* const values = column.values.data();
    if (axes_[i].is_wide()) {
      for (std::size_t j = 0; j < n; ++j)
        sums[j] += values[j] == x ? column.own : values[j] < 0.0f ? column.prior : column.other;
      prior += column.prior;
      continue;
    }
    if (axes_[i].is_conditional()) {
      const float *const scales = column.scales.data(), *const norms = column.norms.data();
      for (std::size_t j = 0; j < n; ++j) {
        const float distance = x - values[j];
        sums[j] += norms[j] - scales[j] * distance * distance;
      }
    } else {
      const float scale = column.scale;
      for (std::size_t j = 0; j < n; ++j) {
        const float distance = x - values[j];
        sums[j] -= scale * distance * distance;
      }
    }
  }
  float most[kLanes];
  std::fill_n(most, kLanes, static_cast<float>(prior));
  for (std::size_t j = 0; j < n; j += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) most[lane] = std::max(most[lane], sums[j + lane]);
  const float top = *std::max_element(most, most + kLanes);
  for (std::size_t j = 0; j < n; ++j) sums[j] = exp_negative(sums[j] - top);
  float total[kLanes] = {};
  for (std::size_t j = 0; j < n; j += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) total[lane] += sums[j + lane];
  double sum = std::exp(prior - top);
  for (const float part : total) sum += part;
  return std::log(sum) + top - std::log(weight_sum_ + prior_weight_);
}

Codes Parzen::draw(Rng& rng) const {
  double left = rng.uniform() * (weight_sum_ + prior_weight_);
  std::size_t slot = 0;
  for (; slot < size_; ++slot) {
    left -= weights_[slot];
    if (left < 0.0) break;
  }
  Codes codes(axes_.size());
  for (std::size_t i = 0; i < axes_.size(); ++i) {
    const Axis& axis = axes_[i];
    const Column& column = columns_[i];
    const bool lacking =
        slot == size_ || (axis.is_table()  ? column.codes[slot] == axis.size()
                          : axis.is_wide() ? column.values[slot] < 0.0f
                                           : axis.is_conditional() && column.scales[slot] == 0.0f);
    if (lacking) {
      codes[i] = axis.draw(rng);
      continue;
    }
    if (axis.is_categorical()) {
      const float own = axis.is_wide() ? column.values[slot] : static_cast<float>(column.codes[slot]);
      const double share = prior_weight_ / (static_cast<double>(fitted_) + 1.0);
      codes[i] = rng.uniform() * (1.0 + axis.size() * share) < 1.0 ? own : axis.draw(rng);
      continue;
    }
    const double center = axis.is_table() ? axis.entry(column.codes[slot]) : column.values[slot];
    double position = 0.0;
    // A center in [0, 1] keeps at least a third of the mass inside, whatever the bandwidth up to 1.
    do position = center + column.sigma * rng.normal();
    while (position < 0.0 || position > 1.0);
    codes[i] = static_cast<float>(axis.is_table() ? axis.cell_of(position) : position);
  }
  return codes;
}

}  // namespace hone::search
