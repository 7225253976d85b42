#include "hone/space/scale.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace hone::space {
namespace {

constexpr int kDigits = 6;
constexpr int kGridDigits = 12;  // of low + k * resolution: far below any resolution, but 0.25 prints as 0.25

constexpr double kPowers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                              1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

double round_significant(double value, int digits) {
  return value == 0.0 ? 0.0 : round_decimals(value, digits - 1 - decimal_exponent(value));
}

/// Of numbers above 0, also where their ratio is none that a double can be.
double log_ratio(double value, double low) {
  const double ratio = value / low;
  return std::isfinite(ratio) && ratio > 0.0 ? std::log(ratio) : std::log(value) - std::log(low);
}

}  // namespace

int decimal_exponent(double value) { return static_cast<int>(std::floor(std::log10(std::abs(value)))); }

double round_decimals(double value, int decimals) {
  // A whole number below 2^53 and a power of ten up to 10^22 are exact, so that their quotient or product is
  // the correctly rounded decimal.
  if (decimals >= 0 && decimals <= 22) {
    const double scaled = value * kPowers[decimals];
    return std::abs(scaled) < 0x1p53 ? std::nearbyint(scaled) / kPowers[decimals] + 0.0 : value;
  }
  if (decimals < 0 && decimals >= -22)
    return std::nearbyint(value / kPowers[-decimals]) * kPowers[-decimals] + 0.0;
  const int digits = value == 0.0 ? 0 : decimals + decimal_exponent(value);
  if (digits < 0) return 0.0;
  char text[64];
  const auto written =
      std::to_chars(text, text + sizeof text, value, std::chars_format::scientific, std::min(digits, 20));
  std::from_chars(text, written.ptr, value);
  return value;
}

Scale::Scale(const Parameter& parameter)
    : parameter_(&parameter), size_(parameter.cardinality()), low_(parameter.low), high_(parameter.high) {
  if (parameter.kind == ParameterKind::integer) {
    step_ = static_cast<double>(parameter.step);
    if (parameter.log) {
      log_low_ = std::log(std::max(low_ - step_ / 2, low_ / 2));
      log_span_ = std::log(high_ + step_ / 2) - log_low_;
    }
  } else if (parameter.kind == ParameterKind::real) {
    step_ = parameter.log ? std::log1p(parameter.resolution) : parameter.resolution;
    if (parameter.log) {
      log_low_ = std::log(low_);
      log_span_ = log_ratio(high_, low_);
    }
    // 6 significant digits, but never so coarse that a narrow range far from zero has few values, nor
    // (linear) so fine near zero that a position in [0, 1] cannot hold the value.
    const double span = high_ - low_;
    const double largest = std::max(std::abs(low_), std::abs(high_));
    least_decimals_ = span > 0 ? kDigits - 1 - decimal_exponent(span) : -400;
    most_decimals_ = 400;
    if (!parameter.log && largest > 0) {
      const int leading = decimal_exponent(largest);
      most_decimals_ = std::max(11 - leading, std::min(least_decimals_, 15 - leading));
    }
  }
}

double Scale::rounded(double value) const {
  if (value == 0.0) return std::clamp(0.0, low_, high_);
  const int decimals =
      std::min(std::max(kDigits - 1 - decimal_exponent(value), least_decimals_), most_decimals_);
  return std::clamp(round_decimals(value, decimals), low_, high_);
}

double Scale::real_value(std::int64_t k) const {
  if (k >= size_ - 1) return high_;
  const double offset = static_cast<double>(k) * step_;
  if (k == 0) return low_;
  return parameter_->log ? std::clamp(round_significant(low_ * std::exp(offset), kDigits), low_, high_)
                         : round_significant(low_ + offset, kGridDigits);
}

