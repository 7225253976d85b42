#include "hone/run/candidate.h"

#include <algorithm>

#include <fmt/format.h>

#include "hone/base/clock.h"
#include "hone/base/units.h"
#include "hone/run/probing.h"

namespace hone::run {

using study::TrialState;

Signer::Signer(const StudyFile& file, task::Evaluator& evaluator, task::Seat seat)
    : file_(file),
      evaluator_(evaluator),
      seat_(std::move(seat)),
      schedule_horizon_(file.make_scheduler()->schedule_horizon()),
      foresight_(file.space, foreseen_of(file), file.horizon(),
                 [&file](const space::Config& config) { return file.task->graph(config); }),
      known_(kMost),
      by_structure_(kMost) {}

Key Signer::structural(const space::Config& config) const {
  const auto graph = file_.task->graph(config);
  if (!graph) return {};
  const Key form = graph::canonical(*graph).key;
  const std::string terms = file_.task->cost_terms(config);
  return terms.empty() ? form : KeyBuilder().key(form).text(terms).build();
}

const Signer::Signed& Signer::sign(const space::Config& config) {
  const Key key = config.key();
  if (const Signed* known = known_.find(key)) return *known;
  const double began = monotonic_s();
  unknown_ = {};
  study::Keys& keys = unknown_.keys;
  keys.structural = structural(config);
  // A giant is not built to be looked at.
  if (!broken_limit(file_, file_.task->design_costs(config), false).empty()) return unknown_;
  const auto interrupted = [&] { return seat_.interrupted && seat_.interrupted(); };
  if (const auto literal = file_.task->unseen_by_probe(config)) {
    const std::string context = fmt::format("{} seed={} horizon={}", *literal, file_.seed, schedule_horizon_);
    // Models of one structure start from the same numbers, in whatever order they are written.
    const auto decided = task::probed_as(*file_.task, config, keys.structural);
    if (const Signed* known = decided ? by_structure_.find(*decided) : nullptr) {
      unbilled_s_ += monotonic_s() - began;
      return known_.touch(key) = *known;
    }
    const auto rounding = file_.identity.rounding(file_.task->rounding());
    const std::vector<double> floats = evaluator_.probe_at(config, seat_);
    if (auto signature = identity::signature(floats, context, rounding)) {
      keys.functional = signature->key;
      keys.near = std::move(signature->near);
    } else if (!interrupted()) {
      unknown_.unhashable = why_unhashable(floats, evaluator_);
    }
    if (decided && !interrupted()) by_structure_.touch(*decided) = unknown_;
  }
  unbilled_s_ += monotonic_s() - began;
  // What was interrupted may have returned anything.
  if (!interrupted()) known_.touch(key) = unknown_;
  return unknown_;
}

std::vector<Foreseen> foreseen_of(const StudyFile& file) {
  const auto infos = file.task->measures();
  std::vector<Foreseen> foreseen;
  for (const study::Limit& limit : file.limits) {
    const auto info =
        std::find_if(infos.begin(), infos.end(), [&](const auto& one) { return one.name == limit.name; });
    const bool known = info != infos.end();
    const bool cost = (known && (info->before || info->unshared || info->timed)) || is_cost_name(limit.name);
    const auto said = file.predicts.find(limit.name);
    if (said == file.predicts.end() ? cost : said->second) foreseen.push_back({limit, known && info->before});
  }
  return foreseen;
}

std::string broken_limit(const StudyFile& file, const study::Measures& measures, bool final) {
  const auto infos = file.task->measures();
  for (const auto& limit : file.limits) {
    const auto info =
        std::find_if(infos.begin(), infos.end(), [&](const auto& i) { return i.name == limit.name; });
    const bool cost = info != infos.end() && (info->before || info->unshared || info->timed);
    if (!final && !cost) continue;
    if (const std::string violation = limit.violation(measures); !violation.empty()) return violation;
  }
  return {};
}

bool only_training_tells(const StudyFile& file) {
  for (const auto& measure : file.task->measures()) {
    if (!measure.unshared || measure.before) continue;
    for (const auto& objective : file.objectives)
      if (objective.name == measure.name) return true;
    for (const auto& limit : file.limits)
      if (limit.name == measure.name) return true;
  }
  return false;
}

namespace {

/// Tells the keys and the costs of a candidate that has none yet. False: it is settled. `unlikely`: why it is
/// not worth measuring, where it is not.
bool tell_keys(const StudyFile& file, Optimizer& optimizer, task::Evaluator& evaluator, Signer& signer,
               const Job& job, const std::function<double()>& spent, const std::function<bool()>& interrupted,
               std::string& unlikely) {
  const study::Trial& trial = optimizer.study().trial(job.trial);
  // A candidate that was turned away by its design alone has only the costs that follow from that.
  const auto complete = [&](const study::Measures& costs) {
    for (const auto& info : file.task->measures())
      if (info.before && !costs.find(info.name)) return false;
    return true;
  };
  const bool unknown = trial.keys.structural.none() && trial.keys.functional.none() && trial.costs.empty();
  if (!unknown && complete(trial.costs)) return true;
  const double began = monotonic_s();
  study::Keys keys;
  keys.structural = signer.structural(job.config);
  const study::Measures* known = keys.structural.none() ? nullptr : optimizer.cache().costs(keys.structural);
  if (known != nullptr && !complete(*known)) known = nullptr;
  // What the design alone tells, then what must be measured: a giant is turned away before it is built.
  study::Measures costs;
  if (known != nullptr) costs = *known;
  costs.merge(file.task->design_costs(job.config));
  if (broken_limit(file, costs, false).empty()) {
    Foresight::Judgement foreseen = signer.foresight().judge(job.config, costs);
    costs.merge(foreseen.predicted);
    unlikely = std::move(foreseen.violation);
    if (known == nullptr && unlikely.empty()) costs.merge(evaluator.costs(job.config, interrupted));
  }
  const double costs_s = monotonic_s() - began;
  double probe_s = 0.0;
  std::string unhashable;
  if (file.identity.keys() && unlikely.empty() && broken_limit(file, costs, false).empty() &&
      !interrupted()) {
    const auto& [signature, why] = signer.sign(job.config);
    unhashable = why;
    if (!signature.functional.none()) {
      const identity::EquivalenceCache& cache = optimizer.cache();
      keys.functional = cache.resolve({signature.functional, signature.near, 0}, keys.structural);
      keys.near.push_back(signature.functional);
      keys.near.insert(keys.near.end(), signature.near.begin(), signature.near.end());
      std::erase(keys.near, keys.functional);
    }
    probe_s = signer.bill_s();
  }
  if (interrupted()) {
    optimizer.give_back(job, spent());
    return false;
  }
  return (keys.structural.none() && keys.functional.none() && costs.empty() && unhashable.empty()) ||
         optimizer.keys(job, keys, costs, probe_s, costs_s, unhashable);
}

}  // namespace

bool settle_without_running(const StudyFile& file, Optimizer& optimizer, task::Evaluator& evaluator,
                            Signer& signer, const Job& job, double began_s,
                            const std::function<bool()>& interrupted) {
  using What = identity::Verdict::What;
  const study::Trial& trial = optimizer.study().trial(job.trial);
  const auto spent = [&] { return monotonic_s() - began_s; };
  if (job.from != 0) return false;
  std::string unlikely;
  if (!tell_keys(file, optimizer, evaluator, signer, job, spent, interrupted, unlikely)) return true;
  const std::string broken = broken_limit(file, trial.costs, false);
  if (const std::string& violation = broken.empty() ? unlikely : broken; !violation.empty()) {
    optimizer.end(job, TrialState::infeasible, violation, spent(), {}, true, "limit");
    return true;
  }
  if (trial.keys.functional.none()) return false;
  optimizer.study().sync();
  const identity::Verdict verdict = optimizer.verdict(job);
  switch (verdict.what) {
    case What::reuse:
      optimizer.same(job, verdict.trial, spent());
      return true;
    case What::wait:
      optimizer.wait_behind(job, verdict.trial, spent());
      return true;
    case What::evaluate:
      break;
  }
  return verdict.trial >= 0 && !optimizer.join(job, verdict.trial);
}

}  // namespace hone::run
