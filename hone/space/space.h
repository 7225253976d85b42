#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hone/base/document.h"
#include "hone/base/rng.h"
#include "hone/space/config.h"
#include "hone/space/expression.h"

namespace hone::space {

enum class ParameterKind { real, integer, choice, flag };

/// One parameter. A list parameter `layers = { list = 4, choice = [...] }` becomes four parameters layers.0
/// to layers.3 that know their list.
///
/// Canonical reals: with a resolution r > 0 a finite grid from low (linear: low + k * r; log: low * (1 +
/// r)^k, shown with 6 significant digits), and high itself as its last value. Without one: 6 significant
/// digits (more where the range is narrower than its values, as 1000000 to 1000001), clamped to [low, high].
struct Parameter {
  std::string name;
  ParameterKind kind = ParameterKind::real;
  double low = 0.0;            ///< real, integer: smallest value
  double high = 1.0;           ///< real, integer: largest value, inclusive; integer: on the grid
  bool log = false;            ///< searched on a logarithmic scale; low > 0
  std::int64_t step = 1;       ///< integer: values are low + i * step
  double resolution = 0.0;     ///< real: values are rounded to it (log: a ratio, 0.05 is 5%); 0: 6 digits
  std::vector<Value> choices;  ///< choice: distinct; one alone is a constant
  Expression when;             ///< active where this holds; empty: always
  std::string list;            ///< name of the list that it is an entry of; "" for none
  Place place;
  std::string remark;  ///< what was read otherwise than written ("100 is not on the grid"), for --explain

  /// Distinct values; 0 for a real without resolution (uncounted).
  std::int64_t cardinality() const;
  /// "real 0.0001 to 0.03, log", for messages and --explain.
  std::string shown() const;
};

/// A config as numbers, one per parameter of the space, for searchers: real and integer parameters in [0, 1]
/// along their scale (log where declared; the integer grid's k-th of n values is (k + 0.5) / n, and so is
/// that of a real with a resolution), choices and flags as the index of the value (0, 1, ...), NaN where
/// inactive.
///
/// An integer on a log scale owns the cell from half a step below to half a step above it, measured in log,
/// and is encoded as that cell's middle; the first cell starts at max(low - step / 2, low / 2). So the ends
/// get their fair part, and with a step wider than low the first value is not crowded out.
using Point = std::vector<double>;

/// The space of designs: parameters, conditions, constraints. Built by Builder or read from a study file;
/// both give the same space. Immutable; copies share everything. Thread safe.
class Space {
 public:
  class Builder;

  Space();  ///< no parameters; its one config is empty
  /// Reads the [space] table of a study file. Throws Error with place and hint.
  static Space from_document(const Node& table);

  std::size_t size() const { return parameters().size(); }
  const std::vector<Parameter>& parameters() const;
  const Parameter& parameter(std::size_t index) const { return parameters()[index]; }
  std::optional<std::size_t> index(const std::string& name) const;
  const std::vector<Expression>& constraints() const;
  bool has_conditions() const;
  std::vector<std::string> names() const;  ///< of parameters; of lists, the list's name once

  /// Uniform over each parameter's scale, conditions resolved, constraints satisfied by rejection. Where the
  /// space has at most max_enumerated() assignments (conditions not counted), 2,000 rejected tries are
  /// followed by enumerating them all, once: a rare config is found, and none is certain. Throws Error
  /// (naming the constraint that rejects most) where none was found in max_sampling_tries().
  Config sample(Rng& rng) const;
  static constexpr int max_sampling_tries() { return 100000; }
  static constexpr std::int64_t max_enumerated() { return 200000; }
  /// A feasible config that `known` does not hold, found by going through all of them from a random one on;
  /// nullopt: there is none. For spaces of at most max_enumerated() assignments (is_enumerable).
  std::optional<Config> unseen(Rng& rng, const std::function<bool(const Config&)>& known) const;
  bool is_enumerable() const;

  /// The canonical form of an assignment: values clamped to their grid, inactive parameters dropped. Where
  /// an active parameter is missing, a name is unknown or twice there, or an active parameter's value is of
  /// another type or no choice: Error. 3.0 is taken as the integer 3. Does not look at constraints.
  Config canonical(const Config& assignment) const;
  /// Whether every constraint holds (one that hangs on an inactive parameter holds).
  bool feasible(const Config& config) const;
  /// Parameters active under this assignment, by index; what is asked only needs the parameters that
  /// conditions mention.
  std::vector<bool> active(const Point& point) const;

  /// `config` must be canonical; what it lacks is NaN. Throws Error on values that canonical() refuses.
  Point encode(const Config& config) const;
  /// The canonical config at a point; the entries of inactive parameters are ignored (may be NaN). Entries
  /// are clamped to their range. Does not look at constraints. decode(encode(c)) == c for canonical c.
  /// Throws Error (internal) where the point has another size or an active parameter's entry is NaN.
  Config decode(const Point& point) const;

  /// Number of distinct canonical configs, counted without constraints; nullopt where a real without
  /// resolution makes it infinite or it exceeds 2^62. Exact: the parameters that conditions mention are
  /// enumerated, group by independent group, and the rest is multiplied. Only where one group has more than
  /// 10^6 assignments is it an upper bound: the product as if all were active.
  std::optional<std::int64_t> cardinality() const;

  std::optional<Config> default_config() const;
  std::optional<Config> adopt(const Config& old) const;

  /// Canonical description, one line a parameter: what two equal spaces share and the journal records.
  std::string text() const;
  Key key() const;

  struct Plan;  ///< what is prepared for speed, private to this room

 private:
  friend class Builder;
  explicit Space(std::shared_ptr<const Plan> plan) : plan_(std::move(plan)) {}

  std::shared_ptr<const Plan> plan_;
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

  /// Adds a parameter as it is; build() checks it.
  Builder& add(Parameter parameter);
  Builder& add(Expression constraint);
  /// Adds `length` parameters like this one, as entries of the list `parameter.name`.
  Builder& add_list(Parameter parameter, std::int64_t length);

 private:
  std::vector<Parameter> parameters_;
  std::vector<Expression> constraints_;
};

struct Extension {
  bool compatible = true;
  std::vector<std::string> changes;
  std::string obstacle;
};
Extension extension(const Space& older, const Space& newer);

}  // namespace hone::space
