// What brackets give out next: who goes on from a stage, and what the budget leaves for.
#include <algorithm>
#include <limits>

#include "hone/schedule/brackets.h"
#include "hone/study/ranking.h"

namespace hone::schedule {

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
    const std::vector<double>* values = value(bracket, member, stage);
    if (values == nullptr) continue;
    ids.push_back(id);
    rows.push_back(*values);
  }
  rank.order.clear();
  for (const std::size_t i : study::best_first(rows)) rank.order.push_back(ids[i]);
  rank.changed = false;
  return rank.order;
}

/// Who belongs into the stage after `stage`, `from` being those that belong into it.
const std::vector<std::int64_t>& Brackets::chosen(Bracket& bracket, std::size_t stage, std::int64_t count,
                                                  const std::vector<std::int64_t>& from) const {
  Rank& rank = bracket.ranks[stage];
  if (rank.chosen_of == count) return rank.chosen;
  for (std::size_t later = stage + 1; later < bracket.ranks.size(); ++later)
    bracket.ranks[later].chosen_of = -1;
  rank.chosen_of = count;
  rank.went_on = 0;
  std::vector<std::int64_t>& chosen = rank.chosen;
  chosen.clear();
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
    const std::vector<std::int64_t>* here = &bracket.ranks[0].members;
    for (std::size_t stage = 0; stage + 1 < stages.size() && !here->empty(); ++stage) {
      std::int64_t count = stages[stage + 1].n;
      if (!full)
        count =
            std::min(count, std::max<std::int64_t>(1, static_cast<std::int64_t>(here->size()) / plan_.eta));
      here = &chosen(bracket, stage, count, *here);
      std::size_t& went_on = bracket.ranks[stage].went_on;
      while (went_on < here->size() && bracket.members.at((*here)[went_on]).stage > stage) ++went_on;
      if (went_on < here->size()) {
        const std::int64_t to = stages[stage + 1].fidelity;
        if (leaves_enough(to - stages[stage].fidelity, to)) look.job = Job{(*here)[went_on], to};
        return look;
      }
      if (bracket.ranks[stage + 1].pending > 0) return look;
    }
    look.over = full;
  } else if (may_create && !full && leaves_enough(stages[0].fidelity, stages[0].fidelity)) {
    look.job = Job{-1, stages[0].fidelity};
    look.alike = std::min(places, in_a_row(stages[0].fidelity));
  }
  return look;
}

Brackets::Look Brackets::look_at_evolving(Bracket& bracket, bool may_create) const {
  Look look;
  for (std::size_t stage = 0; stage < bracket.ranks.size(); ++stage) {
    if (const std::int64_t places = bracket.places(stage); places > 0) {
      const std::int64_t fidelity = bracket.shape.stages[stage].fidelity;
      if (!may_create || !leaves_enough(fidelity, fidelity)) return look;
      look.job = Job{-1, fidelity};
      look.alike = std::min(places, in_a_row(fidelity));
      return look;
    }
    if (bracket.ranks[stage].pending > 0) return look;
  }
  look.over = true;
  return look;
}

/// The fidelity at which those that got furthest rest or, when they end, will; 0: nobody does.
std::int64_t Brackets::furthest() {
  std::int64_t furthest = resting_.furthest();
  for (const auto& [index, bracket] : brackets_)
    for (std::size_t stage = 0; stage < bracket.ranks.size(); ++stage)
      if (bracket.ranks[stage].resting > 0 || bracket.ranks[stage].pending > 0)
        furthest = std::max(furthest, bracket.shape.stages[stage].fidelity);
  return furthest;
}

/// Whether a job is within the budget, and while none is completed at the largest fidelity, leaves enough of
/// it for one to get there.
bool Brackets::leaves_enough(std::int64_t units, std::int64_t to) const {
  if (!affordable(units)) return false;
  return !reserving_ || horizon() - std::max(furthest_, to) <= allowed() - units;
}

