#include "hone/run/landscape.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>

#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/base/rng.h"
#include "hone/identity/signature.h"
#include "hone/predict/score.h"

namespace hone::run {
namespace {

constexpr std::size_t kNumbersOfAnExample = 8;

}  // namespace

std::size_t class_count(const std::vector<std::size_t>& classes) {
  std::size_t n = 0;
  for (std::size_t i = 0; i < classes.size(); ++i) n += classes[i] == i;
  return n;
}

Landscape::Landscape(std::shared_ptr<const task::Recorded> recorded)
    : recorded_(std::move(recorded)), cells_(task::find_cells(recorded_->space())) {
  const task::Table& table = recorded_->table();
  const study::Objective& objective = recorded_->objectives().front();
  const auto metric = table.metric(objective.name);
  if (!metric) throw internal_error("the first objective of " + name() + " is not its table's");
  metric_ = *metric;
  maximize_ = !objective.minimize;
  seeds_ = table.description().metrics[metric_].seeds;
  const double sign = maximize_ ? -1.0 : 1.0;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const double mean = table.mean(row, metric_);
    values_.push_back(std::isfinite(mean) ? sign * mean : kInfinity);
  }
  best_ = *std::min_element(values_.begin(), values_.end());
  if (seeds_ < 2) return;
  const double middle = predict::upper_median(values_);
  double squares = 0.0, degrees = 0.0;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    if (values_[row] > middle) continue;
    double n = 0.0, own = 0.0;
    for (std::int64_t k = 0; k < seeds_; ++k) {
      const double value = table.value(row, metric_, k);
      if (!std::isfinite(value)) continue;
      n += 1.0;
      own += (value - shown(values_[row])) * (value - shown(values_[row]));
    }
    if (n < 2.0) continue;
    squares += own;
    degrees += n - 1.0;
  }
  if (degrees > 0.0) seed_noise_ = std::sqrt(squares / degrees);
}

std::size_t Landscape::row(const space::Config& config) const {
  if (const auto found = recorded_->table().find(config)) return *found;
  return recorded_->table().nearest(config);
}

double Landscape::one_seed(std::size_t row, std::uint64_t draw) const {
  if (seeds_ < 2) return values_[row];
  const task::Table& table = recorded_->table();
  std::vector<double> recorded;
  for (std::int64_t k = 0; k < seeds_; ++k)
    if (const double value = table.value(row, metric_, k); std::isfinite(value)) recorded.push_back(value);
  if (recorded.empty()) return kInfinity;
  const double value = recorded[draw % recorded.size()];
  return maximize_ ? -value : value;
}

void Landscape::harvest() const {
  const std::size_t each = kMostExamples * kMostSteps;
  losses_.assign(size() * each, 0.0);
  std::vector<std::vector<task::Cell>> cells;
  for (std::size_t row = 0; row < size(); ++row) {
    cells.emplace_back();
    try {
      cells.back() = task::cells_of(*cells_, recorded_->table().config(row));
    } catch (const Error&) {
      // No network: it computes nothing, and is known by its config alone.
      std::fill_n(losses_.begin() + static_cast<std::ptrdiff_t>(row * each), each, kNaN);
    }
  }
  for (std::size_t step = 0; step < kMostSteps; ++step) {
    task::CellFunctions functions(task::CellMaps::relu_linear_pool, kMostExamples * kNumbersOfAnExample,
                                  step + 1);
    Rng rng(step, "landscape target");
    std::vector<double> target(kMostExamples * kNumbersOfAnExample);
    for (double& value : target) value = rng.normal();
    for (std::size_t row = 0; row < size(); ++row)
      for (const task::Cell& cell : cells[row]) {
        const auto output = functions.values(cell);
        for (std::size_t i = 0; i < target.size(); ++i) {
          const double off = output[i] - target[i];
          losses_[row * each + step * kMostExamples + i / kNumbersOfAnExample] +=
              off * off / static_cast<double>(kNumbersOfAnExample);
        }
      }
  }
}

const std::vector<std::size_t>& Landscape::classes(const LandscapeProbe& probe) const {
  for (const auto& [known, classes] : known_)
    if (known.mantissa_bits == probe.mantissa_bits && known.examples == probe.examples &&
        known.steps == probe.steps)
      return classes;
  std::vector<std::size_t> classes(size());
  std::iota(classes.begin(), classes.end(), std::size_t{0});
  if (computes()) {
    if (losses_.empty()) harvest();
    const auto how = identity::Quantisation::float64(probe.mantissa_bits);
    std::vector<std::optional<identity::Signature>> signatures;
    for (std::size_t row = 0; row < size(); ++row) {
      std::vector<double> floats;
      for (std::int64_t step = 0; step < probe.steps; ++step) {
        const auto begin =
            losses_.begin() +
            static_cast<std::ptrdiff_t>((row * kMostSteps + static_cast<std::size_t>(step)) * kMostExamples);
        floats.insert(floats.end(), begin, begin + probe.examples);
      }
      signatures.push_back(identity::signature(floats, "", how));
    }
    classes = identity::function_classes(signatures);
  }
  known_.emplace_back(probe, std::move(classes));
  return known_.back().second;
}

std::vector<std::size_t> Landscape::string_classes(task::CellStrings convention) const {
  std::vector<std::size_t> classes;
  if (!cells_) return classes;
  std::unordered_map<std::string, std::size_t> first;
  for (std::size_t row = 0; row < size(); ++row) {
    std::string text;
    try {
      for (const task::Cell& cell : task::cells_of(*cells_, recorded_->table().config(row)))
        text += task::cell_string(cell, convention) + "\n";
    } catch (const Error&) {
      text = "row " + std::to_string(row);
    }
    classes.push_back(first.emplace(text, row).first->second);
  }
  return classes;
}

}  // namespace hone::run
