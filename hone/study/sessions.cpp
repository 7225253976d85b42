#include "hone/study/sessions.h"

#include <algorithm>

namespace hone::study {

/// Keeps the list disjoint and ascending.
void Sessions::cover(std::vector<Interval>& covered, Interval interval) {
  interval.second = std::max(interval.first, interval.second);
  const auto first = std::partition_point(covered.begin(), covered.end(),
                                          [&](const Interval& one) { return one.second < interval.first; });
  auto last = first;
  for (; last != covered.end() && last->first <= interval.second; ++last) {
    interval.first = std::min(interval.first, last->first);
    interval.second = std::max(interval.second, last->second);
  }
  covered.insert(covered.erase(first, last), interval);
}

void Sessions::begin(const std::string& mark, const std::string& boot, double time_s, double last_s) {
  if (live_) open_.back().seen_s = std::max(open_.back().seen_s, last_s);
  // What has no mark is never heard of again; nor is what had this one, which the system gave anew.
  std::erase_if(open_, [&](const Open& one) {
    const bool over = one.mark.empty() || one.mark == mark;
    if (over) cover(covered_, {one.began_s, one.seen_s});
    return over;
  });
  open_.push_back({mark, time_s, time_s});
  live_ = true;
  ++count_;
  boot_ = boot;
  last_end_.clear();
}

void Sessions::end(const std::string& mark, const std::string& why, double time_s) {
  const auto found = std::find_if(open_.rbegin(), open_.rend(),
                                  [&](const Open& one) { return mark.empty() || one.mark == mark; });
  if (found == open_.rend() || (mark.empty() && !live_)) {
    last_end_ = live_ ? "" : why;
    return;
  }
  const bool last = found == open_.rbegin();
  cover(covered_, {found->began_s, time_s});
  open_.erase(std::prev(found.base()));
  if (last) live_ = false;
  if (!live_) last_end_ = why;
}

void Sessions::sign_of_life(const std::string& worker, double time_s) {
  if (open_.empty() || (live_ && open_.size() == 1)) return;
  const std::size_t dot = worker.rfind('.');
  if (dot == std::string::npos) return;
  const auto found = std::find_if(open_.begin(), open_.end(), [&](const Open& one) {
    return !one.mark.empty() && worker.compare(dot + 1, std::string::npos, one.mark) == 0;
  });
  if (found == open_.end()) return;
  found->seen_s = time_s;
  if (live_) return;
  std::rotate(found, std::next(found), open_.end());
  live_ = true;
  last_end_.clear();
}

double Sessions::elapsed_s(double now) const {
  std::vector<Interval> covered = covered_;
  for (const Open& one : open_)
    cover(covered, {one.began_s, live_ && &one == &open_.back() ? std::max(now, one.seen_s) : one.seen_s});
  double sum = 0.0;
  for (const auto& [from, to] : covered) sum += to - from;
  return sum;
}

Json Sessions::json() const {
  Json open = Json::array();
  for (const Open& one : open_) open.push_back({one.mark, one.began_s, one.seen_s});
  return {{"covered", covered_}, {"open", open},          {"live", live_},
          {"count", count_},     {"last_end", last_end_}, {"boot", boot_}};
}

Sessions Sessions::from_json(const Json& json) {
  Sessions sessions;
  sessions.covered_ = json.at("covered").get<std::vector<Interval>>();
  for (const Json& one : json.at("open")) sessions.open_.push_back({one.at(0), one.at(1), one.at(2)});
  sessions.live_ = json.at("live").get<bool>() && !sessions.open_.empty();
  sessions.count_ = json.at("count");
  sessions.last_end_ = json.at("last_end");
  sessions.boot_ = json.at("boot");
  return sessions;
}

}  // namespace hone::study