/// How many new trials of this fidelity leave_enough, one after the other; the first does.
std::int64_t Brackets::in_a_row(std::int64_t fidelity) const {
  if (!reserving_) return std::numeric_limits<std::int64_t>::max();
  return (allowed() - (horizon() - std::max(furthest_, fidelity))) / fidelity;
}

/// No more trials may begin, or what they would leave of the budget does not suffice to bring one to the
/// largest fidelity. Where nothing runs and none is completed there, those that were chosen for it having
/// failed or broken a limit, the best of those that got furthest goes on.
std::optional<Scheduler::Job> Brackets::last_resort() {
  if (arrivals_.any() || !arrivals_.idle()) return std::nullopt;
  std::optional<Job> job;
  // What rests below a rung that is given up would have to pass it.
  std::int64_t furthest = 0, lowest = 0, below = 0;
  for (const std::int64_t rung : plan_.rungs) {
    if (arrivals_.given_up(below, rung, places_at_[rung])) lowest = rung;
    below = rung;
  }
  for (auto& [index, bracket] : brackets_) {
    const auto& stages = bracket.shape.stages;
    for (std::size_t stage = 0; stage + 1 < stages.size(); ++stage) {
      if (bracket.ranks[stage].resting == 0 || stages[stage].fidelity <= furthest ||
          stages[stage].fidelity < lowest || !affordable(horizon() - stages[stage].fidelity))
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
  const auto outside = resting_.best_of_all([&](std::int64_t from, std::int64_t) {
    return from >= lowest && (!job || from > furthest) && affordable(horizon() - from);
  });
  return outside ? outside : job;
}

std::optional<Scheduler::Job> Brackets::next(bool may_create) {
  furthest_ = arrivals_.any() ? horizon() : furthest();
  reserving_ = furthest_ < horizon() && affordable(horizon() - furthest_);
  const auto some = [&] { return may_create ? pick() : close(0); };
  auto job = some();
  if (!job && reserving_) {
    job = last_resort();
    if (job || !arrivals_.idle()) return job;
    reserving_ = false;  // there is nobody to bring there
    job = some();
  }
  return job || !may_create ? job : pick_early();
}

/// Where new trials may come.
std::optional<Scheduler::Job> Brackets::pick() {
  std::optional<Job> fresh;
  for (auto& [index, bracket] : brackets_) {
    const Look found = look(bracket, true);
    if (!found.job) continue;
    if (found.job->trial >= 0) return found.job;
    if (fresh) continue;
    fresh = found.job;
    alike_ = found.alike;
  }
  if (const auto stray =
          strays_.next([this](std::int64_t from, std::int64_t to) { return leaves_enough(to - from, to); }))
    return stray;
  if (fresh) return fresh;
  const Stage first = plan_.shape(begun_).stages.front();
  // Later brackets may be affordable: what waits for them is not spent on less than an arrival.
  if (!leaves_enough(first.fidelity, first.fidelity)) return close(horizon());
  const auto waiting = loose_.find(first.fidelity);
  alike_ = first.n - (waiting == loose_.end() ? 0 : static_cast<std::int64_t>(waiting->second.size()));
  alike_ = std::min(alike_, in_a_row(first.fidelity));
  return Job{-1, first.fidelity};
}

/// Where none may: stages that are not full are closed, and what waits for a bracket goes on without one, to
/// `least` or beyond.
std::optional<Scheduler::Job> Brackets::close(std::int64_t least) {
  for (auto& [index, bracket] : brackets_)
    if (const Look found = look(bracket, false); found.job) return found.job;
  return resting_.next(
      [&](std::int64_t from, std::int64_t to) { return to >= least && leaves_enough(to - from, to); });
}

/// A new trial for a later bracket than the next, which the budget does not suffice for.
std::optional<Scheduler::Job> Brackets::pick_early() {
  for (std::size_t i = 1; i < plan_.rungs.size(); ++i) {
    const Stage first = plan_.shape(begun_ + static_cast<std::int64_t>(i)).stages.front();
    if (!affordable(first.fidelity)) continue;
    alike_ = 1;
    return Job{-1, first.fidelity};
  }
  return std::nullopt;
}

}  // namespace hone::schedule
