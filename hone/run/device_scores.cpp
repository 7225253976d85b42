// What is learned on measured devices, on one that was hardly measured.
#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <numeric>

#include <fmt/format.h>

#include "hone/base/numbers.h"
#include "hone/base/rng.h"
#include "hone/cost/device_transfer.h"
#include "hone/run/cost_bench.h"
#include "hone/run/latency_features.h"
#include "hone/run/latency_tables.h"

namespace hone::run {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using DesignNumbers = std::vector<std::size_t>;

constexpr std::size_t kSamples[] = {10, 20, 50};
constexpr double kTrainShare = 0.7;

/// Scores of one model on one target, over repetitions.
class Means {
 public:
  explicit Means(std::vector<CostScore>& scores) : scores_(scores) {}
  ~Means() {
    for (CostScore& score : list_) {
      const auto& [mape, spearman, r2] = sums_[score.model];
      score.accuracy = {score.accuracy.samples, mean(mape), mean(spearman), mean(r2)};
      scores_.push_back(std::move(score));
    }
  }
  void add(const std::string& suite, const std::string& target, const std::string& model,
           const predict::Accuracy& accuracy) {
    if (sums_.count(model) == 0) list_.push_back({suite, target, model, accuracy});
    auto& [mape, spearman, r2] = sums_[model];
    mape.push_back(accuracy.mape);
    spearman.push_back(accuracy.spearman);
    r2.push_back(accuracy.r2);
  }

 private:
  static double mean(const std::vector<double>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  }
  std::vector<CostScore>& scores_;
  std::vector<CostScore> list_;
  std::map<std::string, std::array<std::vector<double>, 3>> sums_;
};

VectorXd targets_at(const LatencySeries& series, const DesignNumbers& at) {
  VectorXd values(static_cast<Index>(at.size()));
  for (std::size_t i = 0; i < at.size(); ++i) values(static_cast<Index>(i)) = series.latency[at[i]];
  return values;
}

/// Least squares with a constant, of least norm where samples do not determine it.
std::vector<double> linear(const MatrixXd& columns, const LatencySeries& series, const DesignNumbers& at,
                           const DesignNumbers& test) {
  MatrixXd design(static_cast<Index>(at.size()), columns.cols() + 1);
  design.col(0).setOnes();
  for (std::size_t i = 0; i < at.size(); ++i)
    design.row(static_cast<Index>(i)).tail(columns.cols()) = columns.row(static_cast<Index>(at[i]));
  const VectorXd solution = design.completeOrthogonalDecomposition().solve(targets_at(series, at));
  std::vector<double> predicted;
  for (const std::size_t t : test)
    predicted.push_back(solution(0) + columns.row(static_cast<Index>(t)).dot(solution.tail(columns.cols())));
  return predicted;
}

std::vector<double> values_of(const LatencySeries& series, const DesignNumbers& at) {
  std::vector<double> values;
  for (const std::size_t i : at) values.push_back(series.latency[i]);
  return values;
}

std::vector<double> mean_of(const LatencySeries& series, const DesignNumbers& at, const DesignNumbers& test) {
  return std::vector<double>(test.size(), targets_at(series, at).mean());
}

DesignNumbers measured_designs(const LatencySeries& series) {
  DesignNumbers all(series.order.begin(), series.order.end());
  std::sort(all.begin(), all.end());
  return all;
}

/// `count` at random, in no order; all of them shuffled where there are not so many.
DesignNumbers drawn(DesignNumbers from, std::size_t count, std::uint64_t seed) {
  Rng rng(seed, "designs drawn");
  count = std::min(count, from.size());
  for (std::size_t i = 0; i < count; ++i) std::swap(from[i], from[i + rng.below(from.size() - i)]);
  from.resize(count);
  return from;
}

DesignNumbers others(const DesignNumbers& all, DesignNumbers without) {
  std::sort(without.begin(), without.end());
  DesignNumbers rest;
  std::set_difference(all.begin(), all.end(), without.begin(), without.end(), std::back_inserter(rest));
  return rest;
}

class FamilyScores {
 public:
  FamilyScores(const LatencyFamily& family, const CostBenchOptions& options, std::vector<CostScore>& scores)
      : family_(family), options_(options), scores_(scores), features_(latency_features(family)) {
    designs_ = std::make_shared<cost::Designs>(features_.designs);
  }

