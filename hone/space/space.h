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

enum class ParameterKind { real, integer, choice, flag, ordinal };

struct Composition;

/// One parameter. A list parameter `layers = { list = 4, choice = [...] }` becomes four parameters layers.0
/// to layers.3 that know their list. Names of nested groups have dots: "optimizer.lr".
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
  std::vector<Value> choices;  ///< choice, ordinal (in order): distinct; one alone is a constant
  Expression when;             ///< active where this holds; empty: always
  std::string list;            ///< name of the list that it is an entry of; "" for none
  std::string length_of;       ///< name of the list (of parameters or groups) that it is the length of
  /// Name of the parameter whose value it has: one decision in two places. Kind, range and choices are that
  /// parameter's; it is active where that one is and `when` holds.
  std::string same_as;
  std::optional<Value> fallback;  ///< its default: in first trials and for configs of an older space
  Place place;
  std::string remark;  ///< what was read otherwise than written ("100 is not on the grid"), for --explain

  /// Distinct values; 0 for a real without resolution (uncounted).
  std::int64_t cardinality() const;
  /// "real 0.0001 to 0.03, log", for messages and --explain.
  std::string shown() const;
};

/// A config as numbers, one per parameter of the space, for searchers: real and integer parameters in [0, 1]
/// along their scale (log where declared; the integer grid's k-th of n values is (k + 0.5) / n, and so is
/// that of an ordinal and of a real with a resolution), choices and flags as the index of the value (0, 1,
/// ...), NaN where inactive and where tied (same_as): those are decided elsewhere.
///
/// An integer on a log scale owns the cell from half a step below to half a step above it, measured in log,
/// and is encoded as that cell's middle; the first cell starts at max(low - step / 2, low / 2). So the ends
/// get their fair part, and with a step wider than low the first value is not crowded out.
using Point = std::vector<double>;

struct Extension;

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
  bool has_conditions() const;             ///< whether a Point may have entries that do not count (NaN)
  std::vector<std::string> names() const;  ///< of parameters; of lists, the list's name once

  /// Uniform over each parameter's scale, conditions resolved, constraints satisfied. By rejection where that
  /// is efficient: 2,000 tries (none where a first 2,000 draws of the space, made once, met nothing, and all
  /// that there is can be drawn from). Then, in a space of at most max_enumerated() assignments (conditions
  /// not counted), by enumerating them all, once; beyond, by solving (solver.h), group by independent group
  /// of parameters: exactly as rejection would draw where the group's solutions are few enough to be listed
  /// or frequent enough to be met by chance, else by random descents, resampled towards that distribution.
  /// Throws Error where no config satisfies the constraints, naming those that exclude each other, or where
  /// none was found in max_sampling_tries() tries and the solver's work limit.
  Config sample(Rng& rng) const;
  static constexpr int max_sampling_tries() { return 100000; }
  static constexpr std::int64_t max_enumerated() { return 200000; }
  /// A feasible config that `known` does not hold, found by going through all of them from a random one on;
  /// nullopt: there is none. For spaces that is_enumerable(); elsewhere always nullopt.
  std::optional<Config> unseen(Rng& rng, const std::function<bool(const Config&)>& known) const;
  /// Whether all feasible configs can be gone through: at most max_enumerated() assignments, or a count() of
  /// at most that many.
  bool is_enumerable() const;
  /// Whether a sample() takes milliseconds: the constraints admit too few configs to be met by chance, and
  /// too many to be listed. Found out once.
  bool is_hard_to_sample() const;

  /// The canonical form of an assignment: values clamped to their grid, inactive parameters dropped. Where
  /// an active parameter is missing, a name is unknown or twice there, or an active parameter's value is of
  /// another type or no choice: Error. 3.0 is taken as the integer 3. Does not look at constraints. A tied
  /// parameter may be left out; one that differs from its source is an Error.
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
  /// Number of distinct feasible configs, exact; nullopt where infinite, above 2^62, or where counting takes
  /// more than max_counting_work() steps. Made once. A step is one box (a range or set of values for every
  /// parameter) looked at; boxes are split until the constraints hold on all of a box or none, independent
  /// groups are multiplied, equal rests are counted once.
  std::optional<std::int64_t> count() const;
  static constexpr std::int64_t max_counting_work() { return 50000; }

  /// The config of all defaults; an active parameter without one takes the middle of its scale (a choice: its
  /// first value, a flag: false), or where that is infeasible beside the defaults, what solving finds.
  /// nullopt where no parameter has a default.
  std::optional<Config> default_config() const;
  /// A config of an earlier version of this space as one of this space: missing active parameters get their
  /// default (or their only value), inactive ones are dropped. nullopt where an entry is unknown or its value
  /// is not exactly one of this space, where a default is missing, or where a constraint is violated. Fast
  /// where nothing is to be done.
  std::optional<Config> adopt(const Config& old) const;

  /// The compositions declared here (composition.h), by full name.
  std::vector<std::string> compositions() const;
  const Composition* composition(const std::string& name) const;  ///< null where there is none

  /// Canonical description, one line a parameter: what two equal spaces share and the journal records.
  std::string text() const;
  Key key() const;

  struct Plan;  ///< what is prepared for speed, private to this room

 private:
  friend class Builder;
  friend Extension extension(const Space& older, const Space& newer);
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
///
/// Builders nest: group() takes one over under a name. An expression inside finds the innermost name first:
/// its own group's, then that of the group around it.
class Space::Builder {
 public:
  struct RealOptions {
    bool log = false;
    double resolution = 0.0;
    std::string when = {};
    std::optional<double> fallback = {};
  };
  struct IntegerOptions {
    bool log = false;
    std::int64_t step = 1;
    std::string when = {};
    std::optional<std::int64_t> fallback = {};
  };
  struct Choice {
    std::string when = {};
    std::optional<Value> fallback = {};
  };
  using Alternatives = std::vector<std::pair<std::string, Builder>>;

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
  /// Ordered values; numbers must ascend or descend.
  Builder& ordinal(const std::string& name, std::vector<Value> values, const Choice& options);
  Builder& ordinal(const std::string& name, std::vector<Value> values) {
    return ordinal(name, std::move(values), Choice{});
  }
  Builder& flag(const std::string& name, const std::string& when = {}, std::optional<bool> fallback = {});
  /// A parameter with the value of another.
  Builder& same_as(const std::string& name, const std::string& source, const std::string& when = {});
  /// `length` choices of the same values, named name.0, name.1, ...
  Builder& list(const std::string& name, std::int64_t length, std::vector<Value> values,
                const std::string& when = {});
  /// name.length from `low` to `high`, and so many active of name.0, name.1, ...
  Builder& list(const std::string& name, std::int64_t low, std::int64_t high, std::vector<Value> values,
                const std::string& when = {});
  /// Everything of `members`, as name.MEMBER, active only where `when` holds. Throws Error.
  Builder& group(const std::string& name, const Builder& members, const std::string& when = {});
  /// name.length from `low` to `high` (none where they are equal) copies of a group: name.0.MEMBER, ...
  Builder& groups(const std::string& name, std::int64_t low, std::int64_t high, const Builder& members,
                  const std::string& when = {});
  /// A choice whose values have parameters of their own: `name`, and name.VALUE.MEMBER where it is chosen.
  Builder& alternatives(const std::string& name, const Alternatives& values, const Choice& options);
  Builder& alternatives(const std::string& name, const Alternatives& values) {
    return alternatives(name, values, Choice{});
  }
  /// A structure of modules (composition.h), compiled to parameters below `name`. Throws Error.
  Builder& compose(const std::string& name, const Composition& composition, const std::string& when = {});
  Builder& where(const std::string& constraint);
  /// Throws Error where the space is wrong.
  Space build() const;

