#include <algorithm>
#include <cmath>

#include "hone/space/solver.h"

namespace hone::space {
namespace {

// Each round looks at every constraint; bounds that creep (x < y and y < x) are left to splitting.
constexpr int kRounds = 12;
// An interval is cut at these many points at most, and only where that removes a hundredth of it.
constexpr std::int64_t kCells = std::int64_t{1} << 20;
// Sets of numbers up to this size are looked at value by value, larger ones from their ends.
constexpr std::int64_t kFewValues = 12;
// A step of Work is about so many evaluations of a short constraint; cutting a domain takes some.
constexpr std::int64_t kEvaluationsPerStep = 100;
constexpr std::int64_t kEvaluationsPerCut = 4;

}  // namespace

/// A state as what expressions are bounded over.
class ComponentBox : public Box {
 public:
  ComponentBox(const Component& component, const Component::State& state)
      : component_(component), state_(state) {}

  Bounds cell(std::size_t parameter) const override {
    const std::size_t member = component_.local(parameter);
    if (state_.activity[member] == Component::Activity::inactive) return Bounds::truth(false, false, true);
    const std::size_t source = component_.source(member);
    Bounds bounds = component_.variable(source).bounds(state_.domains[source]);
    bounds.inactive = state_.activity[member] != Component::Activity::active;
    return bounds;
  }

