#include "random_journal.h"

#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace hone::test {

using study::Record;
using study::TrialState;

namespace {

constexpr std::int64_t kRungs[] = {1, 3, 9};

study::StudyRecord header() {
  study::StudyRecord record;
  record.name = "random";
  record.objectives = {{"loss", true}, {"speed", false}};
  record.horizon = 9;
  record.unshared = {"speed"};
  record.limits = {{"bytes", 90.0, {}}};
  return record;
}

}  // namespace

RandomJournal::RandomJournal(std::shared_ptr<study::Store> store, std::uint64_t seed)
    : random_(seed), store_(std::move(store)) {
  study::Study::create(*store_, header());
  study_ = std::make_unique<study::Study>(store_);
  study_->sync();
}

std::int64_t RandomJournal::pick(TrialState state) {
  std::vector<std::int64_t> ids;
  for (const auto& trial : study_->trials())
    if (trial.state == state) ids.push_back(trial.id);
  return ids.empty() ? -1 : ids[below(ids.size())];
}

double RandomJournal::value() {
  switch (below(40)) {
    case 0:
      return std::numeric_limits<double>::quiet_NaN();
    case 1:
      return std::numeric_limits<double>::infinity();
    case 2:
      return -0.0;
    default:
      return std::round(std::uniform_real_distribution<double>(0, 100)(random_)) / 4;
  }
}

study::Measures RandomJournal::measures() {
  study::Measures measures{{"loss", value()}};
  if (!chance(0.05)) measures.set("speed", value());
  if (chance(0.3)) measures.set("bytes", 4 * value());
  return measures;
}

std::vector<study::Limit> RandomJournal::limits() {
  std::vector<study::Limit> limits;
  if (chance(0.7)) limits.push_back({"bytes", std::uniform_real_distribution<double>(20, 100)(random_), {}});
  if (chance(0.3)) limits.push_back({"speed", {}, std::uniform_real_distribution<double>(0, 8)(random_)});
  return limits;
}

void RandomJournal::commit(std::vector<Record> records) { study_->commit(records); }

void RandomJournal::propose() {
  study::TrialRecord record;
  record.trial = study_->size();
  record.config = space::Config({{"x", std::uniform_real_distribution<double>(0, 1)(random_)},
                                 {"n", static_cast<std::int64_t>(below(4))},
                                 {"name", std::string(chance(0.1) ? "odd \"näme\"\n" : "plain")}});
  record.origin = "random";
  record.seed = random_();
  record.repeats = chance(0.2) ? 3 : 0;
  if (study_->size() > 0 && chance(0.15)) {
    record.of = static_cast<std::int64_t>(below(static_cast<std::size_t>(study_->size())));
    if (study_->trial(record.of).of >= 0) record.of = study_->trial(record.of).of;
    record.replicate = static_cast<std::int64_t>(study_->replicates(record.of).size()) + 1;
    record.config = study_->trial(record.of).config;
  }
  std::vector<Record> records{record};
  if (chance(0.8)) records.push_back(study::StartRecord{record.trial, 1, "w0.1", kRungs[below(3)]});
  commit(std::move(records));
}

