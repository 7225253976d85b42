// A trial alone, as the journal made it, for studies that do not keep all trials.
#include <algorithm>
#include <map>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/study/study.h"
#include "hone/study/trial_changes.h"

namespace hone::study {

/// Goes through the events of one trial, those of the trials whose results it takes, and the changes of
/// limits, in the order in which they happened. What a record does to a study's trials is said here a second
/// time, without all that a study counts (study_apply.cpp).
class Study::Replay {
 public:
  explicit Replay(const Study& study) : study_(study), rules_(&study.first_rules_) {}

  /// Throws Error where the journal does not propose it.
  Trial trial(std::int64_t id) {
    read(id);
    for (const Step& step : steps_)
      if (step.trial < 0)
        judge_again(step.sequence);
      else
        std::visit([&](const auto& record) { take(step, record); }, step.record);
    const auto found = trials_.find(id);
    if (found == trials_.end() || found->second.id != id)
      throw Error(fmt::format("the journal does not propose trial {}", id),
                  Place{study_.store_->url(), 0, ""}, "the store is damaged: hone store check says how far");
    Trial& trial = found->second;
    if (trial.behind >= 0) {
      const auto queue = study_.behind_.find(trial.behind);
      if (queue == study_.behind_.end() ||
          std::find(queue->second.begin(), queue->second.end(), id) == queue->second.end())
        trial.behind = -1;  // it waited, but that one has ended
    }
    return std::move(trial);
  }

 private:
  struct Step {
    std::int64_t sequence;
    double time_s;
    std::int64_t trial;  ///< -1: limits have changed
    Record record;
  };

  void read(std::int64_t id) {
    std::vector<std::int64_t> group{id};
    for (std::size_t i = 0; i < group.size(); ++i) {
      std::vector<Record> records;
      study_.store_->read_trial(group[i], study_.applied_, [&](const Event& event) {
        records.clear();
        decode(event, records);
        for (Record& record : records) {
          const auto* end = std::get_if<EndRecord>(&record);
          if (end != nullptr && end->same_as >= 0 &&
              std::find(group.begin(), group.end(), end->same_as) == group.end())
            group.push_back(end->same_as);
          steps_.push_back({event.sequence, event.time_s, event.trial, std::move(record)});
        }
      });
    }
    for (const auto& judgement : study_.judgements_)
      steps_.push_back({judgement.sequence, 0.0, -1, UnknownRecord{}});
    std::stable_sort(steps_.begin(), steps_.end(),
                     [](const Step& a, const Step& b) { return a.sequence < b.sequence; });
  }

  void judge_again(std::int64_t sequence) {
    rules_ = &*std::find_if(study_.judgements_.begin(), study_.judgements_.end(),
                            [&](const auto& one) { return one.sequence == sequence; });
    for (auto& [member, trial] : trials_) settle(trial, trial.state);
  }

  // A record of one trial. What speaks of one that was not proposed is said when all are read.

  void take(const Step& step, const TrialRecord& r) { trials_[step.trial] = study_.made(r, step.time_s); }

  void take(const Step& step, const StartRecord& r) {
    Trial* trial = known(step.trial);
    if (trial == nullptr) return;
    unfollow(*trial);
    change(*trial, r);
    trial->state = TrialState::running;
    follow(trial->id);
  }

  void take(const Step& step, const KeysRecord& r) {
    if (Trial* trial = known(step.trial)) change(*trial, r);
  }

  void take(const Step& step, const ResultRecord& r) {
    if (known(step.trial) != nullptr) add(step.trial, r.result);
  }

  void take(const Step& step, const EndRecord& r) {
    Trial* trial = known(step.trial);
    if (trial == nullptr) return;
    if (r.same_as >= 0) {
      unfollow(*trial);
      trial->same_as = r.same_as;
      if (const Trial* known_twin = twin_of(*trial)) {
        takers_[r.same_as].push_back(trial->id);
        const Trial twin = *known_twin;
        for (const Result& result : twin.results) add(trial->id, study_.mirrored(result, twin, *trial));
      }
    }
    change(*trial, r, step.time_s);
    if (r.same_as >= 0 || rules_ != &study_.first_rules_)
      settle(*trial, r.state);
    else
      trial->state = r.state;
    follow(trial->id);
  }

  void take(const Step& step, const RetryRecord& r) {
    Trial* trial = known(step.trial);
    if (trial == nullptr) return;
    unfollow(*trial);
    change(*trial, r);
    trial->state = TrialState::waiting;
    follow(trial->id);
  }

  void take(const Step& step, const DeleteRecord&) {
    Trial* trial = known(step.trial);
    if (trial == nullptr) {
      trials_[step.trial] = lost_trial(step.trial, step.time_s);
      return;
    }
    trial->state = TrialState::deleted;
    follow(trial->id);
  }

  // These change no trial.
  void take(const Step&, const StudyRecord&) {}
  void take(const Step&, const RevisedRecord&) {}
  void take(const Step&, const SessionRecord&) {}
  void take(const Step&, const EndedRecord&) {}
  void take(const Step&, const LateRecord&) {}
  void take(const Step&, const UnknownRecord&) {}

  Trial* known(std::int64_t id) {
    const auto found = trials_.find(id);
    return found == trials_.end() ? nullptr : &found->second;
  }
  const Trial* twin_of(const Trial& trial) { return known(trial.same_as); }

  /// Whether its state changes.
  bool settle(Trial& trial, TrialState state) {
    const Trial* twin = twin_of(trial);
    const TrialState now = study_.judged(trial, state, twin, *rules_);
    if (now != state) study_.explain(trial, now, twin, *rules_);
    const bool changed = now != trial.state;
    trial.state = now;
    return changed;
  }

  /// Those that take a trial's results are judged by it, too.
  void follow(std::int64_t twin) {
    for (const std::int64_t taker : takers_[twin]) {
      Trial& trial = trials_[taker];
      if (!busy(trial) && settle(trial, trial.state)) follow(taker);
    }
  }

  void unfollow(Trial& trial) {
    std::erase(takers_[trial.same_as], trial.id);
    trial.same_as = -1;
  }

  /// Also to the trials that take its results.
  void add(std::int64_t first, const Result& result) {
    std::vector<std::pair<std::int64_t, Result>> due{{first, result}};
    for (std::size_t i = 0; i < due.size(); ++i) {
      Trial& trial = trials_[due[i].first];
      if (!adds(trial, due[i].second)) continue;
      put_result(trial, due[i].second);
      for (const std::int64_t taker : takers_[trial.id])
        due.emplace_back(taker, study_.mirrored(*trial.at(due[i].second.fidelity), trial, trials_[taker]));
    }
    for (const auto& [member, taken] : due)
      if (member != first) follow(trials_[member].same_as);
  }

  const Study& study_;
  const Judgement* rules_;  ///< that hold at the moment
  std::vector<Step> steps_;
  std::map<std::int64_t, Trial> trials_;
  std::map<std::int64_t, std::vector<std::int64_t>> takers_;  ///< by trial: those that take its results
};

Trial Study::load(std::int64_t id) const { return Replay(*this).trial(id); }

}  // namespace hone::study
