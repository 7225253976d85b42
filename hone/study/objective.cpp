#include "hone/study/objective.h"

#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "hone/base/error.h"
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
    const double value = measures.find(objective.name).value_or(std::numeric_limits<double>::quiet_NaN());
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

}  // namespace hone::study