std::int64_t Scale::nearest_real(double value) const {
  if (value <= low_) return 0;
  if (value >= high_) return size_ - 1;
  const double steps = parameter_->log ? log_ratio(value, low_) / step_ : (value - low_) / step_;
  const auto k = std::clamp<std::int64_t>(std::llround(steps), 0, size_ - 1);
  // The last gap may be narrower than the others.
  if (k < size_ - 2) return k;
  const auto distance = [&](std::int64_t i) { return std::abs(value - real_value(i)); };
  std::int64_t best = k;
  for (std::int64_t i = std::max<std::int64_t>(0, k - 1); i <= std::min(size_ - 1, k + 1); ++i)
    if (distance(i) < distance(best)) best = i;
  return best;
}

double Scale::edge(std::int64_t k) const {
  return k == 0 ? log_low_ : std::log(low_ + (static_cast<double>(k) - 0.5) * step_);
}

Operand Scale::value(std::int64_t k) const {
  switch (parameter_->kind) {
    case ParameterKind::choice:
    case ParameterKind::ordinal:
      return Operand::of(parameter_->choices[static_cast<std::size_t>(k)]);
    case ParameterKind::flag:
      return Operand::of(k != 0);
    case ParameterKind::integer:
      return Operand::of(static_cast<std::int64_t>(low_) + k * parameter_->step);
    case ParameterKind::real:
      return Operand::of(real_value(k));
  }
  return Operand();
}

double Scale::weight(std::int64_t first, std::int64_t last) const {
  if (parameter_->kind != ParameterKind::integer || !parameter_->log)
    return static_cast<double>(last - first + 1) / static_cast<double>(size_);
  return (edge(last + 1) - edge(first)) / log_span_;
}

std::int64_t Scale::index(const Operand& canonical) const {
  switch (parameter_->kind) {
    case ParameterKind::integer:
      return (canonical.integer - static_cast<std::int64_t>(low_)) / parameter_->step;
    case ParameterKind::real:
      return nearest_real(canonical.real);
    case ParameterKind::flag:
      return canonical.flag ? 1 : 0;
    default:
      break;
  }
  for (std::size_t k = 0; k < parameter_->choices.size(); ++k)
    if (same(Operand::of(parameter_->choices[k]), canonical)) return static_cast<std::int64_t>(k);
  return 0;
}

Operand Scale::draw(Rng& rng, std::int64_t first, std::int64_t last) const {
  if (parameter_->kind != ParameterKind::integer || !parameter_->log)
    return value(first + static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(last - first + 1))));
  const double x = std::exp(rng.uniform(edge(first), edge(last + 1)));
  return value(std::clamp(static_cast<std::int64_t>(std::floor((x - low_) / step_ + 0.5)), first, last));
}

Operand Scale::draw(Rng& rng) const {
  if (size_ == 0 || (parameter_->kind == ParameterKind::integer && parameter_->log)) return at(rng.uniform());
  return value(static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(size_))));
}

Operand Scale::middle() const {
  return at(parameter_->kind == ParameterKind::choice || parameter_->kind == ParameterKind::flag ? 0.0 : 0.5);
}

Operand Scale::at(double position) const {
  const double last = static_cast<double>(size_ - 1);
  switch (parameter_->kind) {
    case ParameterKind::choice:
    case ParameterKind::flag:
      return value(static_cast<std::int64_t>(std::clamp(std::nearbyint(position), 0.0, last)));
    case ParameterKind::integer:
    case ParameterKind::ordinal: {
      double k = std::floor(position * static_cast<double>(size_));
      if (parameter_->log) {
        const double x = std::exp(log_low_ + std::clamp(position, 0.0, 1.0) * log_span_);
        k = std::floor((x - low_) / step_ + 0.5);
      }
      return value(static_cast<std::int64_t>(std::clamp(k, 0.0, last)));
    }
    case ParameterKind::real: {
      if (size_ > 0) {
        const double k = std::floor(position * static_cast<double>(size_));
        return value(static_cast<std::int64_t>(std::clamp(k, 0.0, last)));
      }
      position = std::clamp(position, 0.0, 1.0);
      return Operand::of(rounded(parameter_->log ? low_ * std::exp(position * log_span_)
                                                 : low_ + position * (high_ - low_)));
    }
  }
  return Operand();
}

