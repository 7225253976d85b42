#include "hone/identity/signature.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <unordered_map>

#include "hone/base/error.h"
#include "hone/base/numbers.h"

namespace hone::identity {
namespace {

/// A float that may lie in either of two cells.
struct Edge {
  std::size_t at = 0;
  double other = 0.0;     ///< the other cell
  double distance = 0.0;  ///< to the edge, in tolerances
};

struct Cells {
  std::vector<double> values;
  std::vector<Edge> edges;  ///< those within a tolerance, the nearest first
};

/// A tolerance of nothing is passed by whatever is not on the edge itself.
double in_tolerances(double distance, double tolerance) {
  if (tolerance > 0.0) return distance / tolerance;
  return kInfinity;
}

/// The exponent of the least power of two that is no smaller than 16 tolerances; a very small one where
/// nothing is forgiven.
int forgiving_exponent(double tolerance) {
  if (tolerance <= 0.0) return std::numeric_limits<double>::min_exponent - 53;
  int exponent = 0;
  const double fraction = std::frexp(16.0 * tolerance, &exponent);
  return fraction == 0.5 ? exponent - 1 : exponent;
}

Cells quantise(const std::vector<double>& probe, const Quantisation& how) {
  double absolute = how.absolute;
  if (how.of_largest > 0.0)
    for (const double x : probe) absolute = std::max(absolute, how.of_largest * std::abs(x));
  const int least = forgiving_exponent(absolute);
  const int bits = std::min(how.mantissa_bits, -forgiving_exponent(how.relative));
  Cells cells;
  cells.values.reserve(probe.size());
  for (std::size_t i = 0; i < probe.size(); ++i) {
    const double size = std::abs(probe[i]);
    if (size == 0.0) {
      cells.values.push_back(0.0);
      continue;
    }
    const int exponent = std::max(std::ilogb(size) - bits, least);
    const double steps = std::ldexp(size, -exponent);  // exact: a power of two
    const double floor = std::floor(steps), past = steps - floor;
    const bool up = past >= 0.5;
    const auto cell = [&](double n) {
      return n == 0.0 ? 0.0 : std::copysign(std::ldexp(n, exponent), probe[i]);
    };
    cells.values.push_back(cell(up ? floor + 1.0 : floor));
    const double tolerance = std::ldexp(how.relative * size + absolute, -exponent);
    if (const double distance = in_tolerances(std::abs(past - 0.5), tolerance); distance <= 1.0)
      cells.edges.push_back({i, cell(up ? floor : floor + 1.0), distance});
  }
  std::stable_sort(cells.edges.begin(), cells.edges.end(),
                   [](const Edge& a, const Edge& b) { return a.distance < b.distance; });
  return cells;
}

Key key_of(const std::vector<double>& cells, const std::string& literal, const Quantisation& how) {
  const int mantissa_bits = how.mantissa_bits;
  KeyBuilder builder;
  builder.text("function 2")
      .text(literal)
      .integer(mantissa_bits)
      .integer(static_cast<std::int64_t>(cells.size()));
  // Tolerances decide on cells too. Those of the precisions stood before they could be others, and keys of
  // studies were built without them.
  if (how != Quantisation::float32(mantissa_bits) && how != Quantisation::float64(mantissa_bits))
    builder.text("tolerances").real(how.relative).real(how.absolute).real(how.of_largest);
  for (const double value : cells) builder.real(value);
  return builder.build();
}

void check(const Quantisation& how) {
  if (how.mantissa_bits < 1 || how.mantissa_bits > 52) throw internal_error("mantissa bits go from 1 to 52");
  for (const double tolerance : {how.relative, how.absolute, how.of_largest})
    if (!(tolerance >= 0.0 && tolerance <= 0.1)) throw internal_error("tolerances go from 0 to 0.1");
}

}  // namespace

std::optional<Signature> signature(const std::vector<double>& probe, const std::string& literal,
                                   const Quantisation& quantisation) {
  check(quantisation);
  if (probe.empty() || !std::all_of(probe.begin(), probe.end(), [](double x) { return std::isfinite(x); }))
    return std::nullopt;
  const Cells cells = quantise(probe, quantisation);
  Signature result;
  result.key = key_of(cells.values, literal, quantisation);
  result.ambiguous = static_cast<int>(cells.edges.size());
  const std::size_t flips = std::min<std::size_t>(cells.edges.size(), kMostAmbiguous);
  for (std::size_t mask = 1; mask < (std::size_t{1} << flips); ++mask) {
    std::vector<double> variant = cells.values;
    for (std::size_t bit = 0; bit < flips; ++bit)
      if ((mask >> bit & 1) != 0) variant[cells.edges[bit].at] = cells.edges[bit].other;
    result.near.push_back(key_of(variant, literal, quantisation));
  }
  return result;
}

bool shares_key(const Signature& a, const Signature& b) {
  const auto has = [](const Signature& signature, Key key) {
    return signature.key == key ||
           std::find(signature.near.begin(), signature.near.end(), key) != signature.near.end();
  };
  return has(b, a.key) || std::any_of(a.near.begin(), a.near.end(), [&](Key key) { return has(b, key); });
}

std::vector<std::size_t> function_classes(const std::vector<std::optional<Signature>>& signatures) {
  std::vector<std::size_t> parent(signatures.size());
  std::iota(parent.begin(), parent.end(), std::size_t{0});
  const auto root = [&](std::size_t i) {
    while (parent[i] != i) i = parent[i] = parent[parent[i]];
    return i;
  };
  std::unordered_map<Key, std::size_t> first;
  for (std::size_t i = 0; i < signatures.size(); ++i) {
    if (!signatures[i]) continue;
    const auto join = [&](Key key) {
      const std::size_t a = root(i), b = root(first.emplace(key, i).first->second);
      parent[std::max(a, b)] = std::min(a, b);
    };
    join(signatures[i]->key);
    for (const Key key : signatures[i]->near) join(key);
  }
  for (std::size_t i = 0; i < parent.size(); ++i) parent[i] = root(i);
  return parent;
}

}  // namespace hone::identity