  void run() {
    for (const LatencySeries& series : family_.series) {
      if (interrupted()) return;
      show("learning " + series.name());
      known_.push_back(series.order.empty() ? std::nullopt
                                            : std::optional(cost::KnownDevice::learn(*designs_, series.device,
                                                                                     series.latency)));
    }
    for (std::size_t s = 0; s < family_.series.size(); ++s) {
      if (interrupted()) return;
      unseen(s);
    }
    for (std::size_t s = 0; s < family_.series.size(); ++s) {
      if (interrupted()) return;
      if (measured_designs(family_.series[s]).size() >= 100) measured(s);
    }
  }

 private:
  bool interrupted() const { return options_.interrupted && options_.interrupted(); }
  void show(const std::string& what) const {
    if (options_.progress) options_.progress(family_.name + ": " + what);
  }

  /// A device met with few samples; known are all others that timed the same thing.
  void unseen(std::size_t held_out) {
    const LatencySeries& series = family_.series[held_out];
    std::vector<cost::KnownDevice> known;
    for (std::size_t s = 0; s < family_.series.size(); ++s)
      if (s != held_out && known_[s] && family_.series[s].target == series.target)
        known.push_back(*known_[s]);
    const cost::DeviceTransfer transfer(designs_, known);
    const cost::DeviceTransfer alone(designs_, {});
    const DesignNumbers all = measured_designs(series);
    for (const std::size_t n : kSamples)
      if (all.size() >= 2 * n) unseen(series, all, n, transfer, alone);
  }

  void unseen(const LatencySeries& series, const DesignNumbers& all, std::size_t n,
              const cost::DeviceTransfer& transfer, const cost::DeviceTransfer& alone) {
    show(fmt::format("{} from {} samples", series.name(), n));
    const auto& known = transfer.known();
    for (const bool chosen : {true, false}) {
      Means means(scores_);
      for (std::int64_t seed = 1; seed <= options_.seeds; ++seed) {
        if (interrupted()) return;
        const auto number = static_cast<std::uint64_t>(seed);
        const DesignNumbers at = chosen ? transfer.choose(n, number, {}, all) : drawn(all, n, number);
        const DesignNumbers test = others(all, at);
        const auto truth = values_of(series, test);
        const std::string suite =
            fmt::format("{}, {} {} samples", family_.name, n, chosen ? "chosen" : "random");
        const auto add = [&](const std::string& model, const std::vector<double>& predicted) {
          means.add(suite, series.name(), model, predict::accuracy(predicted, truth));
        };
        std::vector<cost::DeviceMeasurement> measurements;
        for (const std::size_t i : at) measurements.push_back({i, series.latency[i]});
        const auto at_test = [&](const cost::DeviceTransfer& model) {
          const auto everywhere = model.adapt(measurements).predict_all();
          std::vector<double> predicted;
          for (const std::size_t t : test) predicted.push_back(everywhere[t]);
          return predicted;
        };
        add("transfer", at_test(transfer));
        add("no known device", at_test(alone));
        add("linear regression", linear(features_.counts, series, at, test));
        if (!known.empty()) add("nearest known device", nearest(known, series, at, test));
        add("mean", mean_of(series, at, test));
      }
    }
  }

  /// The known device whose latencies go along with the samples most closely, on a line.
  static std::vector<double> nearest(const std::vector<cost::KnownDevice>& known, const LatencySeries& series,
                                     const DesignNumbers& at, const DesignNumbers& test) {
    const VectorXd y = targets_at(series, at);
    double best = -2.0;
    const cost::KnownDevice* device = &known.front();
    for (const auto& candidate : known) {
      VectorXd x(y.size());
      for (std::size_t i = 0; i < at.size(); ++i)
        x(static_cast<Index>(i)) = candidate.latency(static_cast<Index>(at[i]));
      const VectorXd a = x.array() - x.mean(), b = y.array() - y.mean();
      const double correlation = a.dot(b) / std::max(a.norm() * b.norm(), 1e-300);
      if (correlation > best) {
        best = correlation;
        device = &candidate;
      }
    }
    return linear(device->latency, series, at, test);
  }

