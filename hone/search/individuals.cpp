#include "hone/search/individuals.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include <fmt/format.h>

#include "hone/base/numbers.h"
#include "hone/study/front.h"

namespace hone::search {

using study::TrialState;
using Standing = Individual::Standing;

double total_violation(const Problem& problem, const std::vector<double>& over) {
  double total = 0.0;
  for (std::size_t i = 0; i < over.size(); ++i) {
    if (!(over[i] > 0.0)) continue;
    const study::Limit& limit = problem.limits[i];
    const double bound = std::abs(limit.max.value_or(limit.min.value_or(0.0)));
    total += over[i] / (bound > 0.0 && std::isfinite(bound) ? bound : 1.0);
  }
  return total;
}

OptionSpec population_option(std::int64_t usual, double most) {
  return {
      .name = "population",
      .type = OptionSpec::Type::integer,
      .fallback = 0,
      .summary = fmt::format("members; 0: {}, or a tenth of the budget of trials where that is smaller (at "
                             "least 10)",
                             usual),
      .low = 0,
      .high = most};
}

std::size_t population_size(const Problem& problem, std::int64_t given, std::int64_t usual) {
  if (given == 0) {
    given = usual;
    if (problem.max_trials)
      given = std::min(given,
                       std::max<std::int64_t>(std::min<std::int64_t>(usual, 10), *problem.max_trials / 10));
  }
  return static_cast<std::size_t>(given);
}

Individual& Individuals::add(const study::Trial& trial) {
  Individual& it = all_[trial.id];
  it = {};
  it.trial = trial.id;
  Rng rng(problem_->seed, "filled", static_cast<std::uint64_t>(trial.id));
  it.point = moves_->filled(trial.config, rng);
  return it;
}

const Individual* Individuals::find(std::int64_t trial) const {
  const auto found = all_.find(trial);
  return found == all_.end() ? nullptr : &found->second;
}

void Individuals::drop_point(std::int64_t trial) {
  if (const auto found = all_.find(trial); found != all_.end()) found->second.point = {};
}

Individuals::Event Individuals::update(const study::Change& change) {
  using Kind = study::Change::Kind;
  const study::Trial& trial = *change.trial;
  if (trial.of >= 0) return Event::nothing;
  auto found = all_.find(trial.id);
  if (found == all_.end()) {
    const bool runs = trial.state == TrialState::waiting || trial.state == TrialState::running;
    const bool again = (change.kind == Kind::state || change.kind == Kind::started) && trial.results.empty();
    if (!runs || (change.kind != Kind::created && !again)) return Event::nothing;
    add(trial);
    return Event::born;
  }
  if (change.kind == Kind::deleted || trial.state == TrialState::deleted) {
    all_.erase(found);
    return Event::gone;
  }
  Individual& it = found->second;
  const bool was_judged = it.judged;
  if (!judge(it, change)) return Event::nothing;
  if (!it.judged) return was_judged ? Event::gone : Event::nothing;
  if (was_judged) return Event::judged_anew;
  if (it.standing == Standing::lost) ++lost_;
  return Event::judged;
}

/// Whether anything is different now.
bool Individuals::judge(Individual& it, const study::Change& change) const {
  const study::Trial& trial = *change.trial;
  bool differs = false;
  if (change.result != nullptr) {
    const study::Result& result = *change.result;
    std::vector<double> values = study::oriented(problem_->objectives, result.measures);
    const bool finite = std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
    if (finite && !values.empty()) {
      std::vector<double>& before = it.values[result.fidelity];
      differs = before != values;
      before = std::move(values);
    } else {
      differs = it.values.erase(result.fidelity) > 0;
    }
    it.reported = true;
    if (result.fidelity >= it.over_at) {
      it.over_at = result.fidelity;
      it.over = total_violation(*problem_, lasting_violations(*problem_, trial, result));
    }
  }
  // A report on the way is of a part of the trial: its worth is known once it rests.
  const bool rests = trial.state == TrialState::paused || trial.state == TrialState::completed ||
                     trial.state == TrialState::pruned;
  it.rested = it.rested || (it.reported && rests);
  const bool judged = it.rested || trial.done();
  Standing standing = trial.state == TrialState::pruned ? Standing::pruned : Standing::good;
  double violation = 0.0;
  if (trial.state == TrialState::failed || trial.state == TrialState::stale) {
    standing = Standing::lost;
  } else if (trial.state == TrialState::infeasible || it.over > 0.0) {
    standing = Standing::infeasible;
    violation = it.over > 0.0 ? it.over : total_violation(*problem_, violations(*problem_, trial.costs));
    if (!(violation > 0.0)) violation = kInfinity;
  } else if (it.values.empty()) {
    standing = Standing::lost;
  }
  differs = differs || judged != it.judged || standing != it.standing || violation != it.violation;
  it.judged = judged;
  it.standing = standing;
  it.violation = violation;
  return differs;
}

void Individuals::sort(std::vector<std::int64_t>& trials) const {
  struct Row {
    const Individual* it;
    int rank = 0;
    double crowding = 0.0;
  };
  std::vector<Row> rows;
  for (const std::int64_t trial : trials) rows.push_back({&all_.at(trial)});
  const auto group = [](const Individual& it) {
    const bool has_values = it.standing == Standing::good || it.standing == Standing::pruned;
    return std::tuple(it.standing, has_values ? -it.fidelity() : 0,
                      it.standing == Standing::infeasible ? it.violation : 0.0);
  };
  const bool several = problem_->objectives.size() > 1;
  std::sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) {
    const auto group_a = group(*a.it), group_b = group(*b.it);
    if (group_a != group_b) return group_a < group_b;
    if (!several && a.it->standing <= Standing::pruned) {
      const double value_a = a.it->values.rbegin()->second[0], value_b = b.it->values.rbegin()->second[0];
      if (value_a != value_b) return value_a < value_b;
    }
    return a.it->trial < b.it->trial;
  });
  if (several) {
    for (std::size_t first = 0, last = 0; first < rows.size(); first = last) {
      while (last < rows.size() && group(*rows[last].it) == group(*rows[first].it)) ++last;
      if (rows[first].it->standing > Standing::pruned) break;
      std::vector<std::vector<double>> values;
      for (std::size_t i = first; i < last; ++i) values.push_back(rows[i].it->values.rbegin()->second);
      const std::vector<int> ranks = study::non_dominated_rank(values);
      std::map<int, std::vector<std::size_t>> fronts;
      for (std::size_t i = 0; i < values.size(); ++i) fronts[ranks[i]].push_back(i);
      for (const auto& [rank, members] : fronts) {
        std::vector<std::vector<double>> front;
        for (const std::size_t i : members) front.push_back(values[i]);
        const std::vector<double> crowding = study::crowding_distance(front);
        for (std::size_t k = 0; k < members.size(); ++k) {
          rows[first + members[k]].rank = rank;
          rows[first + members[k]].crowding = crowding[k];
        }
      }
      std::stable_sort(rows.begin() + static_cast<std::ptrdiff_t>(first),
                       rows.begin() + static_cast<std::ptrdiff_t>(last), [](const Row& a, const Row& b) {
                         return a.rank != b.rank ? a.rank < b.rank : a.crowding > b.crowding;
                       });
    }
  }
  for (std::size_t i = 0; i < rows.size(); ++i) trials[i] = rows[i].it->trial;
}

int Individuals::compare(const Individual& a, const Individual& b) const {
  if (a.standing != b.standing) return a.standing < b.standing ? -1 : 1;
  if (a.standing == Standing::lost) return 0;
  if (a.standing == Standing::infeasible)
    return a.violation == b.violation ? 0 : a.violation < b.violation ? -1 : 1;
  for (auto entry = a.values.rbegin(); entry != a.values.rend(); ++entry) {
    const auto other = b.values.find(entry->first);
    if (other == b.values.end()) continue;
    if (study::dominates(entry->second, other->second)) return -1;
    return study::dominates(other->second, entry->second) ? 1 : 0;
  }
  return a.fidelity() > b.fidelity() ? -1 : 1;
}

}  // namespace hone::search
