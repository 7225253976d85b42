#include <algorithm>
#include <cmath>
#include <limits>

#include "hone/search/parzen.h"
#include "hone/space/scale.h"

namespace hone::search {

Axis::Axis(const space::Parameter& parameter) : conditional_(parameter.when || !parameter.same_as.empty()) {
  const std::int64_t n = parameter.cardinality();
  categorical_ =
      parameter.kind == space::ParameterKind::choice || parameter.kind == space::ParameterKind::flag;
  if (categorical_) {
    size_ = static_cast<int>(n);
    wide_ = n >= std::numeric_limits<std::uint8_t>::max();
  } else if (!categorical_ && n > 0 && n <= kLargestTable) {
    size_ = static_cast<int>(n);
    const space::Scale scale(parameter);
    edges_.push_back(0.0);
    for (std::int64_t k = 0; k < n; ++k) edges_.push_back(edges_.back() + scale.weight(k));
    edges_.back() = 1.0;
  } else if (n > 0) {
    cell_ = 1.0 / static_cast<double>(n);
  }
}

double Axis::prior(int k) const { return categorical_ ? 1.0 / size_ : edge(k + 1) - edge(k); }

float Axis::code(double entry) const {
  if (std::isnan(entry)) return std::numeric_limits<float>::quiet_NaN();
  if (categorical_) return static_cast<float>(static_cast<int>(entry + 0.5));
  return static_cast<float>(is_table() ? cell_of(entry) : entry);
}

double Axis::entry(float code) const {
  if (!is_table() || categorical_) return code;
  const int k = static_cast<int>(code);
  return (edge(k) + edge(k + 1)) / 2;
}

int Axis::cell_of(double position) const {
  const auto inner = std::upper_bound(edges_.begin() + 1, edges_.end() - 1, position);
  return static_cast<int>(inner - (edges_.begin() + 1));
}

float Axis::draw(Rng& rng) const {
  if (categorical_) return static_cast<float>(rng.below(static_cast<std::uint64_t>(size_)));
  const double position = rng.uniform();
  return is_table() ? static_cast<float>(cell_of(position)) : static_cast<float>(position);
}

}  // namespace hone::search