  /// Adds a parameter as it is; build() checks it.
  Builder& add(Parameter parameter);
  Builder& add(Expression constraint);
  /// Adds `length` parameters like this one, as entries of the list `parameter.name`.
  Builder& add_list(Parameter parameter, std::int64_t length);
  Builder& add_list(Parameter parameter, std::int64_t low, std::int64_t high);
  /// As group(), groups(), alternatives(), compose() with the place where they stand in the user's file.
  Builder& add_group(const std::string& name, const Builder& members, const Expression& when);
  Builder& add_groups(const std::string& name, std::int64_t low, std::int64_t high, const Builder& members,
                      const Expression& when, const Place& place, std::optional<std::int64_t> fallback = {});
  Builder& add_alternatives(Parameter choice, const Alternatives& values);
  Builder& add_composition(const std::string& name, const Composition& composition, const Expression& when,
                           const Place& place);
  bool empty() const { return parameters_.empty() && compositions_.empty(); }
  const std::vector<Parameter>& parameters() const { return parameters_; }

 private:
  friend class Space;
  void compile(const std::string& name, const Composition& part, const Expression& when, const Place& place);

  std::vector<Parameter> parameters_;
  std::vector<Expression> constraints_;
  std::vector<std::pair<std::string, std::shared_ptr<const Composition>>> compositions_;
};

/// What changed from an older version of a space to a newer one.
struct Extension {
  /// Every config of the older space is, after newer.adopt(), a config of the newer with the same meaning.
  bool compatible = true;
  std::vector<std::string> changes;  ///< in words: "width: high 128 -> 256"
  std::string obstacle;              ///< why not compatible, in words; "" where it is
};

/// Compares two versions of a space. Compatible are widened ranges on the same grid, added values, added
/// parameters with a default (or that no older config has active), loosened and removed constraints and ties.
/// A new constraint or a narrowed condition is compatible only where that is proved: by bounds, or by going
/// through the older space's configs where they are at most 20,000.
Extension extension(const Space& older, const Space& newer);

}  // namespace hone::space
