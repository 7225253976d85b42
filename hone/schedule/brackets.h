#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "hone/schedule/arrivals.h"
#include "hone/schedule/scheduler.h"
#include "hone/schedule/strays.h"

namespace hone::schedule {

/// Brackets of successive halving, one after the other without end: what hyperband and its relatives are made
/// of. A bracket has stages, each a number of trials and a fidelity. Its first stage takes new trials; when
/// all of a stage have ended, the best (see study::best_first) go on to the next. While a bracket waits for
/// its running trials the next one is begun, so that no worker idles. A pure function of the changes told:
/// which trial belongs where is read from where it was started.
///
/// - A trial belongs to the oldest bracket that has a place at the fidelity of its first start; where none
///   has, it is kept for the next bracket that begins there. So trials that a user proposes, or that were
///   there before the study changed its scheduler, are used.
/// - What an earlier scheduler left where no bracket takes it, at a fidelity that is none of the rungs or at
///   one that it was promoted to, goes on by itself, see Strays. So does what is kept for a later bracket,
///   once none will begin: where no new trials may come, and to the largest fidelity also where the budget
///   does not suffice for one of the next bracket.
/// - Where the rungs were others once, a trial is in the highest stage that its target comes to, and counts
///   there by its first result at the stage's fidelity or beyond.
/// - Failed, infeasible, pruned, stale trials and those with NaN count in their stage and never go on; so
///   does one whose result was reused (same_as): its original stands for it, with the better of their values.
///   A deleted trial gives its place back. An interrupted one is waited for.
/// - Where no new trials may come (the budget), a stage that is not full is closed with those that it has:
///   the best max(1, floor(n / eta)) go on. Should new ones be allowed later, they take the places that were
///   left. What was promoted counts among those that go on. Where nothing runs then and no trial is completed
///   at the largest fidelity, the best of those that got furthest goes on, one at a time, until one is, be it
///   in a bracket or not.
/// - On the way to a rung as many may be lost, whoever sent them, as the brackets so far have places there,
///   and 16 more; then nothing goes on to it as a last resort, see Arrivals.
/// - While no trial is completed at the largest fidelity, a job is only given where it leaves of the units
///   that are allowed what it takes to bring the furthest trial there; where none is, that goes on as above.
///
/// O(log n) a change; a request O(brackets under way), and O(n log n) once where a stage of n has ended.
class Brackets : public Scheduler {
 public:
  struct Stage {
    std::int64_t n = 0;
    std::int64_t fidelity = 0;
    bool operator==(const Stage&) const = default;
  };
  struct Shape {
    std::vector<Stage> stages;
    /// Every stage takes new trials once the one before it has ended, and nothing is promoted (DEHB).
    bool evolving = false;
  };
  /// Who goes on where some already did, after *Iterative Deepening Hyperband*: efficient: those, and the
  /// best of the others until enough have; preserving: the best of all that have a result at the stage;
  /// discarding: the best of those that belong there now, as if the others had not gone on. Without a change
  /// of the brackets all three are the same.
  enum class Selection { efficient, preserving, discarding };

  struct Plan {
    std::vector<std::int64_t> rungs;  ///< all fidelities, ascending
    std::int64_t eta = 3;
    std::function<Shape(std::int64_t index)> shape;  ///< of bracket 0, 1, ...
    Selection selection = Selection::efficient;
    std::int64_t schedule_horizon = 0;  ///< 0: the last rung
    bool raisable = false;              ///< the last rung may be raised later: what rests there may go on
  };

  Brackets(const Problem& problem, Plan plan);

  void update(const study::Change& change) override;
  std::optional<Job> next(bool may_create) override;
  std::int64_t alike() const override { return alike_; }
  Verdict judge(const study::Trial&, std::int64_t) override { return Verdict::go_on; }
  study::TrialState reached(const study::Trial&, std::int64_t fidelity) const override {
    return fidelity >= horizon() ? study::TrialState::completed : study::TrialState::paused;
  }
  std::int64_t horizon() const override { return plan_.rungs.back(); }
  std::int64_t schedule_horizon() const override {
    return plan_.schedule_horizon > 0 ? plan_.schedule_horizon : horizon();
  }
  std::vector<std::int64_t> rungs() const override { return plan_.rungs; }
  bool raisable() const override { return plan_.raisable; }
  bool resumable(const study::Trial& trial) const override {
    return !trial.done() || (plan_.raisable && trial.state == study::TrialState::completed);
  }

