// How a recorded table becomes a space, and a config a row.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/key.h"
#include "hone/base/numbers.h"
#include "hone/task/table.h"

namespace hone::task {
namespace {

/// A grid's codes are a table of at most so many entries a recorded row.
constexpr std::size_t kCodesPerRow = 8;
constexpr std::size_t kFewCodes = 1 << 20;
/// A column of real numbers with so few distinct ones is a list of them.
constexpr std::size_t kFewNumbers = 64;

double scaled(TableScale scale, double number, double low, double high) {
  if (!(high > low)) return 0.0;
  if (scale == TableScale::linear) return (number - low) / (high - low);
  return std::log(std::max(number, low) / low) / std::log(high / low);
}

/// The largest gap between the values' distribution along a scale and the uniform one. `sorted` ascends.
double unevenness(const std::vector<double>& sorted, TableScale scale) {
  const auto n = static_cast<double>(sorted.size());
  double worst = 0.0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const double at = scaled(scale, sorted[i], sorted.front(), sorted.back());
    worst = std::max({worst, std::abs(at - static_cast<double>(i) / n),
                      std::abs(at - (static_cast<double>(i) + 1.0) / n)});
  }
  return worst;
}

std::string no_such_value(const std::string& name, const Value& value) {
  return fmt::format("{} is no value of '{}' in the table", value_quoted(value), name);
}

}  // namespace

void Table::scale_reals() {
  std::size_t real = 0;
  std::vector<std::size_t> now_listed;
  for (Axis& axis : axes_) {
    if (axis.listed()) continue;
    std::vector<double> sorted(rows_);
    for (std::size_t row = 0; row < rows_; ++row) sorted[row] = numbers_[row * n_real_ + real];
    std::sort(sorted.begin(), sorted.end());
    std::vector<double> distinct = sorted;
    distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
    if (distinct.size() <= std::min(kFewNumbers, std::max<std::size_t>(1, rows_ / 4))) {
      const bool whole = std::all_of(distinct.begin(), distinct.end(),
                                     [](double x) { return x == std::floor(x) && std::abs(x) < 1e15; });
      for (const double x : distinct)
        if (whole)
          axis.parameter.values.emplace_back(static_cast<std::int64_t>(x));
        else
          axis.parameter.values.emplace_back(x);
      axis.parameter.numeric = true;
      now_listed.push_back(real++);
      continue;
    }
    double best = unevenness(sorted, TableScale::linear);
    if (sorted.front() > 0.0)
      if (const double uneven = unevenness(sorted, TableScale::log); uneven < best) {
        best = uneven;
        axis.scale = TableScale::log;
      }
    if (sorted.front() >= 0.0 && sorted.back() < 1.0) {
      std::vector<double> complement(sorted.rbegin(), sorted.rend());
      for (double& x : complement) x = 1.0 - x;
      if (unevenness(complement, TableScale::log) < best) {
        axis.scale = TableScale::log_complement;
        axis.name = "one_minus_" + axis.parameter.name;
        sorted = complement;
        for (std::size_t row = 0; row < rows_; ++row)
          numbers_[row * n_real_ + real] = 1.0 - numbers_[row * n_real_ + real];
      }
    }
    axis.low = sorted.front();
    axis.high = sorted.back();
    ++real;
  }
  if (now_listed.empty()) return;
  // Columns that turned out to be lists move over, and all stand in the axes' order again.
  std::vector<std::uint16_t> index;
  std::vector<double> numbers;
  for (std::size_t row = 0; row < rows_; ++row) {
    std::size_t listed = 0, number = 0;
    for (const Axis& axis : axes_) {
      const bool was_real =
          description_.parameters[static_cast<std::size_t>(&axis - axes_.data())].values.empty();
      if (!was_real) {
        index.push_back(index_[row * n_listed_ + listed++]);
        continue;
      }
      const double x = numbers_[row * n_real_ + number++];
      if (!axis.listed()) {
        numbers.push_back(x);
        continue;
      }
      const auto at = std::lower_bound(axis.parameter.values.begin(), axis.parameter.values.end(), x,
                                       [](const Value& value, double n) { return value_real(value) < n; });
      index.push_back(static_cast<std::uint16_t>(at - axis.parameter.values.begin()));
    }
  }
  index_ = std::move(index);
  numbers_ = std::move(numbers);
  n_listed_ += now_listed.size();
  n_real_ -= now_listed.size();
}