 private:
  const Component& component_;
  const Component::State& state_;
};

Component::Component(const Space::Plan& plan, std::vector<std::size_t> members,
                     std::vector<std::size_t> constraints, const std::vector<Variable>& variables,
                     const std::vector<std::size_t>& local)
    : plan_(&plan),
      variables_(&variables),
      members_(std::move(members)),
      constraints_(std::move(constraints)),
      local_(&local) {
  for (std::size_t m = 0; m < members_.size(); ++m) {
    const std::size_t tie = plan.ties[members_[m]];
    // A tie's source stands before it in the order.
    sources_.push_back(tie == Space::Plan::kNone ? m : sources_[this->local(tie)]);
  }
  for (const std::size_t parameter : members_) condition_.push_back(mentioned(plan.conditions[parameter]));
  for (const std::size_t c : constraints_) mentioned_.push_back(mentioned(plan.bound_constraints[c]));
  users_.resize(members_.size());
  for (std::size_t c = 0; c < constraints_.size(); ++c)
    for (const std::size_t m : mentioned_[c]) users_[m].push_back(c);
}

std::vector<std::size_t> Component::mentioned(const BoundExpression& expression) const {
  std::vector<std::size_t> found;
  for (const Binding& binding : expression.bindings) {
    for (std::uint32_t k = 0; k < binding.length; ++k) found.push_back(local(binding.index + k));
    if (binding.counter >= 0) found.push_back(local(static_cast<std::size_t>(binding.counter)));
  }
  // A tie has its source's values, but may be inactive on its own.
  for (std::size_t i = found.size(); i-- > 0;)
    if (tied(found[i])) found.push_back(sources_[found[i]]);
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

Component Component::with(std::vector<std::size_t> constraints) const {
  return Component(*plan_, members_, std::move(constraints), *variables_, *local_);
}

Component::State Component::root() const {
  State state;
  for (std::size_t m = 0; m < members_.size(); ++m) state.domains.push_back(variable(m).all());
  state.activity.assign(members_.size(), Activity::unknown);
  state.done.assign(constraints_.size(), false);
  update_activity(state);
  return state;
}

void Component::restrict(State& state, std::size_t parameter, const Domain& domain) const {
  state.domains[sources_[local(parameter)]] = domain;
}

Bounds Component::bounds(const BoundExpression& expression, const State& state) const {
  return bound(expression, ComponentBox(*this, state));
}

bool Component::decided(std::size_t member, const State& state) const {
  return state.activity[member] == Activity::inactive ||
         (state.activity[member] == Activity::active &&
          variable(sources_[member]).single(state.domains[sources_[member]]));
}

Component::Activity Component::activity_of(std::size_t m, const State& state) const {
  const BoundExpression& condition = plan_->conditions[members_[m]];
  const std::size_t tie = plan_->ties[members_[m]];
  const Activity tied = tie == Space::Plan::kNone ? Activity::active : state.activity[local(tie)];
  if (condition.tree == nullptr || tied == Activity::inactive) return tied;
  const Bounds truth = bounds(condition, state);
  if (!truth.yes) return Activity::inactive;
  if (!truth.no && !truth.inactive) return tied;
  const auto& hangs_on = condition_[m];
  if (!std::all_of(hangs_on.begin(), hangs_on.end(),
                   [&](std::size_t other) { return decided(other, state); }))
    return Activity::unknown;
  // Bounds are not sharp everywhere, values are.
  Cells cells(plan_->parameters.size());
  for (std::size_t other = 0; other < m; ++other)
    if (state.activity[other] == Activity::active)
      cells[members_[other]] = variable(sources_[other]).value(state.domains[sources_[other]]);
  return condition.evaluate(cells.data()) == Expression::Truth::yes ? Activity::active : Activity::inactive;
}

void Component::update_activity(State& state) const {
  for (std::size_t m = 0; m < members_.size(); ++m) state.activity[m] = activity_of(m, state);
}

bool Component::refuted(State& state, std::size_t member, const Domain& part,
                        const BoundExpression& constraint) const {
  const Domain kept = state.domains[member];
  state.domains[member] = part;
  const Bounds truth = bounds(constraint, state);
  state.domains[member] = kept;
  return !truth.yes && !truth.inactive;
}

bool Component::narrow(State& state, std::size_t m, const BoundExpression& constraint, bool& changed) const {
  const Variable& it = variable(m);
  const Domain before = state.domains[m];
  const bool set_form = it.form() == Variable::Form::set;
  if (set_form && (!it.numeric() || it.size(before) <= kFewValues)) {
    Domain left = before;
    for (std::uint64_t set = before.a; set != 0; set &= set - 1) {
      const std::uint64_t one = set & (~set + 1);
      if (refuted(state, m, {one, 0}, constraint)) left.a &= ~one;
    }
    changed = changed || left != before;
    state.domains[m] = left;
    return left.a != 0;
  }
  // From either end, cells that are excluded together: doubling, then halving.
  const bool interval = it.form() == Variable::Form::interval;
  const double low = interval ? it.low(before) : 0, high = interval ? it.high(before) : 0;
  std::int64_t first = interval ? 0 : it.first(before);
  std::int64_t last = interval ? kCells - 1 : it.last(before);
  const auto part = [&](std::int64_t from, std::int64_t to) {
    if (set_form) return Domain{before.a & it.positions(from, to).a, 0};
    if (!interval) return it.positions(from, to);
    const double cell = (high - low) / static_cast<double>(kCells);
    return it.interval(from == 0 ? low : low + cell * static_cast<double>(from),
                       to == kCells - 1 ? high : low + cell * static_cast<double>(to + 1));
  };
  for (const bool upper : {false, true}) {
    const std::int64_t most = last - first + 1;
    const auto excluded = [&](std::int64_t n) {
      return refuted(state, m, upper ? part(last - n + 1, last) : part(first, first + n - 1), constraint);
    };
    std::int64_t good = 0, bad = 1;
    while (bad <= most && excluded(bad)) {
      good = bad;
      if (good == most) return false;
      bad = std::min(most, bad * 2);
    }
    while (bad - good > 1) {
      const std::int64_t n = good + (bad - good) / 2;
      (excluded(n) ? good : bad) = n;
    }
    (upper ? last : first) += upper ? -good : good;
  }
  if (interval && last - first + 1 > kCells - kCells / 100) return true;
  const Domain left = part(first, last);
  changed = changed || left != before;
  state.domains[m] = left;
  return true;
}

bool Component::settled(std::size_t c, const State& state, bool& fails) const {
  const BoundExpression& constraint = plan_->bound_constraints[constraints_[c]];
  const Bounds truth = bounds(constraint, state);
  fails = !truth.yes && !truth.inactive;
  if (fails || !truth.no) return true;
  for (const std::size_t m : mentioned_[c])
    if (!decided(m, state)) return false;
  Cells cells(plan_->parameters.size());
  for (std::size_t m = 0; m < members_.size(); ++m) {
    if (state.activity[m] == Activity::unknown) continue;
    const std::size_t source = sources_[m];
    if (state.activity[m] == Activity::active && variable(source).single(state.domains[source]))
      cells[members_[m]] = variable(source).value(state.domains[source]);
  }
  fails = constraint.evaluate(cells.data()) == Expression::Truth::no;
  return true;
}

bool Component::propagate(State& state, Work& work, std::size_t from) const {
  --work.left;
  std::int64_t evaluations = 0;  // weighed by what they look at
  struct Charge {
    ~Charge() { work.left -= evaluations / kEvaluationsPerStep; }
    Work& work;
    const std::int64_t& evaluations;
  } const charge{work, evaluations};
  std::vector<bool> stale(constraints_.size(), from == kOpen);
  const auto touch = [&](std::size_t member) {
    for (const std::size_t c : users_[member]) stale[c] = true;
  };
  if (from != kOpen) touch(from);
  std::vector<Activity> before;
  for (int round = 0; round < kRounds; ++round) {
    before = state.activity;
    update_activity(state);
    for (std::size_t m = 0; m < members_.size(); ++m)
      if (state.activity[m] != before[m]) touch(m);
    bool any = false;
    for (std::size_t c = 0; c < constraints_.size(); ++c) {
      if (!stale[c] || state.done[c]) continue;
      stale[c] = false;
      bool fails = false;
      const bool done = settled(c, state, fails);
      const auto weight = 1 + static_cast<std::int64_t>(mentioned_[c].size()) / 8;
      evaluations += weight;
      if (fails) return false;
      if (done) {
        state.done[c] = true;
        continue;
      }
      for (const std::size_t m : mentioned_[c]) {
        if (tied(m) || state.activity[m] != Activity::active || variable(m).single(state.domains[m]))
          continue;
        bool changed = false;
        evaluations += weight * kEvaluationsPerCut;
        if (!narrow(state, m, plan_->bound_constraints[constraints_[c]], changed)) return false;
        if (!changed) continue;
        any = true;
        touch(m);
      }
    }
    if (!any) break;
  }
  return true;
}

std::size_t Component::to_split(State& state, bool& fails) const {
  std::vector<bool> matters(members_.size(), false);
  bool open = false;
  for (std::size_t c = 0; c < constraints_.size(); ++c) {
    if (state.done[c]) continue;
    if (settled(c, state, fails)) {
      if (fails) return kOpen;
      state.done[c] = true;
      continue;
    }
    open = true;
    for (const std::size_t m : mentioned_[c]) matters[m] = true;
  }
  for (std::size_t m = 0; m < members_.size(); ++m) {
    if (state.activity[m] != Activity::unknown) continue;
    open = true;
    for (const std::size_t other : condition_[m]) matters[other] = true;
  }
  if (!open) return kOpen;
  std::size_t best = kOpen;
  std::int64_t least = 0;
  for (std::size_t m = 0; m < members_.size(); ++m) {
    if (!matters[m] || tied(m) || state.activity[m] != Activity::active ||
        variable(m).single(state.domains[m]))
      continue;
    std::int64_t size = variable(m).size(state.domains[m]);
    if (size < 0) size = std::int64_t{1} << 62;
    if (best == kOpen || size < least) {
      best = m;
      least = size;
    }
  }
  fails = best == kOpen;  // unreachable: what is open hangs on something that is active and open
  return best;
}

double Component::log_mass(const State& state) const {
  double sum = 0;
  for (std::size_t m = 0; m < members_.size(); ++m)
    if (!tied(m) && state.activity[m] != Activity::inactive)
      sum += std::log(variable(m).mass(state.domains[m]));
  return sum;
}

std::int64_t Component::size(const State& state) const {
  std::int64_t product = 1;
  for (std::size_t m = 0; m < members_.size(); ++m) {
    if (tied(m) || state.activity[m] == Activity::inactive) continue;
    const std::int64_t n = variable(m).size(state.domains[m]);
    if (n < 0 || product > (std::int64_t{1} << 62) / n) return -1;
    product *= n;
  }
  return product;
}

void Component::draw(const State& state, Rng& rng, Cells& cells) const {
  for (std::size_t m = 0; m < members_.size(); ++m) {
    Operand& cell = cells[members_[m]];
    if (state.activity[m] == Activity::inactive)
      cell = Operand();
    else
      cell = tied(m) ? cells[members_[sources_[m]]] : variable(m).draw(state.domains[m], rng);
  }
}

void Component::assign(const State& state, std::int64_t k, Cells& cells) const {
  for (std::size_t m = 0; m < members_.size(); ++m) {
    Operand& cell = cells[members_[m]];
    if (state.activity[m] == Activity::inactive) {
      cell = Operand();
    } else if (tied(m)) {
      cell = cells[members_[sources_[m]]];
    } else {
      const std::int64_t n = variable(m).size(state.domains[m]);
      cell = variable(m).value(state.domains[m], k % n);
      k /= n;
    }
  }
}

void Component::near_middle(const State& state, Cells& cells) const {
  for (std::size_t m = 0; m < members_.size(); ++m) {
    Operand& cell = cells[members_[m]];
    if (state.activity[m] == Activity::inactive) {
      cell = Operand();
      continue;
    }
    if (tied(m)) {
      cell = cells[members_[sources_[m]]];
      continue;
    }
    const Variable& it = variable(m);
    const Domain& domain = state.domains[m];
    const Operand middle = it.middle();
    if (it.form() == Variable::Form::interval) {
      cell = it.nearest(std::clamp(middle.real, it.low(domain), it.high(domain)));
      continue;
    }
    const std::int64_t wanted = it.index(middle), n = it.size(domain);
    if (it.form() == Variable::Form::range) {
      cell = it.value(domain, std::clamp(wanted, it.first(domain), it.last(domain)) - it.first(domain));
      continue;
    }
    std::int64_t best = -1;
    for (std::int64_t k = 0; k < n; ++k) {
      const auto distance = [&](std::int64_t i) { return std::abs(it.index(it.value(domain, i)) - wanted); };
      if (best < 0 || distance(k) < distance(best)) best = k;
    }
    cell = it.value(domain, best);
  }
}

bool Component::draw_by_chance(Rng& rng, int tries, Cells& cells) const {
  for (int i = 0; i < tries; ++i) {
    for (const std::size_t parameter : members_) {
      const std::size_t tie = plan_->ties[parameter];
      if (tie == Space::Plan::kNone) cells[parameter] = plan_->scales[parameter].draw(rng);
    }
    for (const std::size_t parameter : members_) {
      if (!plan_->active(parameter, cells))
        cells[parameter] = Operand();
      else if (plan_->ties[parameter] != Space::Plan::kNone)
        cells[parameter] = cells[plan_->ties[parameter]];
    }
    const bool feasible = std::none_of(constraints_.begin(), constraints_.end(), [&](std::size_t c) {
      return plan_->bound_constraints[c].evaluate(cells.data()) == Expression::Truth::no;
    });
    if (feasible) return true;
  }
  return false;
}

}  // namespace hone::space