void RandomJournal::finish(std::int64_t id) {
  const study::Trial& trial = study_->trial(id);
  study::EndRecord end;
  end.trial = id;
  end.attempt = trial.attempts;
  end.spent_s = chance(0.5) ? 0.25 : 0.0;
  if (chance(0.3)) end.curve = {{1.0, 5.0}, {2.0, value()}};
  if (chance(0.3)) end.took = {{"bytes", std::abs(value())}, {"seconds", 0.5}};
  const study::ResultRecord result{id, trial.attempts, {trial.target, measures()}};
  switch (below(10)) {
    case 0:
      end.state = TrialState::failed;
      end.reason = "it broke";
      end.cause = chance(0.5) ? "nan" : "exit";
      return commit({end});
    case 1:
      end.state = chance(0.5) ? TrialState::waiting : TrialState::stale;
      end.vanished = true;
      return commit({end});
    case 2:
      end.state = TrialState::waiting;
      end.lost = chance(0.5);
      end.reason = "worker w0.1 was lost";
      return commit({end});
    case 3: {  // the same as another, or waiting for it
      const auto other = static_cast<std::int64_t>(below(static_cast<std::size_t>(study_->size())));
      if (other == id) return;
      const study::Trial& twin = study_->trial(other);
      if (twin.state == TrialState::running) {
        end.state = TrialState::waiting;
        end.behind = other;
      } else if (!twin.results.empty() && twin.same_as != id) {
        end.state = TrialState::completed;
        end.same_as = other;
      } else {
        return;
      }
      return commit({end});
    }
    case 4:
      end.state = TrialState::infeasible;
      end.reason = "bytes is too much";
      end.cause = chance(0.3) ? "" : "limit";
      if (chance(0.5)) {
        end.untrained = chance(0.5);
        return commit({end});
      }
      return commit({result, end});
    case 5:
      end.state = TrialState::pruned;
      if (chance(0.5)) return commit({end});
      return commit({result, end});
    case 6:
      return commit({result});
    default:
      end.state = trial.target >= 9 ? TrialState::completed : TrialState::paused;
      return commit({result, end});
  }
}

void RandomJournal::step() {
  const std::size_t what = below(100);
  if (what < 25) {
    propose();
  } else if (what < 35) {
    if (study_->waiting().empty()) return;
    const auto id = study_->waiting()[below(study_->waiting().size())];
    const auto& trial = study_->trial(id);
    commit({study::StartRecord{id, trial.attempts + 1, "w1.2", std::max(trial.target, kRungs[below(3)])}});
  } else if (what < 45) {
    const auto id = pick(TrialState::paused);
    if (id >= 0)
      commit({study::StartRecord{id, study_->trial(id).attempts + 1, "w2.3",
                                 std::min<std::int64_t>(9, 3 * study_->trial(id).target)}});
  } else if (what < 50) {
    const auto id = pick(TrialState::running);
    if (id < 0) return;
    study::KeysRecord keys{id, {Key{1, below(20)}, Key{2, below(10)}}, {}};
    if (chance(0.7)) keys.costs = {{"bytes", 4 * value()}};
    if (chance(0.3)) keys.keys.near = {Key{3, below(10)}, Key{4, 4}};
    if (chance(0.5)) keys.probe_s = 0.125;
    if (chance(0.3)) keys.costs_s = 0.0625;
    if (const auto other = static_cast<std::int64_t>(below(static_cast<std::size_t>(study_->size())));
        other != id && study_->trial(other).of < 0 && study_->trial(id).of < 0 && chance(0.4))
      keys.joins = other;
    commit({keys});
  } else if (what < 86) {
    const auto id = pick(TrialState::running);
    if (id >= 0) finish(id);
  } else if (what < 88) {
    const auto id = pick(chance(0.5) ? TrialState::failed : TrialState::completed);
    if (id >= 0) commit({study::RetryRecord{id}});
  } else if (what < 89) {
    const auto id = pick(chance(0.5) ? TrialState::waiting : TrialState::completed);
    if (id >= 0) commit({study::DeleteRecord{id}});
  } else if (what < 91) {
    const auto aggregate = static_cast<study::Aggregate>(below(3));
    study::RevisedRecord revised{"s.toml", "text", limits(), 2, aggregate, {"limits"}};
    if (chance(0.3)) revised.limits = study_->header().limits;
    if (chance(0.2)) revised.horizon = study_->header().horizon == 9 ? 3 : 9;
    commit({revised});
  } else if (what < 94) {
    const std::string mark = chance(0.3) ? "" : std::to_string(below(4));
    if (study_->session_open() && chance(0.7))
      commit({study::EndedRecord{"done", mark}});
    else
      commit({study::SessionRecord{2, "30 trials", "boot-1", mark}});
  } else if (what < 97) {
    if (study_->size() > 0) commit({study::LateRecord{0, 1, Json{{"kind", "result"}}}});
  } else {
    study::Store::Commit odd;
    odd.events = {{0, "of the future", 1, 0, "[1, 2", chance(0.5) ? 0 : -1}, {0, "trial", 99, 0, "{}", 0}};
    store_->commit(odd);
    study_->sync();
  }
}

