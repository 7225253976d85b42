#include "hone/schedule/brackets.h"

#include <algorithm>
#include <cmath>

#include "hone/study/front.h"

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
      strays_(objectives_, plan_.rungs, plan_.eta),
      resting_(objectives_, plan_.rungs, plan_.eta) {}

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
  const bool rests = trial.state == TrialState::paused || trial.state == TrialState::completed;
  if (rests && change.kind != study::Change::Kind::state) return;
  strays_.update(change, waits_for_bracket(trial.id));
  resting_.update(change, false);
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
  for (const Stage& stage : bracket.shape.stages) places_at_[stage.fidelity] += stage.n;
  auto& waiting = loose_[bracket.shape.stages.front().fidelity];
  while (!waiting.empty() && bracket.places(0) > 0) {
    const auto first = waiting.begin();
    const std::int64_t trial = first->first;
    Standing standing = std::move(first->second);
    waiting.erase(first);
    loose_at_.erase(trial);
    resting_.remove(trial);
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

/// What is known of the order of a stage holds no longer, nor who goes on from there and from later ones.
void Brackets::touch(Bracket& bracket, std::size_t stage) {
  bracket.ranks[stage].changed = true;
  for (; stage < bracket.ranks.size(); ++stage) bracket.ranks[stage].chosen_of = -1;
}

/// The member's value in a stage; nullptr: none, or none that is finite.
const std::vector<double>* Brackets::value(const Bracket& bracket, const Member& member, std::size_t stage) {
  const auto& values = member.standing.values;
  const auto found = values.lower_bound(bracket.shape.stages[stage].fidelity);
  return found == values.end() || !finite(found->second) ? nullptr : &found->second;
}

void Brackets::count(Bracket& bracket, Member& member) {
  const bool rests = member.standing.eligible && value(bracket, member, member.stage) != nullptr;
  if (rests != member.rests) bracket.ranks[member.stage].resting += rests ? 1 : -1;
  member.rests = rests;
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
    member.standing.pending = true;
    member.standing.eligible = false;
    count(bracket, member);
    while (member.stage < stage) {
      // Whom next gave is whom it is about; another one changes who else goes on.
      Rank& rank = bracket.ranks[member.stage];
      const bool expected = rank.went_on < rank.chosen.size() && rank.chosen[rank.went_on] == trial;
      if (!expected) touch(bracket, member.stage);
      bracket.ranks[++member.stage].members.push_back(trial);
    }
  }
  if (member.standing.pending) ++bracket.ranks[stage].pending;
  count(bracket, member);
  touch(bracket, stage);
}

void Brackets::settle(Bracket& bracket, std::int64_t trial, bool pending, bool eligible) {
  Member& member = bracket.members.at(trial);
  if (member.standing.pending != pending) bracket.ranks[member.stage].pending += pending ? 1 : -1;
  if (member.standing.eligible != eligible) touch(bracket, member.stage);
  member.standing.pending = pending;
  member.standing.eligible = eligible;
  count(bracket, member);
}

void Brackets::leave(Bracket& bracket, std::int64_t trial) {
  const Member& member = bracket.members.at(trial);
  if (member.standing.pending) --bracket.ranks[member.stage].pending;
  if (member.rests) --bracket.ranks[member.stage].resting;
  for (std::size_t stage = 0; stage < bracket.ranks.size(); ++stage)
    if (std::erase(bracket.ranks[stage].members, trial) > 0) touch(bracket, stage);
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
    Member& member = bracket.members.at(id);
    put(member.standing);
    count(bracket, member);
    for (std::size_t stage = 0; stage < bracket.ranks.size(); ++stage) {
      const auto counts = member.standing.values.lower_bound(bracket.shape.stages[stage].fidelity);
      if (counts != member.standing.values.end() && counts->first == result.fidelity) touch(bracket, stage);
    }
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

}  // namespace hone::schedule
