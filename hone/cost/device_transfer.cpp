#include "hone/cost/device_transfer.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/rng.h"
#include "hone/predict/score.h"

namespace hone::cost {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

// Prior variances of what a block contributes, in units of the measurements' variance. The known devices'
// common part is the first guess; a device of its own kind may have operator costs of its own; the rest only
// mends.
constexpr FeatureBlock kCommon{1.0, 1.0};
constexpr FeatureBlock kCurved{0.25, 1.0};
constexpr FeatureBlock kDeviations{1.0, 1.0};
constexpr FeatureBlock kWork{0.3, 1.5};
constexpr FeatureBlock kWorkAlone{1.0, 1.0};  // where no device is known
constexpr FeatureBlock kOtherViews{0.0003, 1.5};
constexpr FeatureBlock kDetails{0.0003, 1.5};
constexpr std::size_t kCandidates = 600;

double sd(const VectorXd& values) { return std::sqrt((values.array() - values.mean()).square().mean()); }

/// Columns of mean 0 and variance 1 (0 where they do not vary), together of mean square norm 1.
MatrixXd standardised(const MatrixXd& columns) {
  MatrixXd result = columns;
  Index varying = 0;
  for (Index c = 0; c < result.cols(); ++c) {
    const double mean = result.col(c).mean(), width = sd(result.col(c));
    if (width > 1e-12 * (1.0 + std::abs(mean))) {
      result.col(c) = (result.col(c).array() - mean) / width;
      ++varying;
    } else {
      result.col(c).setZero();
    }
  }
  if (varying > 0) result /= std::sqrt(static_cast<double>(varying));
  return result;
}

/// Above 0 and in the same order: below `least` it falls off exponentially.
double positive(double value, double least) {
  if (!(least > 0.0) || value >= least) return value;
  return least * std::exp(std::max(value / least - 1.0, -600.0));
}

}  // namespace

KnownDevice KnownDevice::learn(const Designs& designs, std::string name, const std::vector<double>& latency,
                               const LatencyModelOptions& options) {
  if (latency.size() != designs.size()) throw internal_error("as many latencies as designs");
  std::vector<std::size_t> at;
  std::vector<double> values;
  for (std::size_t i = 0; i < latency.size(); ++i)
    if (std::isfinite(latency[i]) && latency[i] >= 0.0) {
      at.push_back(i);
      values.push_back(latency[i]);
    }
  if (at.empty()) throw Error("the device '" + name + "' has no measured latency");
  LatencyModel model(designs, at, values, options);
  VectorXd all = model.predict_all(designs);
  return KnownDevice{std::move(name), std::move(model), std::move(all)};
}

DeviceTransfer::DeviceTransfer(std::shared_ptr<const Designs> designs, std::vector<KnownDevice> known)
    : designs_(std::move(designs)),
      known_(std::move(known)),
      features_(std::make_shared<std::vector<MatrixXd>>()) {
  designs_->check();
  for (const KnownDevice& device : known_)
    if (device.latency.size() != static_cast<Index>(designs_->size()))
      throw internal_error("the device '" + device.name + "' is of other designs");
  for (std::size_t v = 0; v < designs_->views.size(); ++v) add_view(v);
}

