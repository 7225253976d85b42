#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "hone/space/bounds.h"

namespace hone::space {

/// Counts end here: beyond it they are not known.
inline constexpr std::int64_t kMostConfigs = std::int64_t{1} << 62;

/// How much a search may do: boxes looked at, those that take many evaluations of constraints counted as
/// more.
struct Work {
  std::int64_t left = 0;
  bool exceeded() const { return left <= 0; }
};

/// Parameters that conditions and constraints tie together, and the boxes of values they may have. A box is
/// narrowed (propagated) by cutting off, value by value or from its ends, what a constraint excludes by
/// bounds alone, and split where that ends: branch and prune, complete on counted scales.
class Component {
 public:
  enum class Activity : std::uint8_t { unknown, active, inactive };
  struct State {
    std::vector<Domain> domains;     ///< one a member; a tie's is not used
    std::vector<Activity> activity;  ///< one a member
    std::vector<bool> done;          ///< one a constraint: holds on all of the box
  };
  /// All solutions as disjoint boxes on each of which every config is feasible.
  struct Listing {
    bool complete = false;  ///< else there are more, or it is not known
    std::vector<State> boxes;
    std::vector<double> sums;        ///< running sums of their masses
    std::vector<std::int64_t> ends;  ///< running sums of their numbers of configs; empty where infinite
  };
  Component(const Space::Plan& plan, std::vector<std::size_t> members, std::vector<std::size_t> constraints,
            const std::vector<Variable>& variables, const std::vector<std::size_t>& local);

  static constexpr std::size_t kOpen = static_cast<std::size_t>(-1);

  const std::vector<std::size_t>& members() const { return members_; }
  const std::vector<std::size_t>& constraints() const { return constraints_; }
  State root() const;
  void restrict(State& state, std::size_t parameter, const Domain& domain) const;
  /// What an expression over this component's parameters can be in a box.
  Bounds bounds(const BoundExpression& expression, const State& state) const;
  Activity activity_of(std::size_t member, const State& state) const;
  void update_activity(State& state) const;

  /// Narrows the box; false: it holds no feasible config. Where only the domain of `changed` is new since the
  /// last time, that is all that is looked at to begin with.
  bool propagate(State& state, Work& work, std::size_t changed = kOpen) const;
  /// All solutions, within `work` boxes and so many entries of boxes.
  Listing list(State state, Work work, std::int64_t most_entries) const;
  /// Number of feasible configs; nullopt: infinite, above 2^62, or the work did not suffice.
  std::optional<std::int64_t> count(Work& work) const;
  /// Some solution's box, each half of a box taken in the order of `rng` (by mass), or of nearness to the
  /// middle of the scale where it is null. nullopt with work left: there is none.
  std::optional<State> find(State state, Rng* rng, Work& work) const;
  /// As find, but without going back, with the logarithm of the chance of having come there.
  std::optional<State> descend(State state, Rng& rng, Work& work, double& log_chance) const;
  double log_mass(const State& state) const;
  std::int64_t size(const State& state) const;  ///< configs of a box of a listing; -1: infinite
  /// Fills the cells of the members from a box: at random, or the k-th.
  void draw(const State& state, Rng& rng, Cells& cells) const;
  void assign(const State& state, std::int64_t k, Cells& cells) const;
  /// Likewise, each as near to the middle of its scale as the box allows.
  void near_middle(const State& state, Cells& cells) const;
  /// As Space::sample's rejection, on these parameters alone.
  bool draw_by_chance(Rng& rng, int tries, Cells& cells) const;
  /// This component with only some of its constraints.
  Component with(std::vector<std::size_t> constraints) const;
  /// A smallest set of constraints that excludes everything, as far as `work` shows; all where it does not.
  std::vector<std::size_t> conflict(const State& from) const;

 private:
  class Counter;