std::string everything(const study::Study& study) {
  Json all;
  const auto real = [](double value) { return real_to_json(value); };
  const auto measures = [](const study::Measures& m) { return m.json(); };
  for (std::size_t state = 0; state < study::kTrialStates; ++state)
    all["counts"].push_back(study.count(static_cast<TrialState>(state)));
  all["size"] = study.size();
  all["revision"] = study.revision();
  all["header"] = study::encode(Record(study.header())).payload;
  all["waiting"] = study.waiting();
  for (const auto& member : study.front().members()) {
    all["front"].push_back(member.trial);
    for (const double v : member.values) all["front"].push_back(real(v));
  }
  for (const double v : study.reference()) all["reference"].push_back(real(v));
  const auto& saved = study.saved();
  all["saved"] = {saved.repeated_config, saved.same_structure, saved.same_function,
                  saved.over_limit,      saved.fidelity,       saved.probes};
  all["saved_s"] = {saved.probe_s, saved.evaluation_s};
  all["spending"] = study.spending().json();
  all["known_in_a_row"] = study.known_in_a_row();
  all["causes"] = study.causes();
  all["late"] = study.late();
  all["unknown"] = study.unknown();
  const double last = study.last_time_s();
  all["times"] = {study.elapsed_s(last + 5), study.first_time_s(), last};
  all["sessions"] = {study.sessions(), study.session_open()};
  all["boot"] = study.boot();
  all["last_end"] = study.last_end();
  for (std::int64_t id = 0; id < study.size(); ++id) {
    const study::Trial& t = study.trial(id);
    Json one{{"id", t.id},
             {"config", t.config.json()},
             {"key", t.key.hex()},
             {"origin", t.origin},
             {"seed", t.seed},
             {"state", study::state_name(t.state)},
             {"reason", t.reason},
             {"cause", t.cause},
             {"target", t.target},
             {"costs", measures(t.costs)},
             {"structural", t.keys.structural.hex()},
             {"functional", t.keys.functional.hex()},
             {"of", t.of},
             {"replicate", t.replicate},
             {"behind", t.behind},
             {"same_as", t.same_as},
             {"attempts", t.attempts},
             {"lost", t.lost},
             {"vanished", t.vanished},
             {"worker", t.worker},
             {"times", {t.created_s, t.finished_s, t.spent_s}}};
    for (const auto& [x, y] : t.curve) one["curve"].push_back({real(x), real(y)});
    for (const auto& result : t.results)
      one["results"].push_back({result.fidelity, measures(result.measures)});
    one["followers"] = study.followers(id);
    one["replicates"] = study.replicates(id);
    one["joins"] = t.joins;
    one["joined_with"] = study.joined_with(id);
    for (const Key& key : t.keys.near) one["near"].push_back(key.hex());
    one["keys_s"] = {t.probe_s, t.costs_s};
    for (const auto& result : t.results)
      one["outcomes"].push_back(measures(study.outcome(id, result.fidelity)));
    one["outcome"] = measures(study.outcome(id));
    const auto spread = study.spread(id);
    one["spread"] = {spread.n, measures(spread.deviation)};
    all["trials"].push_back(std::move(one));
  }
  return all.dump(1, ' ', false, Json::error_handler_t::replace);
}

std::vector<std::string> journal_lines(study::Store& store) {
  std::vector<std::string> lines;
  store.read(0, [&](const study::Event& event) {
    lines.push_back(fmt::format("{} {} {} {}", event.kind, event.version, event.payload, event.trial));
  });
  return lines;
}

}  // namespace hone::test