void Table::make_positions() {
  positions_.reserve(numbers_.size());
  for (std::size_t row = 0; row < rows_; ++row) {
    std::size_t real = 0;
    for (const Axis& axis : axes_)
      if (!axis.listed()) positions_.push_back(position(axis, numbers_[row * n_real_ + real++]));
  }
}

void Table::make_index(const std::string& file) {
  const auto twice = [&](std::size_t first, std::size_t second) {
    return Error(fmt::format("the same configuration as in line {}", first + 2),
                 Place{file, static_cast<int>(second) + 2, ""});
  };
  if (n_real_ == 0) {
    const std::size_t most = std::max(kFewCodes, kCodesPerRow * rows_);
    std::size_t codes = 1;
    for (const Axis& axis : axes_) {
      codes *= axis.parameter.values.size();
      if (codes > most) break;
    }
    if (codes <= most) {
      row_of_.assign(codes, 0);
      for (std::size_t row = 0; row < rows_; ++row) {
        std::size_t code = 0;
        for (std::size_t i = 0; i < axes_.size(); ++i)
          code = code * axes_[i].parameter.values.size() + index_[row * n_listed_ + i];
        if (row_of_[code] != 0) throw twice(row_of_[code] - 1, row);
        row_of_[code] = static_cast<std::uint32_t>(row) + 1;
      }
      complete_ = codes == rows_;
      return;
    }
  }
  std::string bytes;
  for (std::size_t row = 0; row < rows_; ++row) {
    const auto* index = reinterpret_cast<const char*>(index_.data() + row * n_listed_);
    const auto* number = reinterpret_cast<const char*>(numbers_.data() + row * n_real_);
    bytes.assign(index, n_listed_ * sizeof(std::uint16_t));
    bytes.append(number, n_real_ * sizeof(double));
    auto& same = by_hash_[hash_key(bytes).low];
    for (const std::uint32_t other : same)
      if (std::equal(index_.begin() + static_cast<std::ptrdiff_t>(row * n_listed_),
                     index_.begin() + static_cast<std::ptrdiff_t>((row + 1) * n_listed_),
                     index_.begin() + static_cast<std::ptrdiff_t>(other * n_listed_)) &&
          std::equal(numbers_.begin() + static_cast<std::ptrdiff_t>(row * n_real_),
                     numbers_.begin() + static_cast<std::ptrdiff_t>((row + 1) * n_real_),
                     numbers_.begin() + static_cast<std::ptrdiff_t>(other * n_real_)))
        throw twice(other, row);
    same.push_back(static_cast<std::uint32_t>(row));
  }
}

void Table::make_space(const std::string& file) {
  space::Space::Builder builder;
  for (const Axis& axis : axes_) {
    const auto& values = axis.parameter.values;
    if (!axis.listed() && axis.parameter.whole && axis.scale != TableScale::log_complement)
      builder.integer(axis.name, static_cast<std::int64_t>(std::ceil(axis.low)),
                      static_cast<std::int64_t>(std::floor(axis.high)),
                      {.log = axis.scale != TableScale::linear});
    else if (!axis.listed())
      builder.real(axis.name, axis.low, axis.high, {.log = axis.scale != TableScale::linear});
    else if (axis.parameter.flag && values.size() == 2)
      builder.flag(axis.name);
    else if (axis.parameter.numeric && values.size() > 1)
      builder.ordinal(axis.name, values);
    else
      builder.choice(axis.name, values);
  }
  try {
    space_ = builder.build();
  } catch (const Error& error) {
    throw Error(error.message(), Place{file, 0, error.place().key}, error.hint());
  }
}

