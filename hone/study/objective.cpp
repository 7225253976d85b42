#include "hone/study/objective.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/base/units.h"

namespace hone::study {

std::optional<double> Measures::find(const std::string& name) const {
  for (const auto& [key, value] : entries_)
    if (key == name) return value;
  return std::nullopt;
}

void Measures::set(const std::string& name, double value) {
  for (auto& entry : entries_)
    if (entry.first == name) {
      entry.second = value;
      return;
    }
  entries_.emplace_back(name, value);
}

void Measures::merge(const Measures& other) {
  for (const auto& [name, value] : other.entries_) set(name, value);
}

void Measures::append_json(std::string& out) const {
  out += '{';
  bool first = true;
  for (const auto& [name, value] : entries_) {
    if (!first) out += ',';
    first = false;
    hone::append_json(out, name);
    out += ':';
    hone::append_json(out, value);
  }
  out += '}';
}

Json Measures::json() const {
  Json json = Json::object();
  for (const auto& [name, value] : entries_) json[name] = real_to_json(value);
  return json;
}

Measures Measures::from_json(const Json& json) {
  if (!json.is_object()) throw Error(fmt::format("'{}' is no table of measures", json.dump()));
  Measures measures;
  for (const auto& [name, value] : json.items()) measures.set(name, json_to_real(value));
  return measures;
}

std::vector<double> oriented(const std::vector<Objective>& objectives, const Measures& measures) {
  std::vector<double> values;
  values.reserve(objectives.size());
  for (const Objective& objective : objectives) {
    const double value = measures.find(objective.name).value_or(kNaN);
    values.push_back(objective.minimize ? value : -value);
  }
  return values;
}

std::string Limit::violation(const Measures& measures) const {
  const std::optional<double> value = measures.find(name);
  if (!value) return "";
  const auto text = [&](const char* side, double limit) {
    return fmt::format("{} is {}, {} the limit of {}", name, quantity_text(name, *value), side,
                       quantity_text(name, limit));
  };
  // Written so that NaN, which keeps no limit, is a violation.
  if (max && !(*value <= *max)) return text("over", *max);
  if (min && !(*value >= *min)) return text("under", *min);
  return "";
}

double Limit::excess(const Measures& measures) const {
  const double value = measures.find(name).value_or(kNaN);
  if (std::isnan(value)) return value;
  const double over = max ? value - *max : -kInfinity;
  const double under = min ? *min - value : -kInfinity;
  return std::fmax(over, under);
}

const std::vector<std::string>& aggregate_names() {
  static const std::vector<std::string> names{"mean", "median", "worst"};
  return names;
}

Aggregate aggregate_from_name(const std::string& name) {
  const auto& names = aggregate_names();
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == name) return static_cast<Aggregate>(i);
  throw Error(fmt::format("unknown aggregate '{}'", name), {}, suggest(name, names));
}

Measures aggregated(Aggregate how, const std::vector<const Measures*>& all,
                    const std::vector<Objective>& objectives) {
  Measures together;
  std::vector<double> values;
  for (const auto& entry : all.front()->entries()) {
    const std::string& name = entry.first;
    values.clear();
    for (const Measures* one : all)
      if (const auto value = one->find(name)) values.push_back(*value);
    if (values.size() < all.size()) continue;
    if (std::any_of(values.begin(), values.end(), [](double v) { return std::isnan(v); })) {
      together.set(name, kNaN);
      continue;
    }
    std::sort(values.begin(), values.end());
    const auto objective = std::find_if(objectives.begin(), objectives.end(),
                                        [&](const Objective& o) { return o.name == name; });
    switch (how) {
      case Aggregate::mean:
        together.set(name,
                     std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size()));
        break;
      case Aggregate::median:
        together.set(name, 0.5 * (values[(values.size() - 1) / 2] + values[values.size() / 2]));
        break;
      case Aggregate::worst:
        together.set(name,
                     objective != objectives.end() && !objective->minimize ? values.front() : values.back());
        break;
    }
  }
  return together;
}

}  // namespace hone::study