  /// A device of which most designs were measured: what is left is noise and what the columns do not tell.
  void measured(std::size_t s) {
    const LatencySeries& series = family_.series[s];
    show(series.name() + ", most of it measured");
    const DesignNumbers all = measured_designs(series);
    const auto train = static_cast<std::size_t>(std::lround(kTrainShare * static_cast<double>(all.size())));
    const std::string suite = fmt::format("{}, {:.0f}% measured", family_.name, 100.0 * kTrainShare);
    Means means(scores_);
    for (std::int64_t seed = 1; seed <= options_.seeds; ++seed) {
      if (interrupted()) return;
      const DesignNumbers at = drawn(all, train, static_cast<std::uint64_t>(seed));
      const DesignNumbers test = others(all, at);
      const auto truth = values_of(series, test);
      const auto add = [&](const std::string& model, const std::vector<double>& predicted) {
        means.add(suite, series.name(), model, predict::accuracy(predicted, truth));
      };
      cost::LatencyModelOptions options;
      options.relative = true;
      const cost::LatencyModel model(*designs_, at, values_of(series, at), options);
      std::vector<double> predicted;
      for (const std::size_t t : test) predicted.push_back(model.predict(*designs_, t));
      add("learned", predicted);
      add("linear regression", linear(features_.counts, series, at, test));
      add("mean", mean_of(series, at, test));
    }
    add_noise(suite, series, all, means);
  }

  /// How far measurements lie from what they would be without noise, as far as the table tells.
  void add_noise(const std::string& suite, const LatencySeries& series, const DesignNumbers& all,
                 Means& means) const {
    // Designs that the columns do not tell apart: their latencies differ by noise, and by what is not told.
    std::map<std::vector<double>, std::vector<double>> repeats;
    std::vector<double> spread;
    for (const std::size_t i : all) {
      const VectorXd row = own_columns(series, i);
      repeats[std::vector<double>(row.data(), row.data() + row.size())].push_back(series.latency[i]);
      if (!series.sd.empty() && std::isfinite(series.sd[i]))
        spread.push_back(series.sd[i] / series.latency[i]);
    }
    double off = 0.0;
    std::int64_t rows = 0;
    for (auto& [row, values] : repeats) {
      if (values.size() < 2) continue;
      std::sort(values.begin(), values.end());
      const double n = static_cast<double>(values.size());
      const double median = 0.5 * (values[(values.size() - 1) / 2] + values[values.size() / 2]);
      // A median of n values is nearer to them than the true one is.
      for (const double value : values) off += std::abs(value - median) / value * std::sqrt(n / (n - 1.0));
      rows += static_cast<std::int64_t>(values.size());
    }
    const double none = kNaN;
    if (rows >= 20)
      means.add(suite, series.name(), "noise: designs measured again",
                {rows, off / static_cast<double>(rows), none, none});
    // Of a normal variable the mean distance from its mean is sqrt(2 / pi) standard deviations.
    if (!spread.empty())
      means.add(suite, series.name(), "noise: spread within a measurement",
                {static_cast<std::int64_t>(spread.size()),
                 std::sqrt(2.0 / kPi) * std::accumulate(spread.begin(), spread.end(), 0.0) /
                     static_cast<double>(spread.size()),
                 none, none});
  }

  /// The columns of a design that tell what this series timed: where columns begin with names of targets,
  /// those of this one and, of others, only how wide they are.
  VectorXd own_columns(const LatencySeries& series, std::size_t design) const {
    const auto mine = [&](const std::string& column) {
      return !series.target.empty() && column.rfind(series.target + "_", 0) == 0;
    };
    const bool named = features_.counts.cols() == static_cast<Index>(family_.columns.size()) &&
                       std::any_of(family_.columns.begin(), family_.columns.end(), mine);
    std::vector<double> row;
    for (Index c = 0; c < features_.counts.cols(); ++c) {
      const std::string column = named ? family_.columns[static_cast<std::size_t>(c)] : "";
      if (!named || mine(column) || column.ends_with("_embed_dim"))
        row.push_back(features_.counts(static_cast<Index>(design), c));
    }
    return Eigen::Map<VectorXd>(row.data(), static_cast<Index>(row.size()));
  }

  const LatencyFamily& family_;
  const CostBenchOptions& options_;
  std::vector<CostScore>& scores_;
  LatencyFeatures features_;
  std::shared_ptr<const cost::Designs> designs_;
  std::vector<std::optional<cost::KnownDevice>> known_;
};

}  // namespace

std::vector<CostScore> device_scores(const std::string& folder, const CostBenchOptions& options) {
  std::vector<CostScore> scores;
  const std::string tables = (std::filesystem::path(folder) / "latency").string();
  if (!std::filesystem::is_directory(tables)) return scores;
  for (const LatencyFamily& family : read_latency_tables(tables)) {
    FamilyScores(family, options, scores).run();
    if (options.interrupted && options.interrupted()) break;
  }
  // Suites whole, targets within in the order of the tables.
  std::stable_sort(scores.begin(), scores.end(),
                   [](const CostScore& a, const CostScore& b) { return a.suite < b.suite; });
  return scores;
}

}  // namespace hone::run
