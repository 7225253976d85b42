// What an ask decides: which trial runs next, and to which fidelity.
#include <algorithm>
#include <initializer_list>
#include <limits>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/run/optimizer.h"

namespace hone::run {

namespace {

/// So many proposals of known configs in a row, and the space is asked instead of the searcher.
constexpr int kMaxRepeats = 32;

std::uint64_t derived_seed(const char* purpose, std::uint64_t seed, std::initializer_list<std::int64_t> of) {
  KeyBuilder builder;
  builder.text(purpose).integer(static_cast<std::int64_t>(seed));
  for (const std::int64_t number : of) builder.integer(number);
  return builder.build().low >> 1;
}

}  // namespace

std::uint64_t replicate_seed(std::uint64_t study_seed, std::int64_t of, std::int64_t k) {
  return derived_seed("replicate", study_seed, {of, k});
}

std::uint64_t evaluation_seed(std::uint64_t study_seed, std::int64_t trial) {
  return derived_seed("evaluation", study_seed, {trial});
}

void Optimizer::start(Plan& plan, std::int64_t trial, std::int64_t to) {
  const std::int64_t attempt = trial < study_.size() ? study_.trial(trial).attempts + 1 : 1;
  const study::Result* last = trial < study_.size() ? study_.trial(trial).last() : nullptr;
  plan.units += std::max<std::int64_t>(0, to - (last == nullptr ? 0 : last->fidelity));
  plan.records.push_back(study::StartRecord{trial, attempt, worker_, to});
  plan.starts.emplace_back(trial, to);
}

/// Resource units that the budget leaves for a further job of this plan; 0 where a bound on spending is
/// reached.
std::int64_t Optimizer::units_left(const Plan& plan) const {
  const study::Spending& spending = study_.spending();
  const std::int64_t under_way = spending.running() + plan.units;
  for (const auto& [measure, bound] : setup_.max_spend.entries())
    // Before any price is known one job is begun at a time, not a batch.
    if (spending.total(measure) + spending.expected(measure, under_way) >= bound ||
        (plan.units > 0 && spending.expected(measure, 1) <= 0.0))
      return 0;
  if (!setup_.max_steps) return std::numeric_limits<std::int64_t>::max();
  return std::max<std::int64_t>(0, *setup_.max_steps - spending.units() - under_way);
}

/// New trials that the budget still admits.
std::int64_t Optimizer::creatable() const {
  std::int64_t most = std::numeric_limits<std::int64_t>::max();
  if (setup_.max_trials) most = *setup_.max_trials - study_.size();
  if (setup_.max_proposals) most = std::min(most, *setup_.max_proposals - study_.proposals());
  return most;
}

void Optimizer::plan(std::int64_t most, Plan& plan) {
  // The front decides who is evaluated again, prices how many more there may be, reports who is stopped: by
  // what the last one came to, not by how many were asked for together, which goes by the clock.
  if (study_.header().replicates > 1 || !setup_.max_spend.entries().empty() || !scheduler_->watched().empty())
    most = 1;
  for (const std::int64_t id : study_.waiting()) {
    const study::Trial& trial = study_.trial(id);
    // One that may kill its worker must not take others along.
    const bool dangerous = trial.lost > 0 || trial.vanished > 0;
    if (dangerous && !plan.starts.empty()) break;
    // No target: proposed or enqueued, and never begun. A replicate goes to the end at once.
    const std::int64_t to = trial.target > 0 ? trial.target
                            : trial.of >= 0  ? scheduler_->horizon()
                                             : scheduler_->rungs().front();
    if (to - (trial.last() == nullptr ? 0 : trial.last()->fidelity) > units_left(plan)) continue;
    start(plan, id, to);
    if (dangerous || static_cast<std::int64_t>(plan.starts.size()) >= most) return;
  }
  if (!plan.starts.empty()) return;

  const std::int64_t left = units_left(plan);
  if (left <= 0) return;
  scheduler_->allow(left);
  const std::int64_t may = creatable();
  const std::int64_t give_up = setup_.identity.give_up;
  const bool nothing_new = exhausted_ || (give_up > 0 && study_.known_in_a_row() >= give_up);
  if (may > 0 && scheduler_->horizon() <= left && plan_replicate(plan)) return;
  auto next = scheduler_->next(may > 0 && !nothing_new);
  if (next && next->trial < 0) {
    std::int64_t n = searcher_->learns() ? 1 : std::min(most, scheduler_->alike());
    n = std::min(n, may);
    const std::int64_t may_propose = setup_.max_proposals ? *setup_.max_proposals - study_.proposals()
                                                          : std::numeric_limits<std::int64_t>::max();
    if (give_up > 0) n = std::min(n, give_up - study_.known_in_a_row());
    std::unordered_set<Key> taken;
    std::int64_t proposals = 0;  // with those that were known
    searcher_->aim_at(next->fidelity);
    for (std::int64_t i = 0; i < n && proposals < may_propose && next->fidelity <= units_left(plan); ++i) {
      const std::int64_t id = study_.size() + i;
      study::TrialRecord record;
      auto config = propose(id, taken, may_propose - proposals, record.repeats, record.origin);
      if (!config) {
        exhausted_ = exhausted_ || !(setup_.interrupted && setup_.interrupted());
        break;
      }
      proposals += record.repeats + 1;
      if (n > 1) taken.insert(config->key());
      record.trial = id;
      record.config = std::move(*config);
      record.seed = setup_.identity.own_seeds() ? evaluation_seed(setup_.seed, id) : setup_.seed;
      plan.records.push_back(std::move(record));
      start(plan, id, next->fidelity);
    }
    if (!plan.starts.empty()) return;
    next = scheduler_->next(false);
  }
  if (!next || next->trial < 0) return;
  const study::Result* last = study_.trial(next->trial).last();
  const std::int64_t from = last == nullptr ? 0 : last->fidelity;
  if (next->fidelity <= from)
    throw internal_error(fmt::format("scheduler '{}' sends trial {} from fidelity {} to {}", setup_.scheduler,
                                     next->trial, from, next->fidelity));
  if (next->fidelity - from <= left) start(plan, next->trial, next->fidelity);
}

/// A further evaluation of the config on the front that has the fewest: only there does the noise of a single
/// one decide anything. What proves to be worse than it looked leaves the front and gets no more.
bool Optimizer::plan_replicate(Plan& plan) {
  const std::int64_t wanted = study_.header().replicates;
  if (wanted <= 1) return false;
  const study::Trial* least = nullptr;
  std::int64_t fewest = wanted - 1;
  for (const auto& member : study_.front().members()) {
    // One that takes another's results has that one's evaluations too, and that one is evaluated further.
    const auto together = study_.evaluated_with(member.trial);
    const auto joined = study_.joined_with(member.trial);
    auto n = static_cast<std::int64_t>(joined.size());
    for (const auto& trials : {together, joined})
      for (const std::int64_t id : trials) n += static_cast<std::int64_t>(study_.replicates(id).size());
    const std::int64_t first = together.back();
    if (n > fewest || (n == fewest && (least == nullptr ? n >= wanted - 1 : first >= least->id))) continue;
    least = &study_.trial(first);
    fewest = n;
  }
  if (least == nullptr) return false;
  study::TrialRecord record;
  record.trial = study_.size();
  record.config = least->config;
  record.origin = "replicate";
  record.of = least->id;
  record.replicate = static_cast<std::int64_t>(study_.replicates(least->id).size()) + 1;
  record.seed = replicate_seed(setup_.seed, record.of, record.replicate);
  plan.records.push_back(std::move(record));
  start(plan, study_.size(), scheduler_->horizon());
  return true;
}

/// The next new config; nullopt: there is none, or none in `most` proposals. repeats: how many were known.
std::optional<space::Config> Optimizer::propose(std::int64_t number, const std::unordered_set<Key>& taken,
                                                std::int64_t most, std::int64_t& repeats,
                                                std::string& origin) {
  const auto known_key = [&](const Key& key) { return study_.find(key) != nullptr || taken.contains(key); };
  const auto known = [&](const space::Config& config) { return known_key(config.key()); };
  if (number == 0 && setup_.try_default) {
    auto config = setup_.space.default_config();
    if (config && setup_.space.feasible(*config)) {
      origin = "default";
      return config;
    }
  }
  while (first_known_ < first_keys_.size() && study_.find(first_keys_[first_known_]) != nullptr)
    ++first_known_;
  for (std::size_t i = first_known_; i < first_keys_.size(); ++i) {
    if (known_key(first_keys_[i])) continue;
    origin = "try";
    return setup_.first[i];
  }
  origin = setup_.searcher;
  for (int attempt = 0; attempt < kMaxRepeats && repeats < most; ++attempt) {
    if (setup_.interrupted && setup_.interrupted()) return std::nullopt;
    std::optional<space::Config> config;
    try {
      config = searcher_->ask(number, attempt);
    } catch (const Error& error) {
      // A constraint that admits next to nothing: what the study has already is not lost for it.
      if (error.fault() != Fault::input || study_.size() == 0) throw;
      return std::nullopt;
    }
    if (!config) return std::nullopt;
    if (!known(*config)) return config;
    ++repeats;
  }
  if (repeats >= most) return std::nullopt;
  Rng rng(setup_.seed, "unseen", static_cast<std::uint64_t>(number));
  // Few are left, and chance does not find them: the space itself knows which.
  if (setup_.space.is_enumerable()) return setup_.space.unseen(rng, known);
  // A searcher may know no way out of a corner; that it has nothing new does not say that there is nothing.
  try {
    for (int draw = 0; draw < kMaxRepeats; ++draw) {
      space::Config config = setup_.space.sample(rng);
      if (!known(config)) return config;
    }
  } catch (const Error& error) {
    if (error.fault() != Fault::input) throw;
  }
  return std::nullopt;
}

}  // namespace hone::run
