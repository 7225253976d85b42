// How a recorded table becomes a space, and a config a row.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/key.h"
#include "hone/base/numbers.h"
#include "hone/space/scale.h"
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
    const bool large = std::any_of(axes_.begin(), axes_.end(), [](const Axis& axis) {
      if (!axis.listed()) return axis.high >= kWholeToTell;
      return axis.parameter.numeric && value_real(axis.parameter.values.back()) >= kWholeToTell;
    });
    return Error(fmt::format("the same configuration as in line {}", first + 2),
                 Place{file, static_cast<int>(second) + 2, ""},
                 large ? "whole numbers are told apart up to 2^53 only" : "");
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
  for (std::size_t row = 0; row < rows_; ++row) {
    auto& same = by_hash_[hash_of(index_.data() + row * n_listed_, rounded(numbers_.data() + row * n_real_))];
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
    const std::string& key = error.place().key;
    const auto axis =
        std::find_if(axes_.begin(), axes_.end(), [&](const Axis& one) { return one.name == key; });
    throw Error(error.message(), Place{file, 0, axis == axes_.end() ? key : axis->parameter.name},
                error.hint());
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

std::vector<double> Table::rounded(const double* numbers) const {
  // What rounds to the end of the range is meant to be the end.
  constexpr double kSlack = 1e-5;
  std::vector<double> result(numbers, numbers + n_real_);
  std::size_t real = 0;
  for (std::size_t i = 0; i < axes_.size(); ++i) {
    if (axes_[i].listed()) continue;
    double& number = result[real++];
    number += 0.0;  // no -0.0
    const space::Parameter& parameter = space_.parameter(i);
    const double slack = kSlack * (parameter.high - parameter.low);
    if (parameter.kind != space::ParameterKind::real || number < parameter.low - slack ||
        number > parameter.high + slack)
      continue;
    number = space::Scale(parameter).canonical(Value(number)).number();
  }
  return result;
}

std::uint64_t Table::hash_of(const std::uint16_t* index, const std::vector<double>& rounded) const {
  std::string bytes(reinterpret_cast<const char*>(index), n_listed_ * sizeof(std::uint16_t));
  bytes.append(reinterpret_cast<const char*>(rounded.data()), n_real_ * sizeof(double));
  return hash_key(bytes).low;
}

std::optional<std::size_t> Table::find(const std::vector<Spot>& spots, bool exact) const {
  std::vector<std::uint16_t> index;
  std::vector<double> numbers;
  std::size_t code = 0;
  for (std::size_t i = 0; i < axes_.size(); ++i) {
    if (!axes_[i].listed()) {
      numbers.push_back(spots[i].number);
      continue;
    }
    if (spots[i].index < 0) return std::nullopt;
    index.push_back(static_cast<std::uint16_t>(spots[i].index));
    code = code * axes_[i].parameter.values.size() + index.back();
  }
  if (!row_of_.empty())
    return row_of_[code] == 0 ? std::nullopt : std::optional<std::size_t>(row_of_[code] - 1);
  const std::vector<double> wanted = rounded(numbers.data());
  const auto same = by_hash_.find(hash_of(index.data(), wanted));
  if (same == by_hash_.end()) return std::nullopt;
  std::optional<std::size_t> alike;
  for (const std::uint32_t row : same->second) {
    const double* recorded = numbers_.data() + row * n_real_;
    if (!std::equal(index.begin(), index.end(), index_.data() + row * n_listed_)) continue;
    if (std::equal(numbers.begin(), numbers.end(), recorded)) return row;
    if (!exact && !alike && rounded(recorded) == wanted) alike = row;
  }
  return alike;
}

std::optional<std::size_t> Table::find(const space::Config& config) const {
  std::vector<Spot> spots;
  for (std::size_t i = 0; i < axes_.size(); ++i) spots.push_back(spot(axes_[i], config, i, true));
  return find(spots, false);
}

std::optional<std::size_t> Table::find(const Table& other, std::size_t row) const {
  if (other.axes_.size() != axes_.size()) return std::nullopt;
  std::vector<Spot> spots(axes_.size());
  std::size_t listed = 0, real = 0;
  for (const Axis& theirs : other.axes_) {
    const Value value = theirs.listed()
                            ? theirs.parameter.values[other.index_[row * other.n_listed_ + listed++]]
                            : Value(other.numbers_[row * other.n_real_ + real++]);
    const auto at = std::find_if(axes_.begin(), axes_.end(), [&](const Axis& axis) {
      return axis.parameter.name == theirs.parameter.name;
    });
    if (at == axes_.end()) return std::nullopt;
    Spot& spot = spots[static_cast<std::size_t>(at - axes_.begin())];
    if (at->listed()) {
      const auto& values = at->parameter.values;
      const bool number = !std::holds_alternative<std::string>(value) && !std::holds_alternative<bool>(value);
      if (at->parameter.numeric && !number) return std::nullopt;
      const auto same = at->parameter.numeric
                            ? std::lower_bound(values.begin(), values.end(), value_real(value),
                                               [](const Value& one, double n) { return value_real(one) < n; })
                            : std::find_if(values.begin(), values.end(),
                                           [&](const Value& one) { return value_same(one, value); });
      if (same == values.end() || !value_same(*same, value)) return std::nullopt;
      spot.index = static_cast<std::int32_t>(same - values.begin());
      continue;
    }
    if (std::holds_alternative<std::string>(value) || std::holds_alternative<bool>(value))
      return std::nullopt;
    const bool complement = theirs.scale == TableScale::log_complement;
    spot.number = value_real(value);
    if (complement != (at->scale == TableScale::log_complement)) spot.number = 1.0 - spot.number;
  }
  return find(spots, true);
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
    if (at == names.end()) {
      const auto column = std::find_if(axes_.begin(), axes_.end(), [&](const Axis& axis) {
        return axis.parameter.name == parameter.name;
      });
      throw Error(fmt::format("the table has no parameter '{}'", parameter.name), place,
                  column == axes_.end() ? suggest(parameter.name, names)
                                        : fmt::format("the column is searched as '{}'", column->name));
    }
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
