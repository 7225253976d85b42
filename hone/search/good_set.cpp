#include "hone/search/good_set.h"

#include <algorithm>
#include <cmath>

#include "hone/study/front.h"

namespace hone::search {
namespace {

/// A dominated member, and one whose gain is next to nothing, still tells where good ones are.
constexpr double kLeastWeight = 0.1;

}  // namespace

void GoodSet::report(std::int64_t id, std::vector<double> values) {
  remove(id);
  changed_ = true;
  if (values.size() == 1)
    order_.emplace(values[0], id);
  else
    levels_.insert(id, values);
  values_.emplace(id, std::move(values));
}

void GoodSet::report_broken(std::int64_t id, double excess) {
  remove(id);
  changed_ = true;
  broken_.emplace(excess, id);
  excess_.emplace(id, excess);
}

void GoodSet::remove(std::int64_t id) {
  if (const auto broken = excess_.find(id); broken != excess_.end()) {
    changed_ = true;
    broken_.erase({broken->second, id});
    excess_.erase(broken);
  }
  const auto found = values_.find(id);
  if (found == values_.end()) return;
  changed_ = true;
  considered_.clear();
  if (found->second.size() == 1)
    order_.erase({found->second[0], id});
  else
    levels_.remove(id);
  values_.erase(found);
}

const std::vector<GoodSet::Member>& GoodSet::members() {
  if (!changed_) return members_;
  changed_ = false;
  const auto wanted = static_cast<std::size_t>(std::ceil(gamma_ * static_cast<double>(size())));
  const std::size_t count = std::min({wanted, kMost, size()}), kept = std::min(count, values_.size());
  if (!order_.empty())
    choose_by_value(kept);
  else
    choose_by_rank(kept);
  members_ = kept_;
  for (auto at = broken_.begin(); members_.size() < count; ++at) members_.push_back({at->second, 1.0});
  std::sort(members_.begin(), members_.end(), [](const Member& a, const Member& b) { return a.id < b.id; });
  return members_;
}

void GoodSet::choose_by_value(std::size_t count) {
  kept_.clear();
  for (auto at = order_.begin(); kept_.size() < count; ++at) kept_.push_back({at->second, 1.0});
}

void GoodSet::choose_by_rank(std::size_t count) {
  using Ranked = study::Levels::Member;
  std::vector<Ranked> chosen, last;
  for (const auto& level : levels_.levels()) {
    last.clear();
    if (chosen.size() == count) break;
    if (chosen.size() + level.size() > count) {
      last = level;
      break;
    }
    chosen.insert(chosen.end(), level.begin(), level.end());
  }
  const auto by_id = [](const Ranked& a, const Ranked& b) { return a.id < b.id; };
  std::sort(last.begin(), last.end(), by_id);

  std::vector<std::int64_t> considered;
  for (const auto* part : {&chosen, &last})
    for (const Ranked& member : *part) considered.push_back(member.id);
  std::sort(considered.begin(), considered.end());
  if (considered == considered_ && kept_.size() == count) return;
  considered_ = std::move(considered);

  std::vector<std::vector<double>> values;
  if (!last.empty()) {
    for (const Ranked& member : last) values.push_back(member.values);
    for (const std::size_t i :
         study::hypervolume_subset(values, study::reference_point(values), count - chosen.size()))
      chosen.push_back(last[i]);
  }
  std::sort(chosen.begin(), chosen.end(), by_id);
  values.clear();
  for (const Ranked& member : chosen) values.push_back(member.values);
  auto weights = study::hypervolume_contributions(values, study::reference_point(values));
  const double largest = weights.empty() ? 0.0 : *std::max_element(weights.begin(), weights.end());
  double sum = 0.0;
  for (double& weight : weights) {
    weight = largest > 0.0 ? std::max(weight / largest, kLeastWeight) : 1.0;
    sum += weight;
  }
  kept_.clear();
  for (std::size_t i = 0; i < chosen.size(); ++i)
    kept_.push_back({chosen[i].id, weights[i] * static_cast<double>(chosen.size()) / sum});
}

}  // namespace hone::search
