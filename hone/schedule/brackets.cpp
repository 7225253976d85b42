#include "hone/schedule/brackets.h"

#include <algorithm>
#include <cmath>

#include "hone/study/front.h"
#include "hone/study/ranking.h"

namespace hone::schedule {

using study::TrialState;

namespace {

/// Brackets that are over are kept, up to so many, while no trial has come to the end of one.
constexpr std::size_t kMostKept = 16;

bool finite(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

}  // namespace

Brackets::Brackets(const Problem& problem, Plan plan)
    : objectives_(problem.objectives),
      plan_(std::move(plan)),
      arrivals_(plan_.rungs.back()),
      strays_(objectives_, plan_.rungs, plan_.eta) {}

void Brackets::update(const study::Change& change) {
  const study::Trial& trial = *change.trial;
  if (change.kind == study::Change::Kind::started) started(trial);
  if (change.kind == study::Change::Kind::result) report(trial, *change.result);
  const Standing now = standing(trial);
  arrivals_.update(trial);
  if (const auto found = bracket_of_.find(trial.id); found != bracket_of_.end()) {
    const std::int64_t index = found->second;
    Bracket& bracket = brackets_.at(index);
    if (trial.state == TrialState::deleted)
      leave(bracket, trial.id);
    else
      settle(bracket, trial.id, now.pending, now.eligible);
    retire(index);
    return;
  }
  if (const auto at = loose_at_.find(trial.id); at != loose_at_.end()) {
    if (trial.state == TrialState::deleted) {
      loose_[at->second].erase(trial.id);
      loose_at_.erase(at);
    } else {
      Standing& known = loose_[at->second][trial.id];
      known.pending = now.pending;
      known.eligible = now.eligible;
    }
  }
  // Those that lost a bracket that is over rest for good: only what comes to rest outside of one is a stray.
  if (trial.state != TrialState::paused || change.kind == study::Change::Kind::state)
    strays_.update(change, waits_for_bracket(trial.id));
}

Brackets::Standing Brackets::standing(const study::Trial& trial) const {
  Standing now;
  now.pending = trial.state == TrialState::waiting || trial.state == TrialState::running;
  now.eligible =
      trial.same_as < 0 && (trial.state == TrialState::paused || trial.state == TrialState::completed);
  return now;
}

/// Whether the trial rests where some later bracket begins.
bool Brackets::waits_for_bracket(std::int64_t trial) const {
  const auto at = loose_at_.find(trial);
  if (at == loose_at_.end()) return false;
  for (std::size_t i = 0; i < plan_.rungs.size(); ++i)
    if (plan_.shape(begun_ + static_cast<std::int64_t>(i)).stages.front().fidelity == at->second) return true;
  return false;
}

/// A bracket whose first stage is filled with the trials that wait for it.
Brackets::Bracket& Brackets::begin_next() {
  const std::int64_t index = begun_++;
  Bracket& bracket = brackets_[index];
  bracket.shape = plan_.shape(index);
  bracket.ranks.resize(bracket.shape.stages.size());
  auto& waiting = loose_[bracket.shape.stages.front().fidelity];
  while (!waiting.empty() && bracket.places(0) > 0) {
    const auto first = waiting.begin();
    const std::int64_t trial = first->first;
    Standing standing = std::move(first->second);
    waiting.erase(first);
    loose_at_.erase(trial);
    enter(bracket, trial, std::move(standing), 0);
    bracket_of_[trial] = index;
  }
  return bracket;
}

/// The next bracket begins by itself where the trials that wait for it fill its first stage.
void Brackets::begin_full() {
  for (;;) {
    const Stage first = plan_.shape(begun_).stages.front();
    const auto waiting = loose_.find(first.fidelity);
    if (waiting == loose_.end() || static_cast<std::int64_t>(waiting->second.size()) < first.n) return;
    begin_next();
    retire(begun_ - 1);
  }
}

/// Whether a new trial belongs into this stage.
bool Brackets::takes(Bracket& bracket, std::size_t stage) {
  if (bracket.places(stage) <= 0) return false;
  if (stage == 0) return true;
  if (!bracket.shape.evolving) return false;
  for (std::size_t before = 0; before < stage; ++before)
    if (bracket.places(before) > 0 || bracket.ranks[before].pending > 0) return false;
  return true;
}

void Brackets::started(const study::Trial& trial) {
  if (const auto found = bracket_of_.find(trial.id); found != bracket_of_.end()) {
    Bracket& bracket = brackets_.at(found->second);
    const std::size_t now = bracket.members.at(trial.id).stage;
    // Where the rungs were others once, it may have gone beyond a stage without being at it.
    for (std::size_t stage = now + 1; stage < bracket.shape.stages.size(); ++stage)
      if (bracket.shape.stages[stage].fidelity <= trial.target) {
        Standing standing = bracket.members.at(trial.id).standing;
        enter(bracket, trial.id, std::move(standing), stage);
      }
    return;
  }
  if (const auto at = loose_at_.find(trial.id); at != loose_at_.end()) {
    if (at->second == trial.target) return;
    // It went on without any bracket: none has use for it.
    loose_[at->second].erase(trial.id);
    loose_at_.erase(at);
    return;
  }
  if (trial.results.empty()) place(trial);
}

void Brackets::place(const study::Trial& trial) {
  Standing fresh;
  fresh.pending = true;
  for (auto& [index, bracket] : brackets_)
    for (std::size_t stage = 0; stage < bracket.shape.stages.size(); ++stage)
      if (bracket.shape.stages[stage].fidelity == trial.target && takes(bracket, stage)) {
        enter(bracket, trial.id, std::move(fresh), stage);
        bracket_of_[trial.id] = index;
        if (bracket.places(0) <= 0) begin_full();
        return;
      }
  if (plan_.shape(begun_).stages.front().fidelity == trial.target) {
    Bracket& bracket = begin_next();
    const std::int64_t index = begun_ - 1;
    enter(bracket, trial.id, std::move(fresh), 0);
    bracket_of_[trial.id] = index;
    begin_full();
    return;
  }
  loose_[trial.target][trial.id] = std::move(fresh);
  loose_at_[trial.id] = trial.target;
  begin_full();
}

/// Puts a trial into a stage, and into those below it that it did not begin after.
void Brackets::enter(Bracket& bracket, std::int64_t trial, Standing standing, std::size_t stage) {
  const auto [found, is_new] = bracket.members.try_emplace(trial);
  Member& member = found->second;
  if (is_new) {
    member.standing = std::move(standing);
    member.stage = stage;
    bracket.ranks[stage].members.push_back(trial);
  } else {
    if (member.standing.pending) --bracket.ranks[member.stage].pending;
    while (member.stage < stage) bracket.ranks[++member.stage].members.push_back(trial);
    member.standing.pending = true;
    member.standing.eligible = false;
  }
  if (member.standing.pending) ++bracket.ranks[stage].pending;
  bracket.ranks[stage].changed = true;
}

void Brackets::settle(Bracket& bracket, std::int64_t trial, bool pending, bool eligible) {
  Member& member = bracket.members.at(trial);
  Rank& rank = bracket.ranks[member.stage];
  if (member.standing.pending != pending) rank.pending += pending ? 1 : -1;
  if (member.standing.eligible != eligible) rank.changed = true;
  member.standing.pending = pending;
  member.standing.eligible = eligible;
}

void Brackets::leave(Bracket& bracket, std::int64_t trial) {
  const Member& member = bracket.members.at(trial);
  if (member.standing.pending) --bracket.ranks[member.stage].pending;
  for (Rank& rank : bracket.ranks)
    if (std::erase(rank.members, trial) > 0) rank.changed = true;
  bracket.members.erase(trial);
  bracket_of_.erase(trial);
}

void Brackets::report(const study::Trial& trial, const study::Result& result) {
  auto values = study::oriented(objectives_, result.measures);
  const std::int64_t id = trial.same_as < 0 ? trial.id : trial.same_as;
  const auto put = [&](Standing& standing) {
    auto& known = standing.values[result.fidelity];
    if (trial.same_as >= 0 && (known.empty() || !study::dominates(values, known))) {
      if (known.empty()) standing.values.erase(result.fidelity);
      return;
    }
    known = std::move(values);
  };
  if (const auto found = bracket_of_.find(id); found != bracket_of_.end()) {
    Bracket& bracket = brackets_.at(found->second);
    put(bracket.members.at(id).standing);
    for (std::size_t stage = 0; stage < bracket.ranks.size(); ++stage)
      if (bracket.shape.stages[stage].fidelity <= result.fidelity) bracket.ranks[stage].changed = true;
  } else if (const auto at = loose_at_.find(id); at != loose_at_.end()) {
    put(loose_[at->second][id]);
  }
}

/// Forgets a bracket of which nothing will come any more.
void Brackets::retire(std::int64_t index) {
  const auto found = brackets_.find(index);
  if (found == brackets_.end()) return;
  Bracket& bracket = found->second;
  if (bracket.places(0) > 0) return;
  for (const Rank& rank : bracket.ranks)
    if (rank.pending > 0) return;
  // What rests in it may be all that there will be.
  if (!arrivals_.any() && brackets_.size() <= kMostKept) return;
  if (!look(bracket, true).over) return;
  for (const auto& [trial, member] : bracket.members) bracket_of_.erase(trial);
  brackets_.erase(found);
}

const std::vector<std::int64_t>& Brackets::order(Bracket& bracket, std::size_t stage) const {
  Rank& rank = bracket.ranks[stage];
  if (!rank.changed) return rank.order;
  std::vector<std::int64_t> ids;
  std::vector<std::vector<double>> rows;
  std::vector<std::int64_t> members = rank.members;
  std::sort(members.begin(), members.end());  // equal ones by trial
  for (const std::int64_t id : members) {
    const Member& member = bracket.members.at(id);
    if (member.stage == stage && !member.standing.eligible) continue;
    const auto values = member.standing.values.lower_bound(bracket.shape.stages[stage].fidelity);
    if (values == member.standing.values.end() || !finite(values->second)) continue;
    ids.push_back(id);
    rows.push_back(values->second);
  }
  rank.order.clear();
  for (const std::size_t i : study::best_first(rows)) rank.order.push_back(ids[i]);
  rank.changed = false;
  return rank.order;
}

/// Who belongs into the stage after `stage`, `from` being those that belong into it.
std::vector<std::int64_t> Brackets::chosen(Bracket& bracket, std::size_t stage, std::int64_t count,
                                           const std::vector<std::int64_t>& from) const {
  std::vector<std::int64_t> chosen;
  const auto wanted = static_cast<std::size_t>(count);
  const auto went_on = [&](std::int64_t id) { return bracket.members.at(id).stage > stage; };
  if (plan_.selection == Selection::efficient)
    std::copy_if(from.begin(), from.end(), std::back_inserter(chosen), went_on);
  std::vector<std::int64_t> among;
  if (plan_.selection == Selection::discarding) {
    among = from;
    std::sort(among.begin(), among.end());
  }
  for (const std::int64_t id : order(bracket, stage)) {
    if (chosen.size() >= wanted) break;
    if (plan_.selection == Selection::efficient && went_on(id)) continue;
    if (plan_.selection == Selection::discarding && !std::binary_search(among.begin(), among.end(), id))
      continue;
    chosen.push_back(id);
  }
  return chosen;
}

Brackets::Look Brackets::look(Bracket& bracket, bool may_create) const {
  if (bracket.shape.evolving) return look_at_evolving(bracket, may_create);
  Look look;
  const auto& stages = bracket.shape.stages;
  const std::int64_t places = bracket.places(0);
  const bool full = places <= 0;
  if ((full || !may_create) && bracket.ranks[0].pending == 0) {
    std::vector<std::int64_t> here = bracket.ranks[0].members;
    std::size_t stage = 0;
    for (; stage + 1 < stages.size() && !here.empty(); ++stage) {
      std::int64_t count = stages[stage + 1].n;
      if (!full)
        count =
            std::min(count, std::max<std::int64_t>(1, static_cast<std::int64_t>(here.size()) / plan_.eta));
      const std::int64_t units = stages[stage + 1].fidelity - stages[stage].fidelity;
      here = chosen(bracket, stage, count, here);
      bool all = true;
      for (const std::int64_t id : here) {
        if (bracket.members.at(id).stage > stage) continue;
        all = false;
        if (!affordable(units)) break;
        look.job = Job{id, stages[stage + 1].fidelity};
        return look;
      }
      if (!all || bracket.ranks[stage + 1].pending > 0) return look;
    }
    look.over = full;
  } else if (may_create && !full && affordable(stages[0].fidelity)) {
    look.job = Job{-1, stages[0].fidelity};
    look.alike = places;
  }
  return look;
}

Brackets::Look Brackets::look_at_evolving(Bracket& bracket, bool may_create) const {
  Look look;
  for (std::size_t stage = 0; stage < bracket.ranks.size(); ++stage) {
    if (const std::int64_t places = bracket.places(stage); places > 0) {
      if (!may_create || !affordable(bracket.shape.stages[stage].fidelity)) return look;
      look.job = Job{-1, bracket.shape.stages[stage].fidelity};
      look.alike = places;
      return look;
    }
    if (bracket.ranks[stage].pending > 0) return look;
  }
  look.over = true;
  return look;
}

/// No more trials may begin. Where nothing runs and none is completed at the largest fidelity, those that
/// were chosen for it having failed or broken a limit, the best of those that got furthest goes on.
std::optional<Scheduler::Job> Brackets::last_resort() {
  if (arrivals_.any() || !arrivals_.idle()) return std::nullopt;
  std::optional<Job> job;
  std::int64_t furthest = 0;
  for (auto& [index, bracket] : brackets_) {
    const auto& stages = bracket.shape.stages;
    for (std::size_t stage = 0; stage + 1 < stages.size(); ++stage) {
      if (stages[stage].fidelity <= furthest ||
          !affordable(stages[stage + 1].fidelity - stages[stage].fidelity))
        continue;
      const std::vector<std::int64_t>& best = order(bracket, stage);
      const auto resting = std::find_if(best.begin(), best.end(), [&, stage = stage](std::int64_t id) {
        return bracket.members.at(id).stage == stage;
      });
      if (resting == best.end()) continue;
      furthest = stages[stage].fidelity;
      job = Job{*resting, stages[stage + 1].fidelity};
    }
  }
  return job;
}

std::optional<Scheduler::Job> Brackets::next(bool may_create) {
  std::optional<Job> fresh;
  for (auto& [index, bracket] : brackets_) {
    const Look found = look(bracket, may_create);
    if (!found.job) continue;
    if (found.job->trial >= 0) return found.job;
    if (fresh) continue;
    fresh = found.job;
    alike_ = found.alike;
  }
  if (const auto stray = strays_.next([this](std::int64_t units) { return affordable(units); })) return stray;
  if (fresh) return fresh;
  if (!may_create) return last_resort();
  const Stage first = plan_.shape(begun_).stages.front();
  if (!affordable(first.fidelity)) return next(false);
  const auto waiting = loose_.find(first.fidelity);
  alike_ = first.n - (waiting == loose_.end() ? 0 : static_cast<std::int64_t>(waiting->second.size()));
  return Job{-1, first.fidelity};
}

}  // namespace hone::schedule
