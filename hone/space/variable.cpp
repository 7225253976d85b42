#include <algorithm>
#include <bit>
#include <cmath>

#include "hone/base/numbers.h"
#include "hone/space/bounds.h"

namespace hone::space {
namespace {

constexpr std::int64_t kLargestSet = 64;
constexpr int kDraws = 4;

}  // namespace

Variable::Variable(const Scale& scale, const Parameter& parameter) : scale_(&scale) {
  const std::int64_t n = scale.size();
  form_ = n == 0 ? Form::interval : n <= kLargestSet ? Form::set : Form::range;
  whole_ = parameter.kind == ParameterKind::integer;
  numeric_ = whole_ || parameter.kind == ParameterKind::real;
  least_ = parameter.low;
  most_ = parameter.high;
  if (form_ == Form::set)
    for (std::int64_t k = 0; k < n; ++k) values_.push_back(scale.value(k));
}

Bounds Variable::bounds(const Domain& domain) const {
  Bounds found;
  const auto add = [&found](const Operand& value) {
    if (value.kind == Operand::Kind::flag) {
      (value.flag ? found.yes : found.no) = true;
    } else if (value.kind == Operand::Kind::text) {
      found.text = true;
    } else {
      const bool whole = value.kind == Operand::Kind::integer;
      double low = value.number(), high = low;
      if (whole && std::abs(low) >= 0x1p53) {
        low = std::nextafter(low, -kInfinity);
        high = std::nextafter(high, kInfinity);
      }
      found.low = found.number ? std::min(found.low, low) : low;
      found.high = found.number ? std::max(found.high, high) : high;
      found.whole = whole && (found.whole || !found.number);
      found.number = true;
    }
  };
  if (form_ == Form::set) {
    for (std::uint64_t set = domain.a; set != 0; set &= set - 1)
      add(values_[static_cast<std::size_t>(std::countr_zero(set))]);
  } else if (form_ == Form::interval) {
    found = Bounds::of(low(domain), high(domain), false);
    if (!single(domain)) return found;
  } else if (single(domain)) {
    add(value(domain));
  } else if (numeric_) {
    return Bounds::of(scale_->value(first(domain)).number(), scale_->value(last(domain)).number(), whole_);
  } else {
    for (std::int64_t k = 0; k < scale_->size(); ++k) add(scale_->value(k));
    return found;
  }
  found.variable = this;
  found.domain = domain;
  return found;
}

Domain Variable::all() const {
  if (form_ == Form::interval) return interval(least_, most_);
  return positions(0, scale_->size() - 1);
}

Domain Variable::positions(std::int64_t first, std::int64_t last) const {
  if (form_ == Form::range) return {static_cast<std::uint64_t>(first), static_cast<std::uint64_t>(last)};
  if (first > last) return {0, 0};
  const std::uint64_t up_to = last >= 63 ? ~std::uint64_t{0} : (std::uint64_t{1} << (last + 1)) - 1;
  return {up_to & ~((std::uint64_t{1} << first) - 1), 0};
}

Domain Variable::interval(double low, double high) const {
  return {std::bit_cast<std::uint64_t>(low), std::bit_cast<std::uint64_t>(high)};
}

Domain Variable::only(const Operand& canonical) const {
  if (form_ == Form::interval) return interval(canonical.real, canonical.real);
  if (form_ == Form::set) {
    for (std::size_t k = 0; k < values_.size(); ++k)
      if (same(values_[k], canonical)) return {std::uint64_t{1} << k, 0};
    return {0, 0};
  }
  const auto k = static_cast<std::uint64_t>(scale_->index(canonical));
  return {k, k};
}

bool Variable::empty(const Domain& domain) const {
  if (form_ == Form::set) return domain.a == 0;
  if (form_ == Form::range) return first(domain) > last(domain);
  return !(low(domain) <= high(domain));
}

bool Variable::single(const Domain& domain) const {
  return form_ == Form::set ? std::has_single_bit(domain.a) : domain.a == domain.b;
}

std::int64_t Variable::size(const Domain& domain) const {
  if (form_ == Form::set) return std::popcount(domain.a);
  if (form_ == Form::range) return last(domain) - first(domain) + 1;
  return domain.a == domain.b ? 1 : -1;
}

std::int64_t Variable::first(const Domain& domain) const {
  return form_ == Form::set ? std::countr_zero(domain.a) : static_cast<std::int64_t>(domain.a);
}

std::int64_t Variable::last(const Domain& domain) const {
  return form_ == Form::set ? 63 - std::countl_zero(domain.a) : static_cast<std::int64_t>(domain.b);
}

double Variable::low(const Domain& domain) const { return std::bit_cast<double>(domain.a); }
double Variable::high(const Domain& domain) const { return std::bit_cast<double>(domain.b); }

Operand Variable::value(const Domain& domain) const {
  return form_ == Form::interval ? Operand::of(low(domain)) : scale_->value(first(domain));
}

Operand Variable::value(const Domain& domain, std::int64_t k) const {
  if (form_ == Form::interval) return value(domain);
  if (form_ == Form::range) return scale_->value(first(domain) + k);
  std::uint64_t set = domain.a;
  for (; k > 0; --k) set &= set - 1;
  return scale_->value(std::countr_zero(set));
}

double Variable::mass(const Domain& domain) const {
  if (form_ == Form::range) return scale_->weight(first(domain), last(domain));
  if (form_ == Form::interval) {
    // A point is what rounding to six digits brings there.
    const double width =
        scale_->position(Operand::of(high(domain))) - scale_->position(Operand::of(low(domain)));
    return std::max(width, 1e-6);
  }
  double sum = 0;
  for (std::uint64_t set = domain.a; set != 0; set &= set - 1) sum += scale_->weight(std::countr_zero(set));
  return sum;
}

Operand Variable::draw(const Domain& domain, Rng& rng) const {
  if (single(domain)) return value(domain);
  if (form_ == Form::range) return scale_->draw(rng, first(domain), last(domain));
  if (form_ == Form::set) {
    double pick = rng.uniform() * mass(domain);
    std::int64_t k = first(domain);
    for (std::uint64_t set = domain.a; set != 0 && pick >= 0; set &= set - 1) {
      k = std::countr_zero(set);
      pick -= scale_->weight(k);
    }
    return scale_->value(k);
  }
  const double from = scale_->position(Operand::of(low(domain)));
  const double to = scale_->position(Operand::of(high(domain)));
  Operand drawn = scale_->at(from);
  for (int i = 0; i < kDraws; ++i) {
    drawn = scale_->at(rng.uniform(from, to));
    if (drawn.real >= low(domain) && drawn.real <= high(domain)) break;
  }
  return drawn;
}

}  // namespace hone::space
