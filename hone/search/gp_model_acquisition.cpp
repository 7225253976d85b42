#include <algorithm>
#include <limits>

#include "hone/search/gp_model.h"
#include "hone/study/front.h"

namespace hone::search {
namespace {

constexpr std::size_t kMaxPending = 100;
constexpr std::size_t kMaxFront = 50;
constexpr std::size_t kSeeds = 6;

}  // namespace

/// As in BOHB: the highest fidelity with enough results, else that with most.
void GpModel::choose_level() {
  const std::size_t enough = std::max(options_.n_startup, moves_.free().size() + 2);
  level_ = nullptr;
  std::size_t most = 0;
  for (auto& [fidelity, level] : levels_) {
    const std::size_t n = level.objectives.front().size();
    if (n < 2 || (n < enough && n < most)) continue;
    level_ = &level;
    fidelity_ = fidelity;
    most = n;
  }
  if (!options_.joint) return;
  level_->objectives.front().refresh();
  std::map<std::int64_t, std::size_t> counts;
  for (const std::int64_t key : level_->objectives.front().keys())
    ++counts[fidelities_[static_cast<std::size_t>(key % kFidelities)]];
  most = 0;
  for (const auto& [fidelity, count] : counts) {
    if (count < enough && count < most) continue;
    fidelity_ = fidelity;
    most = count;
  }
}

GpAcquisition GpModel::acquisition() {
  choose_level();
  GpAcquisition result;
  result.coding = &coding_;
  for (Surrogate& it : level_->objectives) {
    it.refresh();
    result.objectives.push_back(&it.process());
  }
  model_size_ = level_->objectives.front().keys().size();
  if (options_.joint) result.resource = resource(fidelity_);
  for (Surrogate& it : level_->limits) {
    if (it.size() == 0) continue;
    it.refresh();
    result.limits.push_back({&it.process(), it.transformed(0.0)});
  }
  if (n_failed_ > 0 && success_.size() > 1) {
    success_.refresh();
    result.success = GpAcquisition::Bound{&success_.process(), success_.transformed(0.5)};
  }
  if (options_.cost_exponent > 0.0 && cost_.size() > 1) {
    cost_.refresh();
    result.cost = &cost_.process();
    result.cost_weight = options_.cost_exponent / cost_.unit();
  }
  choose_best(result, imagine_running(result));
  return result;
}

/// Puts what runs into the models, and returns what is expected of its objectives: one row each that is
/// expected to keep the limits.
std::vector<std::vector<double>> GpModel::imagine_running(const GpAcquisition& acquisition) {
  std::vector<std::vector<double>> pending, plain;
  for (auto it = running_.rbegin(); it != running_.rend() && pending.size() < kMaxPending; ++it) {
    if (level_->objectives.front().holds(key(*it, fidelity_))) continue;
    pending.push_back(coded(*it, fidelity_));
    plain.push_back(coding_.row(rows_[*it].point));
  }
  std::vector<bool> keeps(pending.size(), true);
  std::size_t limit = 0;
  for (Surrogate& it : level_->limits) {
    if (it.size() == 0) continue;
    const auto believed = it.imagine(pending);
    for (std::size_t k = 0; k < keeps.size(); ++k)
      keeps[k] = keeps[k] && believed[k] <= acquisition.limits[limit].most;
    ++limit;
  }
  if (acquisition.success) {
    const auto believed = success_.imagine(plain);
    for (std::size_t k = 0; k < keeps.size(); ++k)
      keeps[k] = keeps[k] && believed[k] <= acquisition.success->most;
  }
  std::vector<std::vector<double>> values(pending.size());
  for (Surrogate& it : level_->objectives) {
    const auto believed = it.imagine(pending);
    for (std::size_t k = 0; k < values.size(); ++k) values[k].push_back(believed[k]);
  }
  std::vector<std::vector<double>> kept;
  for (std::size_t k = 0; k < values.size(); ++k)
    if (keeps[k]) kept.push_back(std::move(values[k]));
  return kept;
}

void GpModel::choose_best(GpAcquisition& acquisition, const std::vector<std::vector<double>>& believed) {
  const std::vector<std::int64_t>& keys = level_->objectives.front().keys();
  const std::size_t m = level_->objectives.size();
  const auto row_of_key = [&](std::int64_t key) {
    return static_cast<std::size_t>(options_.joint ? key / kFidelities : key);
  };
  std::vector<std::size_t> held, feasible;
  std::vector<std::vector<double>> values(keys.size(), std::vector<double>(m));
  for (std::size_t k = 0; k < keys.size(); ++k) {
    for (std::size_t j = 0; j < m; ++j)
      values[k][j] = level_->objectives[j].fitted()[static_cast<Eigen::Index>(k)];
    if (options_.joint && fidelities_[static_cast<std::size_t>(keys[k] % kFidelities)] != fidelity_) continue;
    held.push_back(k);
    const Row& row = rows_[row_of_key(keys[k])];
    if (!row.infeasible && !row.failed && !level_->broken.contains(keys[k])) feasible.push_back(k);
  }
  const std::vector<std::size_t>& from = feasible.empty() ? held : feasible;
  std::vector<std::size_t> chosen = from;
  if (m == 1) {
    std::stable_sort(chosen.begin(), chosen.end(),
                     [&](std::size_t a, std::size_t b) { return values[a][0] < values[b][0]; });
  } else {
    study::Front front;
    for (const std::size_t k : from) front.insert(static_cast<std::int64_t>(k), values[k]);
    chosen.clear();
    std::vector<std::vector<double>> members;
    for (const auto& member : front.members()) members.push_back(member.values);
    for (const std::size_t k : study::hypervolume_subset(members, study::reference_point(members), kMaxFront))
      chosen.push_back(static_cast<std::size_t>(front.members()[k].trial));
  }
  if (!feasible.empty()) {
    std::vector<std::vector<double>> front;
    for (std::size_t k = 0; k < chosen.size() && (m > 1 || k < 1); ++k) front.push_back(values[chosen[k]]);
    std::vector<double> reference(m, std::numeric_limits<double>::infinity());
    if (m > 1) {
      // Of all results, not of the front: a front that is narrow yet should gain by growing at its ends.
      std::vector<std::vector<double>> all;
      for (const std::size_t k : from) all.push_back(values[k]);
      reference = study::reference_point(all);
    }
    front.insert(front.end(), believed.begin(), believed.end());
    acquisition.boxes = improvement_boxes(front, reference);
  }
  best_.clear();
  for (std::size_t k = 0; k < chosen.size() && best_.size() < kSeeds; ++k)
    best_.push_back(rows_[row_of_key(keys[chosen[k]])].point);
}

}  // namespace hone::search