Table::Spot Table::spot(const Axis& axis, const space::Config& config, std::size_t position,
                        bool exact) const {
  const auto& entries = config.entries();
  const Value* value = position < entries.size() && entries[position].first == axis.name
                           ? &entries[position].second
                           : config.find(axis.name);
  if (value == nullptr) throw Error(fmt::format("the config lacks '{}', which the table has", axis.name));
  const auto& values = axis.parameter.values;
  Spot found;
  if (!axis.listed() || axis.parameter.numeric) {
    if (std::holds_alternative<std::string>(*value) || std::holds_alternative<bool>(*value))
      throw Error(no_such_value(axis.name, *value), {}, "expected a number");
    found.number = value_real(*value);
  }
  if (!axis.listed()) return found;
  if (!axis.parameter.numeric) {
    const auto at = std::find(values.begin(), values.end(), *value);
    if (at == values.end()) throw Error(no_such_value(axis.name, *value));
    found.index = static_cast<std::int32_t>(at - values.begin());
    return found;
  }
  auto at = std::lower_bound(values.begin(), values.end(), found.number,
                             [](const Value& one, double n) { return value_real(one) < n; });
  if (at == values.end() || value_real(*at) != found.number) {
    if (exact) return {};
    if (at == values.end() ||
        (at != values.begin() && found.number - value_real(*(at - 1)) <= value_real(*at) - found.number))
      --at;
  }
  found.index = static_cast<std::int32_t>(at - values.begin());
  return found;
}

std::optional<std::size_t> Table::find(const space::Config& config) const {
  std::size_t code = 0;
  if (!row_of_.empty()) {
    for (std::size_t i = 0; i < axes_.size(); ++i) {
      const Spot at = spot(axes_[i], config, i, true);
      if (at.index < 0) return std::nullopt;
      code = code * axes_[i].parameter.values.size() + static_cast<std::size_t>(at.index);
    }
    if (row_of_[code] == 0) return std::nullopt;
    return row_of_[code] - 1;
  }
  std::vector<std::uint16_t> index;
  std::vector<double> numbers;
  for (std::size_t i = 0; i < axes_.size(); ++i) {
    const Spot at = spot(axes_[i], config, i, true);
    if (!axes_[i].listed()) {
      numbers.push_back(at.number);
      continue;
    }
    if (at.index < 0) return std::nullopt;
    index.push_back(static_cast<std::uint16_t>(at.index));
  }
  std::string bytes(reinterpret_cast<const char*>(index.data()), index.size() * sizeof(std::uint16_t));
  bytes.append(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(double));
  const auto same = by_hash_.find(hash_key(bytes).low);
  if (same == by_hash_.end()) return std::nullopt;
  for (const std::uint32_t row : same->second)
    if (std::equal(index.begin(), index.end(),
                   index_.begin() + static_cast<std::ptrdiff_t>(row * n_listed_)) &&
        std::equal(numbers.begin(), numbers.end(),
                   numbers_.begin() + static_cast<std::ptrdiff_t>(row * n_real_)))
      return row;
  return std::nullopt;
}

double Table::position(const Axis& axis, double number) const {
  return scaled(axis.scale, number, axis.low, axis.high);
}

