#pragma once

#include <cstdint>
#include <vector>

#include "hone/space/plan.h"

namespace hone::space {

// What an expression can be over a box of values: interval arithmetic and three-valued logic, for the solver.

/// The values that a parameter may still have. Of a scale of up to 64 values a set, of a longer one a range
/// of positions, of an uncounted real an interval. Which, its Variable knows.
struct Domain {
  std::uint64_t a = 0, b = 0;
  bool operator==(const Domain&) const = default;
};

class Variable;

/// All that a subexpression can be: any union of inactive, true, false, text and numbers in [low, high].
struct Bounds {
  bool inactive = false, yes = false, no = false, text = false;
  bool number = false, whole = false, nan = false;
  double low = 0, high = 0;
  const Variable* variable = nullptr;  ///< where it is a parameter with a set, or a single one
  Domain domain;
  const Value* literal = nullptr;

  static Bounds of(double low, double high, bool whole);
  static Bounds any_number();
  static Bounds truth(bool yes, bool no, bool inactive);
};

/// One parameter as the solver sees it.
class Variable {
 public:
  explicit Variable(const Scale& scale, const Parameter& parameter);

  enum class Form : std::uint8_t { set, range, interval };
  Form form() const { return form_; }
  Domain all() const;
  /// Positions first to last; sets and ranges.
  Domain positions(std::int64_t first, std::int64_t last) const;
  Domain interval(double low, double high) const;
  Domain only(const Operand& canonical) const;

  bool empty(const Domain& domain) const;
  bool single(const Domain& domain) const;
  std::int64_t size(const Domain& domain) const;  ///< -1: infinite
  std::int64_t first(const Domain& domain) const;
  std::int64_t last(const Domain& domain) const;
  double low(const Domain& domain) const;                     ///< interval
  double high(const Domain& domain) const;                    ///< interval
  Operand value(const Domain& domain) const;                  ///< of a single one
  Operand value(const Domain& domain, std::int64_t k) const;  ///< the k-th of a finite one
  /// The share of Scale::draw that falls into it.
  double mass(const Domain& domain) const;
  /// As Scale::draw would, given that it falls into it (an interval: nearly, and rounded).
  Operand draw(const Domain& domain, Rng& rng) const;
  const std::vector<Operand>& values() const { return values_; }  ///< of a set
  bool numeric() const { return numeric_; }                       ///< numbers that ascend with the position
  /// What an active parameter with these values can be.
  Bounds bounds(const Domain& domain) const;
  /// The value of an uncounted real that is nearest.
  Operand nearest(double value) const { return scale_->canonical(Operand::of(value)); }
  Operand middle() const { return scale_->middle(); }
  std::int64_t index(const Operand& canonical) const { return scale_->index(canonical); }

 private:
  const Scale* scale_;
  Form form_;
  bool numeric_ = false;  ///< numbers alone, ascending with the position
  bool whole_ = false;    ///< integers alone
  double least_ = 0, most_ = 0;
  std::vector<Operand> values_;
};

/// The parameters over which an expression is bounded.
class Box {
 public:
  virtual ~Box() = default;
  virtual Bounds cell(std::size_t parameter) const = 0;
};

/// What the expression can be. Never throws: where evaluation could, nothing is excluded.
Bounds bound(const BoundExpression& expression, const Box& box);

}  // namespace hone::space
