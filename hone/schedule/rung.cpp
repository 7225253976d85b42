#include "hone/schedule/rung.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "hone/study/front.h"

namespace hone::schedule {

void Rung::report(std::int64_t trial, std::vector<double> values) {
  Entry& entry = entries_[trial];
  unrank(trial, entry);
  entry.values = std::move(values);
  rank(trial, entry);
  balance();
}

void Rung::remove(std::int64_t trial) {
  const auto found = entries_.find(trial);
  if (found == entries_.end()) return;
  unrank(trial, found->second);
  entries_.erase(found);
  balance();
}

void Rung::disqualify(std::int64_t trial) {
  const auto found = entries_.find(trial);
  if (found == entries_.end() || !found->second.ranked) return;
  unrank(trial, found->second);
  balance();
}

void Rung::set_ready(std::int64_t trial, bool ready) {
  const auto found = entries_.find(trial);
  if (found == entries_.end() || found->second.ready == ready) return;
  Entry& entry = found->second;
  entry.ready = ready;
  changed_ = all_changed_ = true;
  if (!entry.ranked || entry.values.size() > 1) return;
  const Order order{entry.values[0], trial};
  std::set<Order>& among = top_.contains(order) ? ready_ : ready_rest_;
  if (ready)
    among.insert(order);
  else
    among.erase(order);
}

bool Rung::within(std::int64_t trial) const {
  const auto found = entries_.find(trial);
  if (found == entries_.end() || !found->second.ranked) return false;
  const std::vector<double>& values = found->second.values;
  if (values.size() == 1) {
    const bool even = entries_.size() % static_cast<std::size_t>(eta_) == 0;
    if (!even && rest_.empty()) return true;
    return values[0] <= (even ? top_.rbegin()->first : rest_.begin()->first);
  }
  std::size_t left = (entries_.size() - 1) / static_cast<std::size_t>(eta_) + 1;
  for (const auto& level : levels_.levels()) {
    if (left == 0) return false;
    const auto here = std::find_if(level.begin(), level.end(), [&](const auto& m) { return m.id == trial; });
    if (here == level.end()) {
      left -= std::min(left, level.size());
      continue;
    }
    if (level.size() <= left) return true;
    std::vector<study::Levels::Member> members = level;
    std::sort(members.begin(), members.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    std::vector<std::vector<double>> points;
    for (const auto& member : members) points.push_back(member.values);
    const std::vector<double> distance = study::crowding_distance(points);
    const auto mine = static_cast<std::size_t>(
        std::find_if(members.begin(), members.end(), [&](const auto& m) { return m.id == trial; }) -
        members.begin());
    std::size_t before = 0;
    for (std::size_t i = 0; i < members.size(); ++i)
      before += distance[i] > distance[mine] || (distance[i] == distance[mine] && i < mine) ? 1 : 0;
    return before < left;
  }
  return false;
}

std::optional<std::int64_t> Rung::best() {
  if (!ready_.empty()) return ready_.begin()->second;
  if (changed_) best_ = best_of_levels(quota());
  changed_ = false;
  return best_;
}

std::optional<std::int64_t> Rung::best_of_all() {
  if (!ready_.empty()) return ready_.begin()->second;
  if (!ready_rest_.empty()) return ready_rest_.begin()->second;
  if (all_changed_) best_of_all_ = best_of_levels(entries_.size());
  all_changed_ = false;
  return best_of_all_;
}

void Rung::rank(std::int64_t trial, Entry& entry) {
  changed_ = all_changed_ = true;
  if (entry.values.empty() || std::any_of(entry.values.begin(), entry.values.end(),
                                          [](double value) { return !std::isfinite(value); }))
    return;
  entry.ranked = true;
  if (entry.values.size() > 1) {
    levels_.insert(trial, entry.values);
  } else {
    const Order order{entry.values[0], trial};
    rest_.insert(order);
    if (entry.ready) ready_rest_.insert(order);
  }
}

void Rung::unrank(std::int64_t trial, Entry& entry) {
  changed_ = all_changed_ = true;
  if (!entry.ranked) return;
  entry.ranked = false;
  if (entry.values.size() == 1) {
    const Order order{entry.values[0], trial};
    top_.erase(order);
    rest_.erase(order);
    ready_.erase(order);
    ready_rest_.erase(order);
    return;
  }
  levels_.remove(trial);  // rare: a failure after a result
}

/// Moves trials between the best and the rest until the best are the quota's best.
void Rung::balance() {
  const auto promote = [&](std::set<Order>::iterator order) {
    if (ready_rest_.erase(*order) > 0) ready_.insert(*order);
    top_.insert(rest_.extract(order));
  };
  const auto demote = [&](std::set<Order>::iterator order) {
    if (ready_.erase(*order) > 0) ready_rest_.insert(*order);
    rest_.insert(top_.extract(order));
  };
  while (top_.size() > quota()) demote(std::prev(top_.end()));
  while (top_.size() < quota() && !rest_.empty()) promote(rest_.begin());
  while (!top_.empty() && !rest_.empty() && *rest_.begin() < *top_.rbegin()) {
    demote(std::prev(top_.end()));
    promote(rest_.begin());
  }
}

std::optional<std::int64_t> Rung::best_of_levels(std::size_t among) const {
  std::size_t left = among;
  using Member = study::Levels::Member;
  const auto ready = [&](const Member& member) { return entries_.at(member.id).ready; };
  for (const auto& level : levels_.levels()) {
    if (left == 0) break;
    if (std::none_of(level.begin(), level.end(), ready)) {
      left -= std::min(left, level.size());
      continue;
    }
    // Ties go by trial id, whatever the order the level is in.
    std::vector<Member> members = level;
    std::sort(members.begin(), members.end(), [](const Member& a, const Member& b) { return a.id < b.id; });
    std::vector<std::vector<double>> values;
    for (const Member& member : members) values.push_back(member.values);
    const std::vector<double> distance = study::crowding_distance(values);
    std::vector<std::size_t> order(members.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return distance[a] > distance[b]; });
    const std::size_t taken = std::min(left, order.size());
    for (std::size_t i = 0; i < taken; ++i)
      if (ready(members[order[i]])) return members[order[i]].id;
    left -= taken;
  }
  return std::nullopt;
}

}  // namespace hone::schedule