  bool narrow(State& state, std::size_t member, const BoundExpression& constraint, bool& changed) const;
  bool refuted(State& state, std::size_t member, const Domain& part, const BoundExpression& constraint) const;
  /// Whether constraint `c` (an index into constraints_) holds on all of the box; `fails` where on none.
  bool settled(std::size_t c, const State& state, bool& fails) const;
  /// The member to split next; kOpen: nothing is left to decide. `fails`: the box holds nothing.
  std::size_t to_split(State& state, bool& fails) const;
  std::vector<Domain> parts(std::size_t member, const Domain& domain, Rng* rng) const;
  std::size_t local(std::size_t parameter) const { return (*local_)[parameter]; }
  std::size_t source(std::size_t member) const { return sources_[member]; }
  const Variable& variable(std::size_t member) const { return (*variables_)[members_[member]]; }
  /// The members that an expression hangs on, those of ties with their sources.
  std::vector<std::size_t> mentioned(const BoundExpression& expression) const;
  bool decided(std::size_t member, const State& state) const;
  bool tied(std::size_t member) const { return plan_->ties[members_[member]] != Space::Plan::kNone; }

  const Space::Plan* plan_;
  const std::vector<Variable>* variables_;
  std::vector<std::size_t> members_;  ///< in the order of conditions
  std::vector<std::size_t> constraints_;
  const std::vector<std::size_t>* local_;            ///< member of a parameter, in its component
  std::vector<std::size_t> sources_;                 ///< the member whose domain it has: itself, or a tie's
  std::vector<std::vector<std::size_t>> mentioned_;  ///< of a constraint: members, of ties also the sources
  std::vector<std::vector<std::size_t>> condition_;  ///< of a member's condition: likewise
  std::vector<std::vector<std::size_t>> users_;      ///< of a member: the constraints that hang on it
  friend class ComponentBox;                         // component.cpp
};

/// Finds configs that constraints leave few of. Made once a space, on first need; thread safe.
class Solver {
 public:
  explicit Solver(const Space::Plan& plan);

  enum class Outcome { found, none, unknown };
  /// Draws a config of the space into `cells`: every component by chance first (component.draw_by_chance), a
  /// few times, then from the list of all its solutions by their masses, which both are what rejection would
  /// draw; where there are too many to list, after more draws by chance, the best of several descents, taken
  /// with chance mass / chance of the descent: nearer to what rejection would draw the more descents there
  /// are, and never outside it. excluded: where the outcome is none, the component that has no solution.
  Outcome draw(Rng& rng, Cells& cells, std::size_t& excluded) const;
  /// So many boxes one draw looks at, at most, in each group of parameters that hang together.
  static std::int64_t max_work();
  /// Why a component has no solution: the constraints that exclude each other.
  Error nothing(std::size_t component) const;

  std::optional<std::int64_t> count() const;  ///< see Space::count
  /// Whether all configs are listed: their number is at most Space::max_enumerated().
  bool listed() const;
  /// Whether the solutions of every group of parameters with constraints are listed (an infinite number of
  /// configs all the same, where others are free).
  bool lists_all() const;
  /// The k-th config of the list.
  void assign(std::int64_t k, Cells& cells) const;
  /// Some config with these values, the rest near the middle of its scale.
  Outcome complete(const std::vector<std::optional<Operand>>& given, Cells& cells) const;
  /// The constraints that exclude all configs with these values, in words; "" where not known.
  std::string conflict(const std::vector<std::optional<Operand>>& given) const;
  const std::vector<Component>& components() const { return components_; }
  const std::vector<Variable>& variables() const { return variables_; }

 private:
  struct Lists {
    std::once_flag once;
    Component::Listing listing;
  };
  const Component::Listing& listing(std::size_t component) const;  ///< made on first use
  Component::State state(const Component& component, const std::vector<std::optional<Operand>>& given) const;

  const Space::Plan& plan_;
  std::vector<Variable> variables_;
  std::vector<Component> components_;
  mutable std::vector<std::unique_ptr<Lists>> lists_;
  std::vector<std::size_t> local_;
  mutable std::once_flag counted_;
  mutable std::optional<std::int64_t> count_;
};

}  // namespace hone::space