void DeviceTransfer::add_view(std::size_t view) {
  const DesignView& here = designs_->views[view];
  const auto n = static_cast<Index>(designs_->size());
  // Each known device as it would be if it executed what this view says: its costs of the kinds of work on
  // this view's amounts. Its part that is not linear belongs to the view that it was learned on.
  MatrixXd lines(n, 0), curves(n, 0);
  std::vector<Index> of_this_view;
  for (const KnownDevice& device : known_) {
    const double width = sd(device.latency);
    if (!(width > 0.0)) continue;
    const DesignView& own = designs_->views[device.model.view()];
    lines.conservativeResize(Eigen::NoChange, lines.cols() + 1);
    curves.conservativeResize(Eigen::NoChange, curves.cols() + 1);
    const VectorXd line = own.work * device.model.coefficients() / width;
    const bool same_kinds = own.columns == here.columns;
    lines.col(lines.cols() - 1) =
        same_kinds ? VectorXd(here.work * device.model.coefficients() / width) : line;
    curves.col(curves.cols() - 1) =
        ((device.latency.array() - device.model.intercept()) / width).matrix() - line;
    if (device.model.view() == view) of_this_view.push_back(lines.cols() - 1);
  }
  MatrixXd features(n, 0);
  std::vector<int> block;
  std::vector<FeatureBlock> blocks;
  const auto add = [&](const MatrixXd& columns, const FeatureBlock& prior) {
    if (columns.cols() == 0 || !(columns.cwiseAbs().maxCoeff() > 0.0)) return;
    const Index first = features.cols();
    features.conservativeResize(Eigen::NoChange, first + columns.cols());
    features.rightCols(columns.cols()) = columns;
    block.resize(static_cast<std::size_t>(features.cols()), static_cast<int>(blocks.size()));
    blocks.push_back(prior);
  };
  if (lines.cols() > 0) {
    VectorXd middle = VectorXd::Zero(n), curve = VectorXd::Zero(n);
    if (of_this_view.empty()) {
      middle = lines.rowwise().mean();
    } else {
      for (const Index c : of_this_view) {
        middle += lines.col(c) / static_cast<double>(of_this_view.size());
        curve += curves.col(c) / static_cast<double>(of_this_view.size());
      }
    }
    middle.array() -= middle.mean();
    curve.array() -= curve.mean();
    const double width = sd(middle);
    if (width > 0.0) {
      add((middle + curve) / width, kCommon);
      if (sd(curve) > 1e-9 * width) add(curve / width, kCurved);
      if (lines.cols() > 1) {
        MatrixXd deviations = lines / width;
        deviations.rowwise() -= deviations.colwise().mean().eval();
        deviations.colwise() -= deviations.rowwise().mean().eval();
        add(deviations, kDeviations);
      }
    }
  }
  add(standardised(here.work), blocks.empty() ? kWorkAlone : kWork);
  MatrixXd others(n, 0);
  for (std::size_t v = 0; v < designs_->views.size(); ++v) {
    if (v == view) continue;
    const MatrixXd& work = designs_->views[v].work;
    others.conservativeResize(Eigen::NoChange, others.cols() + work.cols());
    others.rightCols(work.cols()) = work;
  }
  add(standardised(others), kOtherViews);
  add(standardised(designs_->details), kDetails);
  features_->push_back(std::move(features));
  block_.push_back(std::move(block));
  blocks_.push_back(std::move(blocks));
}

std::vector<std::size_t> DeviceTransfer::choose(std::size_t count, std::uint64_t seed,
                                                const std::vector<std::size_t>& measured,
                                                const std::vector<std::size_t>& among) const {
  std::vector<std::size_t> pool = among;
  if (pool.empty()) {
    pool.resize(designs_->size());
    std::iota(pool.begin(), pool.end(), std::size_t{0});
  }
  std::sort(pool.begin(), pool.end());
  pool.erase(std::unique(pool.begin(), pool.end()), pool.end());
  for (const std::size_t design : measured)
    pool.erase(std::remove(pool.begin(), pool.end(), design), pool.end());
  if (!pool.empty() && pool.back() >= designs_->size())
    throw internal_error("a choice among designs that are not there");
  Rng rng(seed, "designs to measure", measured.size());
  const std::size_t looked_at = std::min(pool.size(), std::max(kCandidates, count));
  for (std::size_t i = 0; i < looked_at; ++i) std::swap(pool[i], pool[i + rng.below(pool.size() - i)]);
  pool.resize(looked_at);
  count = std::min(count, pool.size());

  // The candidates and, behind them, what is measured: only the former are chosen and count.
  std::vector<std::size_t> rows = pool;
  rows.insert(rows.end(), measured.begin(), measured.end());
  const auto m = static_cast<Index>(rows.size()), c = static_cast<Index>(pool.size());
  const double noise = BlockProcessOptions{}.noise;
  std::vector<MatrixXd> covariances;
  double beliefs = 0.0;
  for (const DesignView& view : designs_->views) beliefs += view.belief;
  for (std::size_t v = 0; v < features_->size(); ++v) {
    const MatrixXd& features = (*features_)[v];
    MatrixXd scaled(m, features.cols());
    for (Index i = 0; i < m; ++i)
      scaled.row(i) = features.row(static_cast<Index>(rows[static_cast<std::size_t>(i)]));
    for (Index k = 0; k < scaled.cols(); ++k)
      scaled.col(k) *=
          std::sqrt(blocks_[v][static_cast<std::size_t>(block_[v][static_cast<std::size_t>(k)])].variance);
    covariances.push_back((scaled * scaled.transpose()).array() + 1.0);
  }
  const auto condition = [&](Index at) {
    for (MatrixXd& k : covariances) {
      const VectorXd column = k.col(at);
      k.noalias() -= column * column.transpose() / (column(at) + noise);
    }
  };
  for (Index i = c; i < m; ++i) condition(i);
  std::vector<std::size_t> chosen;
  std::vector<bool> taken(static_cast<std::size_t>(c), false);
  while (chosen.size() < count) {
    VectorXd gain = VectorXd::Zero(c);
    for (std::size_t v = 0; v < covariances.size(); ++v) {
      const auto k = covariances[v].topLeftCorner(c, c);
      gain.array() += designs_->views[v].belief / beliefs * k.colwise().squaredNorm().transpose().array() /
                      (k.diagonal().array() + noise);
    }
    Index best = -1;
    for (Index i = 0; i < c; ++i)
      if (!taken[static_cast<std::size_t>(i)] && (best < 0 || gain(i) > gain(best))) best = i;
    taken[static_cast<std::size_t>(best)] = true;
    chosen.push_back(pool[static_cast<std::size_t>(best)]);
    condition(best);
  }
  return chosen;
}

