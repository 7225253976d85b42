#include "hone/task/task.h"

#include <algorithm>

#include <fmt/format.h>

namespace hone::task {
namespace {

constexpr std::size_t kMostNames = 20;
constexpr const char* kReported = "; it reported ";
constexpr const char* kUnread = " | ";

}  // namespace

std::optional<Key> probed_as(const Task& task, const space::Config& config, Key structural) {
  if (structural.none()) return std::nullopt;
  const auto seen = task.seen_by_probe(config), unseen = task.unseen_by_probe(config);
  if (!seen || !unseen) return std::nullopt;
  return KeyBuilder().key(structural).text(*seen).text(*unseen).build();
}

std::shared_ptr<const Task> make_task(const std::string& kind, const Options& options,
                                      const std::string& folder, const Place& place) {
  return methods().maker<MakeTask>("task", kind, place)(options, folder);
}

std::string missing_reason(const std::string& name, const study::Measures& reported, const Unread& unread) {
  std::vector<std::string> names;
  for (const auto& [known, value] : reported.entries()) names.push_back(known);
  // Of many the nearest must be among those that are told.
  if (const auto near = std::find(names.begin(), names.end(), nearest(name, names)); near != names.end())
    std::rotate(names.begin(), near, near + 1);
  std::string reason = fmt::format("it did not report {}", name);
  for (std::size_t i = 0; i < std::min(names.size(), kMostNames); ++i)
    reason += (i == 0 ? kReported : ", ") + names[i];
  if (names.size() > kMostNames) reason += ", ...";
  // What is said of this very measure before what is said of any.
  for (const std::string& which : {name, std::string()})
    for (const auto& [of, why] : unread)
      if (of == which) return reason + kUnread + why;
  return reason;
}

std::string unread_by(const std::string& reason) {
  const std::size_t at = reason.find(kUnread);
  if (at == std::string::npos || !reason.starts_with("it did not report ")) return {};
  return reason.substr(at + std::string(kUnread).size());
}

std::optional<std::vector<std::string>> reported_by(const std::string& reason, const std::string& name) {
  const std::string start = fmt::format("it did not report {}", name);
  if (!reason.starts_with(start)) return std::nullopt;
  const std::string rest = reason.substr(start.size(), reason.find(kUnread, start.size()) - start.size());
  if (!rest.empty() && !rest.starts_with(';')) return std::nullopt;
  std::vector<std::string> names;
  if (!rest.starts_with(kReported)) return names;
  for (std::size_t at = std::string(kReported).size(); at < rest.size();) {
    const std::size_t end = std::min(rest.find(", ", at), rest.size());
    if (const std::string one = rest.substr(at, end - at); one != "...") names.push_back(one);
    at = end + 2;
  }
  return names;
}

}  // namespace hone::task
