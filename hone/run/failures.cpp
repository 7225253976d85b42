#include "hone/run/failures.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <tuple>

#include <fmt/format.h>

namespace hone::run {

using study::Trial;
using study::TrialState;

std::string kind_of_reason(const std::string& reason) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto in_name = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  std::string kind;
  for (std::size_t i = 0; i < reason.size(); ++i) {
    if (!digit(reason[i])) {
      kind.push_back(reason[i]);
      continue;
    }
    const auto at = [&](std::size_t k) { return k < reason.size() ? reason[k] : '\0'; };
    std::size_t end = i;  // of the number: 3.5, 2e-7, 0x7ffd
    while (digit(at(end)) || (at(end) == '.' && digit(at(end + 1)))) ++end;
    if (const std::size_t sign = at(end + 1) == '-' || at(end + 1) == '+' ? 1 : 0;
        (at(end) == 'e' || at(end) == 'E') && digit(at(end + 1 + sign)))
      for (end += 1 + sign; digit(at(end));) ++end;
    if (at(i) == '0' && at(i + 1) == 'x')
      for (end = i + 2; std::isxdigit(static_cast<unsigned char>(at(end))) != 0;) ++end;
    const bool named = i > 0 && in_name(reason[i - 1]);
    if (named || kind.ends_with("exit status ") || kind.ends_with("signal "))
      kind += reason.substr(i, end - i);
    else
      kind.push_back('#');
    i = end - 1;
  }
  return kind;
}

Json recent_failures(const study::Study& study, std::int64_t from) {
  struct Group {
    std::int64_t count = 0;
    std::int64_t trial = 0;
    std::string reason;
  };
  std::map<std::tuple<TrialState, std::string, std::string>, Group> groups;
  if (study.count(TrialState::failed) + study.count(TrialState::infeasible) + study.count(TrialState::stale) >
      0)
    for (std::int64_t id = from; id < study.size(); ++id) {
      const Trial& trial = study.trial(id);
      if (trial.state != TrialState::failed && trial.state != TrialState::infeasible &&
          trial.state != TrialState::stale)
        continue;
      Group& group = groups[{trial.state, trial.cause, kind_of_reason(trial.reason)}];
      ++group.count;
      group.trial = id;
      group.reason = trial.reason;
    }
  Json list = Json::array();
  for (const auto& [what, group] : groups)
    list.push_back({{"state", state_name(std::get<0>(what))},
                    {"cause", std::get<1>(what)},
                    {"reason", group.reason},
                    {"count", group.count},
                    {"trial", group.trial}});
  std::stable_sort(list.begin(), list.end(), [](const Json& a, const Json& b) {
    return a["count"].get<std::int64_t>() > b["count"].get<std::int64_t>();
  });
  return list;
}

std::string failures_text(const Json& status, std::int64_t trials) {
  if (status["failures"].empty()) return {};
  const auto looked = status["looked_back"].get<std::int64_t>();
  std::string text = looked < trials ? fmt::format("  did not work out, among the last {} trials:", looked)
                                     : "  did not work out:";
  for (const auto& failure : status["failures"]) {
    std::string what = failure["state"].get<std::string>();
    if (const auto cause = failure["cause"].get<std::string>(); !cause.empty()) what += ", " + cause;
    text += fmt::format("\n    {:>4}  {}: {} (trial {})", failure["count"].get<std::int64_t>(), what,
                        failure["reason"].get<std::string>(), failure["trial"].get<std::int64_t>());
  }
  return text;
}

}  // namespace hone::run
