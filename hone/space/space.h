#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hone/base/document.h"
#include "hone/base/rng.h"
#include "hone/space/config.h"
#include "hone/space/expression.h"

namespace hone::space {

enum class ParameterKind { real, integer, choice, flag };

/// One parameter. A list parameter `layers = { list = 4, choice = [...] }` becomes four parameters layers.0
/// to layers.3 that know their list.
struct Parameter {
  std::string name;
  ParameterKind kind = ParameterKind::real;
  double low = 0.0;            ///< real, integer: smallest value
  double high = 1.0;           ///< real, integer: largest value, inclusive
  bool log = false;            ///< searched on a logarithmic scale; low > 0
  std::int64_t step = 1;       ///< integer: values are low + i * step
  double resolution = 0.0;     ///< real: values are rounded to it (log: a ratio, 0.05 is 5%); 0: 6 digits
  std::vector<Value> choices;  ///< choice: at least two, distinct
  Expression when;             ///< active where this holds; empty: always
  std::string list;            ///< name of the list that it is an entry of; "" for none
  Place place;

  /// Distinct values; 0 for a real (uncounted).
  std::int64_t cardinality() const;
  /// "real 0.0001 to 0.03, log", for messages and --explain.
  std::string shown() const;
};

/// A config as numbers, one per parameter of the space, for searchers: real and integer parameters in [0, 1]
/// along their scale (log where declared; the integer grid's k-th of n values is (k + 0.5) / n), choices and
/// flags as the index of the value (0, 1, ...), NaN where inactive.
using Point = std::vector<double>;

/// The space of designs: parameters, conditions, constraints. Built by Builder or read from a study file;
/// both give the same space. Immutable. Thread safe.
class Space {
 public:
  class Builder;

  Space() = default;
  /// Reads the [space] table of a study file. Throws Error with place and hint.
  static Space from_document(const Node& table);

  std::size_t size() const { return parameters_.size(); }
  const std::vector<Parameter>& parameters() const { return parameters_; }
  const Parameter& parameter(std::size_t index) const { return parameters_[index]; }
  std::optional<std::size_t> index(const std::string& name) const;
  const std::vector<Expression>& constraints() const { return constraints_; }
  bool has_conditions() const { return has_conditions_; }
  std::vector<std::string> names() const;  ///< of parameters; of lists, the list's name once

  /// Uniform over each parameter's scale, conditions resolved, constraints satisfied by rejection. Throws
  /// Error (naming the constraint that rejects most) where none was found in max_sampling_tries().
  Config sample(Rng& rng) const;
  static constexpr int max_sampling_tries() { return 100000; }

  /// The canonical form of an assignment: values clamped to their grid, inactive parameters dropped. Where
  /// an active parameter is missing or a value is not allowed: Error.
  Config canonical(const Config& assignment) const;
  /// Whether every constraint holds (one that hangs on an inactive parameter holds).
  bool feasible(const Config& config) const;
  /// Parameters active under this assignment, by index; what is asked only needs the parameters that
  /// conditions mention.
  std::vector<bool> active(const Point& point) const;

  Point encode(const Config& config) const;
  /// The canonical config at a point; the entries of inactive parameters are ignored (may be NaN). Entries
  /// are clamped to their range. Does not look at constraints.
  Config decode(const Point& point) const;

  /// Number of assignments as the product of cardinalities over conditions, counted without constraints;
  /// nullopt where a real without resolution makes it infinite or it exceeds 2^62.
  std::optional<std::int64_t> cardinality() const;

  /// Canonical description, one line a parameter: what two equal spaces share and the journal records.
  std::string text() const;
  Key key() const;

 private:
  friend class Builder;
  void finish();  // orders conditions, checks names, cycles and comparisons; throws Error

  std::vector<Parameter> parameters_;
  std::vector<Expression> constraints_;
  std::vector<std::size_t> condition_order_;
  bool has_conditions_ = false;
};

/// Builds a space in code:
///
///   Space space = Space::Builder()
///       .real("lr", 1e-4, 3e-2, {.log = true})
///       .integer("width", 32, 128, {.step = 32})
///       .choice("mixer", {"attention", "pattention"})
///       .integer("tokens", 32, 1024, {.log = true, .when = "mixer == 'pattention'"})
///       .where("width % heads == 0")
///       .build();
class Space::Builder {
 public:
  struct RealOptions {
    bool log = false;
    double resolution = 0.0;
    std::string when = {};
  };
  struct IntegerOptions {
    bool log = false;
    std::int64_t step = 1;
    std::string when = {};
  };
  struct Choice {
    std::string when = {};
  };

  Builder& real(const std::string& name, double low, double high, const RealOptions& options);
  Builder& real(const std::string& name, double low, double high) {
    return real(name, low, high, RealOptions{});
  }
  Builder& integer(const std::string& name, std::int64_t low, std::int64_t high,
                   const IntegerOptions& options);
  Builder& integer(const std::string& name, std::int64_t low, std::int64_t high) {
    return integer(name, low, high, IntegerOptions{});
  }
  Builder& choice(const std::string& name, std::vector<Value> values, const Choice& options);
  Builder& choice(const std::string& name, std::vector<Value> values) {
    return choice(name, std::move(values), Choice{});
  }
  Builder& flag(const std::string& name, const std::string& when = {});
  /// `length` choices of the same values, named name.0, name.1, ...
  Builder& list(const std::string& name, std::int64_t length, std::vector<Value> values,
                const std::string& when = {});
  Builder& where(const std::string& constraint);
  /// Throws Error where the space is wrong.
  Space build() const;

  /// Adds a checked parameter as it is; what the file reader uses.
  Builder& add(Parameter parameter);
  Builder& add(Expression constraint);

 private:
  Space space_;
};

}  // namespace hone::space
