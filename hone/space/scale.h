#pragma once

#include <cstdint>
#include <optional>

#include "hone/base/rng.h"
#include "hone/space/operand.h"
#include "hone/space/space.h"

namespace hone::space {

/// The values of one parameter along its scale, prepared for speed. The parameter must be checked, and must
/// outlive the scale: operands point into its choices.
class Scale {
 public:
  explicit Scale(const Parameter& parameter);

  /// Number of values; 0 for an uncounted real.
  std::int64_t size() const { return size_; }
  /// The k-th value, 0 <= k < size().
  Operand value(std::int64_t k) const;
  /// The probability of the k-th value under draw().
  double weight(std::int64_t k) const { return weight(k, k); }
  double weight(std::int64_t first, std::int64_t last) const;  ///< of those from first to last together
  std::int64_t index(const Operand& canonical) const;          ///< of a canonical value; counted scales

  Operand draw(Rng& rng) const;
  Operand draw(Rng& rng, std::int64_t first, std::int64_t last) const;  ///< given that it is one of those
  /// The value in the middle of the scale; of a choice the first, of a flag false.
  Operand middle() const;
  /// The canonical value at a Point's entry, which is clamped.
  Operand at(double position) const;
  /// The Point's entry of a canonical value.
  double position(const Operand& operand) const;
  /// The nearest canonical value. Throws Error where the type is wrong or it is no choice.
  Operand canonical(const Operand& operand) const;
  Operand canonical(const Value& value) const { return canonical(Operand::of(value)); }
  /// The canonical value that equals `operand`; nullopt where there is none.
  std::optional<Operand> find(const Operand& operand) const;

 private:
  double real_value(std::int64_t k) const;
  std::int64_t nearest_real(double value) const;
  double rounded(double value) const;
  /// Log of the lower edge of the k-th integer's cell.
  double edge(std::int64_t k) const;
  Error refused(const Operand& operand, const std::string& what) const;

  const Parameter* parameter_;
  std::int64_t size_ = 0;
  double low_ = 0.0;
  double high_ = 1.0;
  double step_ = 1.0;      ///< integer: step; real: resolution, as log(1 + r) on a log scale
  double log_low_ = 0.0;   ///< log of the scale's lower end
  double log_span_ = 0.0;  ///< log of its upper over its lower end
  int least_decimals_ = 0;
  int most_decimals_ = 0;
};

/// The nearest decimal with so many digits after the point (negative: before it), as close as a double can
/// be; for |decimals| <= 22 it is the very double that its short text reads as.
double round_decimals(double value, int decimals);
/// The power of ten of the leading digit: 0 for 1 to 9.99, -4 for 0.0001. `value` is not zero.
int decimal_exponent(double value);

}  // namespace hone::space