std::size_t Table::nearest(const space::Config& config) const {
  if (!row_of_.empty())
    if (const auto row = find(config)) return *row;
  std::vector<Spot> wanted;
  for (std::size_t i = 0; i < axes_.size(); ++i) {
    wanted.push_back(spot(axes_[i], config, i, false));
    if (!axes_[i].listed()) wanted.back().number = position(axes_[i], wanted.back().number);
  }
  std::size_t best = 0;
  double least = kInfinity;
  for (std::size_t row = 0; row < rows_; ++row) {
    double distance = 0.0;
    std::size_t listed = 0, real = 0;
    for (std::size_t i = 0; i < axes_.size() && distance < least; ++i) {
      const Axis& axis = axes_[i];
      double apart = 0.0;
      if (!axis.listed()) {
        apart = positions_[row * n_real_ + real++] - wanted[i].number;
      } else {
        const int off = static_cast<int>(index_[row * n_listed_ + listed++]) - wanted[i].index;
        if (axis.parameter.numeric)
          apart = axis.parameter.values.size() < 2
                      ? 0.0
                      : static_cast<double>(off) / static_cast<double>(axis.parameter.values.size() - 1);
        else
          apart = off == 0 ? 0.0 : 1.0;
      }
      distance += apart * apart;
    }
    if (distance < least) {
      least = distance;
      best = row;
    }
  }
  return best;
}

space::Config Table::config(std::size_t row) const {
  std::vector<space::Config::Entry> entries;
  std::size_t listed = 0, real = 0;
  for (const Axis& axis : axes_) {
    if (axis.listed())
      entries.emplace_back(axis.name, axis.parameter.values[index_[row * n_listed_ + listed++]]);
    else
      entries.emplace_back(axis.name, numbers_[row * n_real_ + real++]);
  }
  return space_.canonical(space::Config(std::move(entries)));
}

void Table::check(const space::Space& space) const {
  std::vector<std::string> names;
  for (const Axis& axis : axes_) names.push_back(axis.name);
  for (const auto& parameter : space.parameters()) {
    const auto at = std::find(names.begin(), names.end(), parameter.name);
    const Place place = parameter.place;
    if (at == names.end())
      throw Error(fmt::format("the table has no parameter '{}'", parameter.name), place,
                  suggest(parameter.name, names));
    const Axis& axis = axes_[static_cast<std::size_t>(at - names.begin())];
    if (parameter.when)
      throw Error(
          fmt::format("'{}' must always be active: the table has a value of it in every row", parameter.name),
          place);
    for (const Value& value : parameter.choices) {
      if (!axis.listed()) {
        if (!std::holds_alternative<std::string>(value) && !std::holds_alternative<bool>(value) &&
            value_real(value) >= axis.low && value_real(value) <= axis.high)
          continue;
        throw Error(no_such_value(parameter.name, value), place,
                    fmt::format("recorded are {} to {}", axis.low, axis.high));
      }
      if (std::none_of(axis.parameter.values.begin(), axis.parameter.values.end(),
                       [&](const Value& one) { return value_same(one, value); }))
        throw Error(no_such_value(parameter.name, value), place);
    }
    const bool ranged =
        parameter.kind == space::ParameterKind::real || parameter.kind == space::ParameterKind::integer;
    if (parameter.kind == space::ParameterKind::flag && !axis.parameter.flag)
      throw Error(fmt::format("'{}' is no flag in the table", parameter.name), place);
    if (!ranged) continue;
    if (axis.listed() && !axis.parameter.numeric)
      throw Error(fmt::format("'{}' is no number in the table", parameter.name), place);
    const double low = axis.listed() ? value_real(axis.parameter.values.front()) : axis.low;
    const double high = axis.listed() ? value_real(axis.parameter.values.back()) : axis.high;
    // What rounds to the end of the range is meant to be the end.
    const double slack = 1e-5 * (high - low);
    if (parameter.low < low - slack || parameter.high > high + slack)
      throw Error(fmt::format("'{}' goes beyond what was recorded: {} to {}", parameter.name, low, high),
                  place);
  }
  for (const std::string& name : names)
    if (!space.index(name))
      throw Error(fmt::format("the space lacks '{}', which the table has", name), Place{"", 0, "space"},
                  "leave [space] out to search all that was recorded");
}

}  // namespace hone::task