AdaptedDevice DeviceTransfer::adapt(const std::vector<DeviceMeasurement>& measurements) const {
  // A design is one row: the noise of rows is how far designs lie from what features can tell, which no
  // repeat makes smaller.
  std::vector<DeviceMeasurement> good;
  std::map<std::size_t, std::vector<double>> repeats;
  std::size_t told = 0;
  for (const DeviceMeasurement& measurement : measurements) {
    if (measurement.design >= designs_->size())
      throw internal_error("a measurement of a design that is not there");
    if (!std::isfinite(measurement.latency) || !(measurement.latency > 0.0)) continue;
    ++told;
    std::vector<double>& same = repeats[measurement.design];
    if (same.empty()) good.push_back(measurement);
    same.push_back(measurement.latency);
  }
  for (DeviceMeasurement& one : good) one.latency = predict::median(repeats[one.design]);
  if (good.empty())
    throw Error("no measurement of the new device is a positive number", {},
                "all of them failed; measure other designs, 10 at least");
  const auto n = static_cast<Index>(good.size());
  VectorXd targets(n);
  AdaptedDevice device;
  device.least_ = good.front().latency;
  for (Index i = 0; i < n; ++i) {
    targets(i) = good[static_cast<std::size_t>(i)].latency;
    device.least_ = std::min(device.least_, 0.5 * targets(i));
  }
  device.features_ = features_;
  device.measurements_ = told;
  std::vector<double> evidence;
  for (std::size_t v = 0; v < features_->size(); ++v) {
    const MatrixXd& features = (*features_)[v];
    MatrixXd rows(n, features.cols());
    for (Index i = 0; i < n; ++i)
      rows.row(i) = features.row(static_cast<Index>(good[static_cast<std::size_t>(i)].design));
    device.processes_.emplace_back(rows, block_[v], blocks_[v], targets);
    evidence.push_back(device.processes_.back().log_evidence() + std::log(designs_->views[v].belief));
  }
  const double most = *std::max_element(evidence.begin(), evidence.end());
  double total = 0.0;
  for (double& value : evidence) total += value = std::exp(value - most);
  for (double& value : evidence) value /= total;
  device.weights_ = evidence;

  std::string names;
  for (const KnownDevice& known : known_) names += (names.empty() ? "" : ", ") + known.name;
  device.provenance_ = fmt::format("from {} measurements", told);
  if (told > good.size()) device.provenance_ += fmt::format(" of {} designs", good.size());
  if (!known_.empty())
    device.provenance_ +=
        fmt::format(" and {} known device{} ({})", known_.size(), known_.size() == 1 ? "" : "s", names);
  if (const std::size_t aside = device.processes_.front().set_aside(); aside > 0)
    device.provenance_ += fmt::format("; {} far beyond the others counted nothing", aside);
  if (evidence.size() > 1) {
    const auto likeliest =
        static_cast<std::size_t>(std::max_element(evidence.begin(), evidence.end()) - evidence.begin());
    device.provenance_ +=
        fmt::format("; {} {:.0f}%", designs_->views[likeliest].name, 100.0 * evidence[likeliest]);
  }
  return device;
}

LatencyPrediction AdaptedDevice::predict(std::size_t design) const {
  if (static_cast<Index>(design) >= features_->front().rows())
    throw internal_error("a prediction of a design that is not there");
  double mean = 0.0, square = 0.0, noise = 0.0;
  for (std::size_t v = 0; v < processes_.size(); ++v) {
    if (weights_[v] < 1e-6) continue;
    const VectorXd row = (*features_)[v].row(static_cast<Index>(design));
    const double here = processes_[v].mean(row);
    mean += weights_[v] * here;
    square += weights_[v] * (here * here + processes_[v].variance(row));
    noise += weights_[v] * processes_[v].noise_sd();
  }
  return {positive(mean, least_), std::sqrt(std::max(square - mean * mean, 0.0)), noise};
}

std::vector<double> AdaptedDevice::predict_all() const {
  const Index n = features_->front().rows();
  VectorXd mean = VectorXd::Zero(n);
  for (std::size_t v = 0; v < processes_.size(); ++v) {
    if (weights_[v] < 1e-6) continue;
    for (Index i = 0; i < n; ++i) mean(i) += weights_[v] * processes_[v].mean((*features_)[v].row(i));
  }
  std::vector<double> result(static_cast<std::size_t>(n));
  for (Index i = 0; i < n; ++i) result[static_cast<std::size_t>(i)] = positive(mean(i), least_);
  return result;
}

}  // namespace hone::cost
