#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hone/base/json.h"

namespace hone::study {

/// Measured or predicted quantities by name, units in the name ("latency_s"). In the order reported.
class Measures {
 public:
  using Entry = std::pair<std::string, double>;
  Measures() = default;
  Measures(std::initializer_list<Entry> entries) : entries_(entries) {}

  const std::vector<Entry>& entries() const { return entries_; }
  std::optional<double> find(const std::string& name) const;
  void set(const std::string& name, double value);
  void add(std::string name, double value) { entries_.emplace_back(std::move(name), value); }  ///< a new name
  void merge(const Measures& other);  ///< other's values win
  bool empty() const { return entries_.empty(); }
  void append_json(std::string& out) const;  ///< what json() gives, as compact text
  Json json() const;
  static Measures from_json(const Json& json);
  bool operator==(const Measures&) const = default;

 private:
  std::vector<Entry> entries_;
};

/// What a study optimises.
struct Objective {
  std::string name;
  bool minimize = true;
  bool operator==(const Objective&) const = default;
};

/// The objectives' values in their order, all oriented so that less is better; NaN where missing.
std::vector<double> oriented(const std::vector<Objective>& objectives, const Measures& measures);

/// What several evaluations of one config count together, measure by measure.
enum class Aggregate { mean, median, worst };
const std::vector<std::string>& aggregate_names();
Aggregate aggregate_from_name(const std::string& name);  ///< throws Error
/// `all` must not be empty; a measure that one of them lacks is left out. Worst: by the objective's
/// direction, and the largest of what is no objective. NaN anywhere gives NaN.
Measures aggregated(Aggregate how, const std::vector<const Measures*>& all,
                    const std::vector<Objective>& objectives);

/// An upper or lower bound on a measure: a trial outside is infeasible.
struct Limit {
  std::string name;
  std::optional<double> max;
  std::optional<double> min;
  /// "" where `measures` keep the limit or lack it; else "latency_s is 3.10 ms, over the limit of 2.00 ms".
  std::string violation(const Measures& measures) const;
  /// By how much the limit is broken, in its unit; at most 0: it is kept. NaN where `measures` lack it.
  double excess(const Measures& measures) const;
  bool operator==(const Limit&) const = default;
};

}  // namespace hone::study
