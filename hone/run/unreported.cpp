#include "hone/run/unreported.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hone/run/summary.h"

namespace hone::run {
namespace {

using Role = Unreported::Role;

/// Where the study file names it.
Place place_of(const StudyFile& file, const std::string& name, Role role) {
  const Node root = Node::parse_toml(file.text, file.path);
  if (role == Role::limit) return root["limits"][name].place();
  if (role == Role::cost) return root["search"]["cost"].place();
  if (role == Role::spend) return root["budget"]["spend"][name].place();
  const Node study = root["study"];
  for (const char* key : {"minimize", "maximize"})
    if (const Node list = study[key]) {
      const auto names = list.texts();
      if (std::find(names.begin(), names.end(), name) != names.end()) return list.place();
    }
  return study.place();
}

}  // namespace

const char* role_name(Role role) {
  switch (role) {
    case Role::objective:
      return "objective";
    case Role::limit:
      return "limit";
    case Role::cost:
      return "cost";
    case Role::spend:
      break;
  }
  return "spend";
}

Error Unreported::error() const {
  std::string what =
      fmt::format("no trial reports '{}'{}", name, unread.empty() ? "" : " so that it can be read");
  if (role == Role::objective)
    what += fmt::format(", and without it {} failed",
                        trials == 1 ? "the one that ended has" : fmt::format("all {} have", trials));
  else
    what += fmt::format("{} ({} ended without it)",
                        role == Role::limit  ? ", so it limits nothing"
                        : role == Role::cost ? ", so what they cost is not known"
                                             : ", so none of it is spent",
                        trials == 1 ? "one has" : fmt::format("{} have", trials));
  if (!reported.empty()) what += fmt::format("; what they report: {}", fmt::join(reported, ", "));
  if (!unread.empty())
    return Error(fmt::format("{}; the first: {}", what, unread), place,
                 "mend how the program reports it, then retry the failed trials: hone trial retry");
  const std::string near = nearest(name, reported);
  std::string hint = near.empty() ? "" : fmt::format("did you mean '{}'? ", near);
  hint +=
      role == Role::objective
          ? "let the program report it, or correct the name and give the study another name: with another "
            "objective it is another study"
      : role == Role::limit
          ? "correct the name, or let the program report it, and search again: the trials that "
            "are there are judged by the corrected limit"
          : "correct the name, or let the program report it, and search again";
  return Error(what, place, hint);
}

std::vector<Unreported> unreported(const study::Study& study, const StudyFile& file, std::int64_t least) {
  std::vector<Unreported> open;
  for (const auto& objective : file.objectives) open.push_back({objective.name, Role::objective});
  for (const auto& limit : file.limits) open.push_back({limit.name, Role::limit});
  if (!file.cost.empty() && file.cost != file.task->cost_measure()) open.push_back({file.cost, Role::cost});
  for (const auto& [name, bound] : file.budget.spend.entries()) open.push_back({name, Role::spend});
  std::vector<std::string> reported;
  const auto seen = [&](const study::Measures& measures) {
    for (const auto& [name, value] : measures.entries()) {
      if (std::find(reported.begin(), reported.end(), name) == reported.end()) reported.push_back(name);
      std::erase_if(open, [&](const Unreported& one) { return one.name == name; });
    }
  };
  const std::int64_t horizon = study.header().horizon;
  for (std::int64_t id = 0; id < std::min(study.size(), kLookedBack) && !open.empty(); ++id) {
    const study::Trial& trial = study.trial(id);
    seen(trial.costs);
    for (const auto& result : trial.results) seen(result.measures);
    const bool ended = trial.at(horizon) != nullptr;
    const bool lacks = trial.state == study::TrialState::failed && trial.cause == "missing";
    for (auto& one : open) {
      if (one.role != Role::objective) {
        one.trials += ended || lacks ? 1 : 0;
      } else if (const auto names = lacks ? task::reported_by(trial.reason, one.name) : std::nullopt) {
        if (one.trials++ == 0) one.unread = task::unread_by(trial.reason);
        for (const auto& name : *names)
          if (std::find(reported.begin(), reported.end(), name) == reported.end()) reported.push_back(name);
      }
    }
  }
  std::erase_if(open, [&](const Unreported& one) {
    return one.trials < least || std::find(reported.begin(), reported.end(), one.name) != reported.end();
  });
  // The program's own names before those that hone measures.
  const auto infos = file.task->measures();
  std::stable_partition(reported.begin(), reported.end(), [&](const std::string& name) {
    return std::none_of(infos.begin(), infos.end(), [&](const auto& info) { return info.name == name; });
  });
  for (auto& one : open) {
    one.reported = reported;
    one.place = place_of(file, one.name, one.role);
  }
  return open;
}

}  // namespace hone::run
