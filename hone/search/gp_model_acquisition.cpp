#include <algorithm>
#include <cmath>

#include "hone/base/numbers.h"
#include "hone/search/gp_model.h"
#include "hone/study/front.h"
#include "hone/study/ranking.h"

namespace hone::search {
namespace {

constexpr std::size_t kMaxPending = 100, kMaxSupposed = 100;
constexpr std::size_t kMaxFront = 50;
constexpr std::size_t kSeeds = 6;
constexpr double kReferred = 0.75;
constexpr double kFading = 20.0;  // trials after which earlier studies count half
constexpr double kTold = 0.75;    // outcomes tell of each other where no more of their squares is left

/// By non-dominated rank, whole ranks up to kReferred of all. From three objectives on the reference point is
/// of these: not of the front alone, since one that is narrow yet should gain by growing at its ends; nor of
/// all, beside the worst of which those ends gain so much that the middle is not looked at. Of two objectives
/// it is of all, which finds fronts in pieces.
std::vector<std::vector<double>> better_ones(const std::vector<std::vector<double>>& rows) {
  const std::vector<int> ranks = study::bounded_rank(rows);
  std::vector<int> sorted = ranks;
  const auto last = static_cast<std::ptrdiff_t>(kReferred * static_cast<double>(rows.size() - 1));
  std::nth_element(sorted.begin(), sorted.begin() + last, sorted.end());
  std::vector<std::vector<double>> better;
  for (std::size_t k = 0; k < rows.size(); ++k)
    if (ranks[k] <= sorted[static_cast<std::size_t>(last)]) better.push_back(rows[k]);
  return better;
}

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
    model_size_ = static_cast<std::size_t>(
        std::hypot(static_cast<double>(model_size_), static_cast<double>(success_.keys().size())));
    count_failures();
  }
  if (options_.cost_exponent > 0.0 && cost_.size() > 1) {
    cost_.refresh();
    result.cost = &cost_.process();
    result.cost_weight = options_.cost_exponent / cost_.unit();
  }
  if (!problem_.prior.empty()) {
    result.prior = &problem_.prior;
    result.prior_weight = options_.prior_beta / static_cast<double>(std::max<std::size_t>(n_told_, 1));
  }
  if (!earlier_.empty()) add_earlier(result);
  choose_best(result, imagine_running(result));
  return result;
}

/// Puts the failures that others lead to expect into the objectives' models. Where the outcomes say nothing
/// of each other (half of all fail by chance, say: then half are expected to by a little) by a deviation.
void GpModel::count_failures() {
  if (options_.joint) return;
  const std::vector<std::int64_t>& keys = success_.keys();
  Eigen::VectorXd expected, variances;
  success_.process().likeliest().leave_one_out(expected, variances);
  const Eigen::Index n = expected.size();
  Eigen::VectorXd outcomes(n);
  for (Eigen::Index i = 0; i < n; ++i)
    outcomes[i] = success_.transformed(success_.value(keys[static_cast<std::size_t>(i)]));
  // As much is left of the outcomes' squares as where each is expected to be the others' mean.
  const double others = static_cast<double>(n) / static_cast<double>(n - 1);
  const double left = others * others * (outcomes.array() - outcomes.mean()).square().sum();
  const double deviations = (outcomes - expected).squaredNorm() < kTold * left ? 0.0 : 1.0;
  std::vector<std::vector<double>> rows;
  for (std::size_t k = keys.size(); k-- > 0 && rows.size() < kMaxSupposed;) {
    const Row& row = rows_[static_cast<std::size_t>(keys[k])];
    const auto i = static_cast<Eigen::Index>(k);
    const double doubt = deviations * std::sqrt(std::max(0.0, variances[i]));
    if (row.failed && expected[i] > success_.transformed(0.5) + doubt &&
        !level_->objectives.front().holds(keys[k]))
      rows.push_back(coding_.row(row.point));
  }
  for (Surrogate& it : level_->objectives)
    if (it.size() >= 4) it.suppose(rows, it.upper_quartile());
}

void GpModel::add_earlier(GpAcquisition& acquisition) {
  earlier_.begin();
  // They fade until the budget is spent, and without one too: the optimum of a study much like this one may
  // lie beside its own, and holds until then.
  const auto told = static_cast<double>(n_told_);
  const double spent =
      problem_.max_trials ? told / static_cast<double>(*problem_.max_trials) : told / (told + kFading);
  Rng rng(problem_.seed, "rgpe", n_told_);
  for (std::size_t j = 0; j < level_->objectives.size(); ++j) {
    const Surrogate& it = level_->objectives[j];
    Eigen::VectorXd means, variances;
    it.process().likeliest().leave_one_out(means, variances);
    std::vector<std::int64_t> rows;
    std::vector<std::vector<double>> coded;
    std::vector<double> values;
    Eigen::Index n = 0;
    for (std::size_t k = 0; k < it.keys().size(); ++k) {
      const std::int64_t key = it.keys()[k];
      if (!is_at_fidelity(key)) continue;
      rows.push_back(static_cast<std::int64_t>(row_of_key(key)));
      coded.push_back(coding_.row(rows_[row_of_key(key)].point));
      values.push_back(it.value(key));
      means[n++] = means[static_cast<Eigen::Index>(k)];
    }
    acquisition.ensembles.push_back(
        earlier_.ensemble(j, rows, coded, values, means, std::max(0.0, 1.0 - spent), rng));
  }
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
  for (std::size_t j = 0; j < level_->objectives.size(); ++j) {
    auto believed = level_->objectives[j].imagine(pending);
    if (!acquisition.ensembles.empty()) {
      const GpAcquisition::Ensemble& ensemble = acquisition.ensembles[j];
      for (double& value : believed) value *= ensemble.own;
      const auto others = earlier_.imagine(j, plain);
      for (std::size_t i = 0; i < others.size(); ++i)
        for (std::size_t k = 0; k < believed.size(); ++k)
          believed[k] += ensemble.others[i].weight * others[i][k];
    }
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
  std::vector<std::size_t> held, feasible;
  std::vector<std::vector<double>> values(keys.size(), std::vector<double>(m));
  for (std::size_t k = 0; k < keys.size(); ++k) {
    for (std::size_t j = 0; j < m; ++j)
      values[k][j] = level_->objectives[j].fitted()[static_cast<Eigen::Index>(k)];
    if (!is_at_fidelity(keys[k])) continue;
    for (std::size_t j = 0; j < acquisition.ensembles.size(); ++j) {
      const GpAcquisition::Ensemble& ensemble = acquisition.ensembles[j];
      const std::size_t row = row_of_key(keys[k]);
      const Eigen::VectorXd& others =
          earlier_.expected(j, static_cast<std::int64_t>(row), coding_.row(rows_[row].point));
      values[k][j] *= ensemble.own;
      for (std::size_t i = 0; i < ensemble.others.size(); ++i)
        values[k][j] += ensemble.others[i].weight * others[static_cast<Eigen::Index>(i)];
    }
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
    std::vector<double> reference(m, kInfinity);
    if (m > 1) {
      std::vector<std::vector<double>> all;
      for (const std::size_t k : from) all.push_back(values[k]);
      reference = study::reference_point(m > 2 ? better_ones(all) : all);
    }
    front.insert(front.end(), believed.begin(), believed.end());
    acquisition.boxes = improvement_boxes(front, reference);
  }
  best_.clear();
  for (std::size_t k = 0; k < chosen.size() && best_.size() < kSeeds; ++k)
    best_.push_back(rows_[row_of_key(keys[chosen[k]])].point);
}

}  // namespace hone::search
