#include "hone/run/trial_edits.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <set>
#include <thread>
#include <unordered_map>

#include <fmt/format.h>

#include "hone/base/clock.h"
#include "hone/base/error.h"
#include "hone/run/optimizer.h"
#include "hone/run/worker.h"

namespace hone::run {

using space::Config;
using study::TrialState;

namespace {

constexpr double kTurn_s = 30.0;
/// A proposal may take long, and many may stand in line.
constexpr double kPatience_s = 120.0;
constexpr int kTries = 5;

/// Takes the turn to change the study, brings it up to date, and writes what `plan` says. Nothing is written
/// where that is nothing.
void in_turn(study::Study& study, const std::function<std::vector<study::Record>()>& plan) {
  study.sync();  // most of the reading is done before others wait for this
  study::Store& store = study.store();
  const double until = monotonic_s() + kPatience_s;
  for (int lost = 0; lost < kTries;) {
    const auto lease = store.acquire("ask", process_name("user"), kTurn_s);
    if (!lease) {
      for (const auto& held : store.leases("ask"))
        if (orphaned(held.holder)) store.release(held.lease);
      if (monotonic_s() > until)
        throw environment_error("another process has been proposing trials for two minutes",
                                "try again, or stop the search first");
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      continue;
    }
    try {
      study.sync();
      const std::vector<study::Record> records = plan();
      if (records.empty()) {
        store.release(*lease);
        return;
      }
      study::Store::Commit leases;
      leases.need = {*lease};
      leases.release = {*lease};
      if (study.commit(records, std::move(leases))) return;
      ++lost;
    } catch (...) {
      store.release(*lease);
      throw;
    }
  }
  throw environment_error("the turn to change the study was lost, again and again", "try again");
}

}  // namespace

std::vector<std::int64_t> enqueue(study::Study& study, const std::vector<Config>& configs, bool replicate,
                                  bool own_seeds) {
  std::vector<std::int64_t> ids;
  in_turn(study, [&] {
    ids.clear();
    std::vector<study::Record> records;
    std::unordered_map<Key, std::int64_t> fresh;
    std::unordered_map<std::int64_t, std::int64_t> further;  // replicates proposed here, by what they repeat
    for (const Config& config : configs) {
      study::TrialRecord record;
      record.trial = study.size() + static_cast<std::int64_t>(ids.size());
      record.config = config;
      record.origin = "user";
      record.seed = own_seeds ? evaluation_seed(study.header().seed, record.trial) : study.header().seed;
      const Key key = config.key();
      std::int64_t known = -1;
      if (const study::Trial* trial = study.find(key)) known = trial->id;
      if (const auto found = fresh.find(key); found != fresh.end()) known = found->second;
      if (known >= 0 && !replicate)
        throw Error(known < study.size() ? fmt::format("{} is trial {}, which is {}", config.shown(), known,
                                                       state_name(study.trial(known).state))
                                         : fmt::format("{} is given twice", config.shown()),
                    {}, "give --replicate to evaluate it again, with another seed");
      if (known >= 0) {
        record.of = known;
        record.replicate = ++further[known];
        if (known < study.size())
          record.replicate += static_cast<std::int64_t>(study.replicates(known).size());
        record.seed = replicate_seed(study.header().seed, record.of, record.replicate);
      } else {
        fresh.emplace(key, record.trial);
      }
      ids.push_back(record.trial);
      records.push_back(std::move(record));
    }
    return records;
  });
  return ids;
}

Edited retry(study::Study& study, const std::vector<std::int64_t>& ids) {
  Edited edited;
  in_turn(study, [&] {
    edited = {};
    std::vector<study::Record> records;
    for (const std::int64_t id : std::set<std::int64_t>(ids.begin(), ids.end())) {
      const study::Trial& trial = study.trial(id);
      std::string why;
      switch (trial.state) {
        case TrialState::failed:
        case TrialState::stale:
        case TrialState::pruned:
          if (trial.same_as >= 0)
            why = fmt::format("computes what trial {} does, and ended as that one did: retry that one",
                              trial.same_as);
          break;
        case TrialState::infeasible:
          if (trial.cause == "limit")
            why = fmt::format(
                "is infeasible by what was measured: {}; loosen [limits], and hone search "
                "judges it again",
                trial.reason);
          break;
        case TrialState::waiting:
          why = "waits already";
          break;
        case TrialState::running:
          why = fmt::format("is running, on worker {}", trial.worker);
          break;
        case TrialState::paused:
          why = "is paused: the scheduler takes it up again where it is worth it";
          break;
        case TrialState::completed:
          why = fmt::format(
              "is completed, and a result stands; hone trial enqueue --like {} --replicate evaluates it "
              "again",
              id);
          break;
        case TrialState::deleted:
          why = "was deleted; hone trial enqueue proposes its config again";
          break;
      }
      if (!why.empty()) {
        edited.refused.emplace_back(id, why);
        continue;
      }
      records.emplace_back(study::RetryRecord{id});
      edited.done.push_back(id);
    }
    return records;
  });
  return edited;
}

Edited remove(study::Study& study, const std::vector<std::int64_t>& ids) {
  Edited edited;
  in_turn(study, [&] {
    edited = {};
    std::vector<study::Record> records;
    for (const std::int64_t id : std::set<std::int64_t>(ids.begin(), ids.end())) {
      const study::Trial& trial = study.trial(id);
      if (trial.state == TrialState::running)
        edited.refused.emplace_back(
            id, fmt::format("is running, on worker {}; stop the search first, or wait for its end",
                            trial.worker));
      else if (trial.state == TrialState::deleted)
        edited.refused.emplace_back(id, "was deleted already");
      else {
        records.emplace_back(study::DeleteRecord{id});
        edited.done.push_back(id);
      }
    }
    return records;
  });
  const study::Store& store = study.store();
  if (folder_of(store).empty()) return edited;
  for (const std::int64_t id : edited.done) {
    std::error_code code;  // what cannot be removed does no harm
    std::filesystem::remove_all(trial_folder(store, id), code);
    const auto& followers = study.followers(id);
    const bool needed = std::any_of(followers.begin(), followers.end(), [&](std::int64_t follower) {
      return study.trial(follower).state != TrialState::deleted;
    });
    if (!needed) std::filesystem::remove(checkpoint_path(store, id), code);
  }
  return edited;
}

}  // namespace hone::run