double Scale::position(const Operand& operand) const {
  const auto middle = [this](std::int64_t k) {
    return (static_cast<double>(k) + 0.5) / static_cast<double>(size_);
  };
  switch (parameter_->kind) {
    case ParameterKind::flag:
      return operand.flag ? 1.0 : 0.0;
    case ParameterKind::choice:
    case ParameterKind::ordinal:
      for (std::size_t k = 0; k < parameter_->choices.size(); ++k)
        if (same(Operand::of(parameter_->choices[k]), operand))
          return parameter_->kind == ParameterKind::choice ? static_cast<double>(k)
                                                           : middle(static_cast<std::int64_t>(k));
      throw refused(operand, "one of its choices");
    case ParameterKind::integer: {
      const std::int64_t k = (operand.integer - static_cast<std::int64_t>(low_)) / parameter_->step;
      return parameter_->log ? ((edge(k) + edge(k + 1)) / 2 - log_low_) / log_span_ : middle(k);
    }
    case ParameterKind::real:
      if (size_ > 0) return middle(nearest_real(operand.real));
      return std::clamp(parameter_->log ? log_ratio(operand.real, low_) / log_span_
                                        : (operand.real - low_) / (high_ - low_),
                        0.0, 1.0);
  }
  return 0.0;
}

Operand Scale::canonical(const Operand& operand) const {
  switch (parameter_->kind) {
    case ParameterKind::flag:
      if (operand.kind != Operand::Kind::flag) throw refused(operand, "true or false");
      return operand;
    case ParameterKind::choice:
    case ParameterKind::ordinal:
      for (const Value& choice : parameter_->choices)
        if (same(Operand::of(choice), operand)) return Operand::of(choice);
      throw refused(operand, "one of its choices");
    case ParameterKind::integer: {
      const bool whole = operand.is_number() && operand.number() == std::floor(operand.number());
      if (!whole) throw refused(operand, "an integer");
      const double k = std::nearbyint((operand.number() - low_) / step_);
      return value(static_cast<std::int64_t>(std::clamp(k, 0.0, static_cast<double>(size_ - 1))));
    }
    case ParameterKind::real:
      if (!operand.is_number() || std::isnan(operand.number())) throw refused(operand, "a number");
      if (size_ > 0) return value(nearest_real(operand.number()));
      return Operand::of(rounded(std::clamp(operand.number(), low_, high_)));
  }
  return Operand();
}

std::optional<Operand> Scale::find(const Operand& operand) const {
  if (!operand.active()) return std::nullopt;
  if (parameter_->kind == ParameterKind::choice || parameter_->kind == ParameterKind::ordinal) {
    for (const Value& choice : parameter_->choices)
      if (same(Operand::of(choice), operand)) return Operand::of(choice);
    return std::nullopt;
  }
  const bool flag = parameter_->kind == ParameterKind::flag;
  if (flag != (operand.kind == Operand::Kind::flag) || (!flag && !operand.is_number())) return std::nullopt;
  const bool whole = flag || operand.number() == std::floor(operand.number());
  if (std::isnan(flag ? 0.0 : operand.number()) || (parameter_->kind == ParameterKind::integer && !whole))
    return std::nullopt;
  const Operand nearest = canonical(operand);
  if (!same(nearest, operand)) return std::nullopt;
  return nearest;
}

Error Scale::refused(const Operand& operand, const std::string& what) const {
  std::string hint = "it is " + parameter_->shown();
  const bool chosen = parameter_->kind == ParameterKind::choice || parameter_->kind == ParameterKind::ordinal;
  if (chosen && operand.kind == Operand::Kind::text) {
    std::vector<std::string> names;
    for (const Value& choice : parameter_->choices) names.push_back(value_text(choice));
    hint = suggest(*operand.text, names);
  }
  return Error(fmt::format("expected {}, found {}", what, value_quoted(operand.value())),
               Place{"", 0, parameter_->name}, std::move(hint));
}

}  // namespace hone::space