 private:
  /// What a trial has come to, wherever it belongs.
  struct Standing {
    bool pending = false;                                // waits or runs
    bool eligible = false;                               // rests, and may go on
    std::map<std::int64_t, std::vector<double>> values;  // by fidelity, oriented
  };
  struct Member {
    Standing standing;
    std::size_t stage = 0;  // the highest that it was started in
    bool rests = false;     // there, with a value, and may go on
  };
  struct Rank {
    std::vector<std::int64_t> members;  // in the order of their start
    std::int64_t pending = 0;           // of those for which it is the highest
    std::int64_t resting = 0;           // likewise
    bool changed = true;
    std::vector<std::int64_t> order;  // of promotion, as of the last look
    std::int64_t chosen_of = -1;      // so many were chosen from here; -1: not known
    std::vector<std::int64_t> chosen;
    std::size_t went_on = 0;  // of those, the first so many
  };
  struct Bracket {
    Shape shape;
    std::vector<Rank> ranks;  // by stage
    std::map<std::int64_t, Member> members;
    std::int64_t places(std::size_t stage) const {
      return shape.stages[stage].n - static_cast<std::int64_t>(ranks[stage].members.size());
    }
  };
  /// What a bracket can do now.
  struct Look {
    std::optional<Job> job;
    std::int64_t alike = 1;
    bool over = false;  // nothing will come of it any more
  };

  Standing standing(const study::Trial& trial) const;
  Bracket& begin_next();
  void begin_full();
  bool takes(Bracket& bracket, std::size_t stage);
  void started(const study::Trial& trial);
  void place(const study::Trial& trial);
  static void touch(Bracket& bracket, std::size_t stage);
  static const std::vector<double>* value(const Bracket& bracket, const Member& member, std::size_t stage);
  static void count(Bracket& bracket, Member& member);
  void enter(Bracket& bracket, std::int64_t trial, Standing standing, std::size_t stage);
  void settle(Bracket& bracket, std::int64_t trial, bool pending, bool eligible);
  void leave(Bracket& bracket, std::int64_t trial);
  void report(const study::Trial& trial, const study::Result& result);
  void retire(std::int64_t index);
  bool waits_for_bracket(std::int64_t trial) const;
  Look look(Bracket& bracket, bool may_create) const;
  Look look_at_evolving(Bracket& bracket, bool may_create) const;
  const std::vector<std::int64_t>& chosen(Bracket& bracket, std::size_t stage, std::int64_t count,
                                          const std::vector<std::int64_t>& from) const;
  const std::vector<std::int64_t>& order(Bracket& bracket, std::size_t stage) const;
  std::int64_t furthest();
  bool leaves_enough(std::int64_t units, std::int64_t to) const;
  std::int64_t in_a_row(std::int64_t fidelity) const;
  std::optional<Job> last_resort();
  std::optional<Job> pick();
  std::optional<Job> pick_early();
  std::optional<Job> close(std::int64_t least);

  std::vector<study::Objective> objectives_;
  Plan plan_;
  Arrivals arrivals_;
  std::map<std::int64_t, Bracket> brackets_;  // under way, by index
  std::int64_t begun_ = 0;
  std::map<std::int64_t, std::int64_t> places_at_;             // of all brackets that were begun, by fidelity
  std::unordered_map<std::int64_t, std::int64_t> bracket_of_;  // of trials in those under way
  /// Trials without a bracket, by the fidelity of their first start.
  std::map<std::int64_t, std::map<std::int64_t, Standing>> loose_;
  std::unordered_map<std::int64_t, std::int64_t> loose_at_;
  Strays strays_;   // what no bracket will take
  Strays resting_;  // and what waits for one
  std::int64_t alike_ = 1;
  // Of the request: how far the furthest are, and whether the units to bring one of them to the end are kept.
  std::int64_t furthest_ = 0;
  bool reserving_ = false;
};

}  // namespace hone::schedule
