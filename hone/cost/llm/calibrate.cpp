#include "hone/cost/llm/calibrate.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "hone/predict/score.h"

namespace hone::cost {
namespace {

// What is believed before anything is measured, as standard deviations of logarithms of times: 0.1 is a
// tenth.
/// Of an accelerator's host, and of its products' rate, around its profile.
constexpr double kProfileSd = 0.2;
/// Of each constant around where it starts, in the order of LlmStack: what software decides may be far from
/// it, what the hardware attains is not.
constexpr std::array<double, LlmStack::kCount> kFreedom{0.7, 0.5,  0.4, 0.3, 0.15, 0.7, 0.5,
                                                        1.0, 0.25, 0.4, 1.0, 0.7,  0.3, 0.5};
/// How host and device overlap stays as it starts unless the constants fit plainly better without that: to so
/// much of their loss.
constexpr std::size_t kOverlap = 7;
constexpr double kHeld = 1e-3, kPlainly = 0.5;
/// Of a measured step around what the constants say: of decoding, and of a prompt, of which they say less.
constexpr double kConstantsSd = 0.03, kPromptsSd = 0.1;
// What the Gaussian process explains of that, level by level. "Level": the same at every batch and length;
// the other part changes with them.
constexpr double kSharedSd = 0.08, kSharedLevelSd = 0.01;  // of all deployments alike
constexpr double kModelSd = 0.05;                          // of a model on an accelerator, half of it level
constexpr double kOwnSd = 0.08, kOwnLevelSd = 0.1;         // of one deployment alone
constexpr double kNoise = 0.008;                           // of a measurement repeated
constexpr double kOctaves = 2.0;  ///< length over which residuals resemble each other
/// One deployment's steps count as so many independent ones at most, however often it was measured.
constexpr double kIndependent = 6.0;

// How far the Gaussian process is off for a deployment that was not measured, relative to what is believed
// above.
/// Fewer groups do not tell it.
constexpr std::size_t kFewGroups = 4;
constexpr double kLeastWidening = 0.3, kMostWidening = 3.0;
/// What is believed before counts as much as so many groups.
constexpr double kBelievedGroups = 4.0;
/// The share of normal variables within one standard deviation.
constexpr double kWithin = 0.683;

std::string model_key(const LlmDeployment& d) { return d.model.name + "|" + d.accelerator.name; }
std::string deployment_key(const LlmDeployment& d) {
  return fmt::format("{}|{}|{}|{}|{}|{}", model_key(d), d.tensor_parallel, d.pipeline_parallel, d.weight_bits,
                     d.kv_bits, d.activation_bits);
}

double matern(double distance) {
  const double r = std::sqrt(3.0) * std::abs(distance) / kOctaves;
  return (1.0 + r) * std::exp(-r);
}

double likeness(const LlmStepMeasure& a, const LlmStepMeasure& b) {
  return matern(std::log2(a.batch / b.batch)) * matern(std::log2(a.tokens / b.tokens));
}

double covariance(const LlmStepMeasure& a, const LlmStepMeasure& b, bool model, bool own) {
  const double alike = likeness(a, b);
  double sum = kSharedLevelSd * kSharedLevelSd + kSharedSd * kSharedSd * alike;
  if (model) sum += kModelSd * kModelSd * (0.5 + 0.5 * alike);
  if (own) sum += kOwnLevelSd * kOwnLevelSd + kOwnSd * kOwnSd * alike;
  return sum;
}

/// The steps of one kind, by deployment, without copies: what another deployment of the group also has.
struct Steps {
  const MeasuredDeployment* of;
  std::vector<LlmStepMeasure> steps;
};
std::vector<Steps> distinct(const std::vector<MeasuredDeployment>& measured, bool decode) {
  std::vector<Steps> chosen;
  for (const auto& one : measured) {
    Steps own{&one, {}};
    for (const auto& step : one.steps)
      if (step.decode == decode) own.steps.push_back(step);
    const auto copied = [&](const Steps& other) {
      return other.of->group == one.group && other.steps == own.steps;
    };
    if (!own.steps.empty() && std::none_of(chosen.begin(), chosen.end(), copied))
      chosen.push_back(std::move(own));
  }
  return chosen;
}

}  // namespace

LlmStep llm_step(const LlmDeployment& deployment, const LlmStack& stack, const LlmStepMeasure& at) {
  return at.decode ? decode_step(deployment, stack, at.batch, at.tokens)
                   : prompt_step(deployment, stack, at.batch, at.tokens);
}

LlmDeployment LlmCalibration::adjusted(LlmDeployment deployment) const {
  const auto found = profiles_.find(deployment.accelerator.name);
  if (found == profiles_.end()) return deployment;
  deployment.accelerator.host_factor *= found->second.host_factor;
  deployment.accelerator.matrix_share *= found->second.matrix_share;
  return deployment;
}

Eigen::Index LlmCalibration::place_of(const std::string& accelerator) const {
  const auto found = std::find(accelerators_.begin(), accelerators_.end(), accelerator);
  return static_cast<Eigen::Index>(LlmStack::kCount) + 2 * (found - accelerators_.begin());
}

Eigen::VectorXd LlmCalibration::sensitivity(const LlmDeployment& deployment, const LlmStepMeasure& at) const {
  constexpr double kStep = 1e-4;
  const LlmDeployment own = adjusted(deployment);
  const double before = std::log(llm_step(own, stack_, at).seconds);
  const auto change = [&](const LlmDeployment& moved, const LlmStack& stack) {
    return (std::log(llm_step(moved, stack, at).seconds) - before) / kStep;
  };
  Eigen::VectorXd slopes = Eigen::VectorXd::Zero(covariance_.rows());
  for (std::size_t i = 0; i < LlmStack::kCount; ++i) {
    auto values = stack_.values();
    values[i] *= std::exp(kStep);
    slopes[static_cast<Eigen::Index>(i)] = change(own, LlmStack::of(values));
  }
  const Eigen::Index place = place_of(own.accelerator.name);
  LlmDeployment moved = own;
  moved.accelerator.host_factor *= std::exp(kStep);
  slopes[place] = change(moved, stack_);
  moved = own;
  moved.accelerator.matrix_share *= std::exp(kStep);
  slopes[place + 1] = change(moved, stack_);
  return slopes;
}

/// Damped least squares on logarithms with Huber weights, every constant pulled to where it starts. Decoding
/// decides what it sees; prompts then decide the rest.
double LlmCalibration::fit_constants(const std::vector<MeasuredDeployment>& measured, const Options& options,
                                     bool decode, bool turns) {
  const auto chosen = distinct(measured, decode);
  std::vector<std::string> names;
  struct Row {
    const MeasuredDeployment* deployment;
    const LlmStepMeasure* step;
    double scale;
  };
  std::vector<Row> rows;
  for (const auto& one : chosen) {
    const std::string& name = one.of->deployment.accelerator.name;
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    const double count = static_cast<double>(one.steps.size());
    for (const auto& step : one.steps)
      rows.push_back({one.of, &step,
                      std::sqrt(std::min(1.0, kIndependent / count)) / (decode ? kConstantsSd : kPromptsSd)});
  }
  if (rows.empty()) return 0.0;
  auto freedom = kFreedom;
  if (!turns) freedom[kOverlap] = kHeld;
  const std::size_t first = decode ? 0 : LlmStack::kDecoding;
  const std::size_t constants = (decode ? LlmStack::kDecoding : LlmStack::kCount) - first;
  const auto unknowns = static_cast<Eigen::Index>(constants + names.size());
  const auto start = options.start.values();

  const auto apply = [&](const Eigen::VectorXd& x) {
    auto values = stack_.values();
    for (std::size_t i = 0; i < constants; ++i)
      values[first + i] = start[first + i] * std::exp(x[static_cast<Eigen::Index>(i)]);
    stack_ = LlmStack::of(values);
    for (std::size_t i = 0; i < names.size(); ++i) {
      Profile& profile = profiles_[names[i]];
      (decode ? profile.host_factor : profile.matrix_share) =
          std::exp(x[static_cast<Eigen::Index>(constants + i)]);
    }
  };
  const auto residuals = [&](const Eigen::VectorXd& x) {
    apply(x);
    Eigen::VectorXd r(static_cast<Eigen::Index>(rows.size()) + unknowns);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const double seconds =
          llm_step(adjusted(rows[i].deployment->deployment), stack_, *rows[i].step).seconds;
      r[static_cast<Eigen::Index>(i)] = rows[i].scale * std::log(seconds / rows[i].step->seconds);
    }
    for (Eigen::Index i = 0; i < unknowns; ++i)
      r[static_cast<Eigen::Index>(rows.size()) + i] =
          x[i] / (i < static_cast<Eigen::Index>(constants) ? freedom[first + static_cast<std::size_t>(i)]
                                                           : kProfileSd);
    return r;
  };
  const auto huber = [&](const Eigen::VectorXd& r) {  // sum and the square roots of weights
    Eigen::VectorXd w = Eigen::VectorXd::Ones(r.size());
    double sum = 0.0;
    for (Eigen::Index i = 0; i < r.size(); ++i) {
      const double size = std::abs(r[i]);
      const bool far = i < static_cast<Eigen::Index>(rows.size()) && size > 1.0;
      sum += far ? 2.0 * size - 1.0 : size * size;
      if (far) w[i] = 1.0 / std::sqrt(size);
    }
    return std::pair{sum, w};
  };

  Eigen::VectorXd x = Eigen::VectorXd::Zero(unknowns);
  Eigen::VectorXd r = residuals(x);
  auto [cost, weight] = huber(r);
  double damping = 1e-2;
  const auto slopes = [&] {
    Eigen::MatrixXd jacobian(r.size(), unknowns);
    constexpr double kStep = 1e-5;
    for (Eigen::Index i = 0; i < unknowns; ++i) {
      Eigen::VectorXd moved = x;
      moved[i] += kStep;
      jacobian.col(i) = (residuals(moved) - r) / kStep;
    }
    return jacobian;
  };
  for (int round = 0; round < 60; ++round) {
    const Eigen::MatrixXd weighted = weight.asDiagonal() * slopes();
    const Eigen::VectorXd target = weight.asDiagonal() * r;
    const Eigen::MatrixXd normal = weighted.transpose() * weighted;
    const Eigen::VectorXd gradient = weighted.transpose() * target;
    bool better = false;
    for (int tries = 0; tries < 12 && !better; ++tries) {
      Eigen::MatrixXd damped = normal;
      damped.diagonal() += damping * normal.diagonal();
      const Eigen::VectorXd next = x - damped.ldlt().solve(gradient).cwiseMax(-1.0).cwiseMin(1.0);
      const Eigen::VectorXd moved = residuals(next);
      auto [sum, w] = huber(moved);
      if (std::isfinite(sum) && sum < cost) {
        const bool small = cost - sum < 1e-9 * (1.0 + cost);
        x = next;
        r = moved;
        cost = sum;
        weight = w;
        damping = std::max(1e-9, damping * 0.3);
        better = true;
        if (small) round = 60;
      } else {
        damping *= 4.0;
      }
    }
    if (!better) break;
  }
  const Eigen::MatrixXd weighted = weight.asDiagonal() * slopes();
  apply(x);
  // What the measurements and what was believed before leave open: the inverse of the normal matrix.
  const Eigen::MatrixXd open =
      (weighted.transpose() * weighted).ldlt().solve(Eigen::MatrixXd::Identity(unknowns, unknowns));
  std::vector<Eigen::Index> places;
  for (std::size_t i = 0; i < constants; ++i) places.push_back(static_cast<Eigen::Index>(first + i));
  for (const std::string& name : names) places.push_back(place_of(name) + (decode ? 0 : 1));
  for (Eigen::Index i = 0; i < unknowns; ++i)
    for (Eigen::Index j = 0; j < unknowns; ++j)
      covariance_(places[static_cast<std::size_t>(i)], places[static_cast<std::size_t>(j)]) = open(i, j);
  return cost;
}

void LlmCalibration::fit_residuals(const std::vector<MeasuredDeployment>& measured, bool decode) {
  Process& process = processes_[decode ? 1 : 0];
  std::vector<double> logs;
  for (const auto& one : distinct(measured, decode))
    for (const auto& step : one.steps) {
      const LlmDeployment& deployment = one.of->deployment;
      process.at.push_back(step);
      process.model.push_back(model_key(deployment));
      process.deployment.push_back(deployment_key(deployment));
      logs.push_back(std::log(step.seconds / llm_step(adjusted(deployment), stack_, step).seconds));
    }
  const auto n = static_cast<Eigen::Index>(logs.size());
  if (n == 0) return;
  Eigen::MatrixXd gram(n, n);
  for (Eigen::Index i = 0; i < n; ++i)
    for (Eigen::Index j = 0; j <= i; ++j) {
      const auto a = static_cast<std::size_t>(i), b = static_cast<std::size_t>(j);
      gram(i, j) = gram(j, i) = covariance(process.at[a], process.at[b], process.model[a] == process.model[b],
                                           process.deployment[a] == process.deployment[b]) +
                                (i == j ? kNoise * kNoise : 0.0);
    }
  const Eigen::LLT<Eigen::MatrixXd> factor(gram);
  process.weights = factor.solve(Eigen::Map<const Eigen::VectorXd>(logs.data(), n));
  process.factor = factor.matrixL();
  process.sensitivities.resize(n, covariance_.rows());
  Eigen::Index row = 0;
  for (const auto& one : distinct(measured, decode))
    for (const auto& step : one.steps)
      process.sensitivities.row(row++) = sensitivity(one.of->deployment, step).transpose();
}

LlmCalibration LlmCalibration::fit(const std::vector<MeasuredDeployment>& measured, const Options& options) {
  std::size_t steps = 0;
  for (const auto& one : measured)
    for (const auto& step : one.steps) {
      if (!(step.seconds > 0.0) || !(step.batch >= 1.0) || !(step.tokens >= 1.0))
        throw Error(fmt::format("{}: a measured step of {} s at batch {} and {} tokens is impossible",
                                one.name, step.seconds, step.batch, step.tokens));
      ++steps;
    }
  if (steps == 0) throw Error("there are no measured deployments to learn from");
  LlmCalibration calibration;
  calibration.stack_ = options.start;
  auto& names = calibration.accelerators_;
  for (const auto& one : measured)
    if (const std::string& name = one.deployment.accelerator.name;
        std::find(names.begin(), names.end(), name) == names.end())
      names.push_back(name);
  const auto constants = static_cast<Eigen::Index>(LlmStack::kCount);
  Eigen::VectorXd believed =
      Eigen::VectorXd::Constant(constants + 2 * static_cast<Eigen::Index>(names.size() + 1), kProfileSd);
  believed.head(constants) = Eigen::Map<const Eigen::VectorXd>(kFreedom.data(), constants);
  calibration.covariance_ = believed.cwiseAbs2().asDiagonal();
  LlmCalibration turns = calibration;
  const double overlapping = calibration.fit_constants(measured, options, true, false);
  if (turns.fit_constants(measured, options, true, true) < kPlainly * overlapping)
    calibration = std::move(turns);
  calibration.fit_constants(measured, options, false, false);
  if (options.residuals)
    for (const bool decode : {false, true}) calibration.fit_residuals(measured, decode);
  if (options.residuals && options.spreads) calibration.fit_spreads(measured, options);
  return calibration;
}

/// A standard deviation of prompts and one of decoding that hold 68% of the groups left out in turn.
void LlmCalibration::fit_spreads(const std::vector<MeasuredDeployment>& measured, const Options& options) {
  std::set<std::size_t> groups;
  for (const auto& one : measured) groups.insert(one.group);
  if (groups.size() < kFewGroups) return;
  Options inner = options;
  inner.spreads = false;
  /// A group's steps, which are off together: means of the squared logarithm and of its variances.
  struct Left {
    double off = 0.0, process = 0.0, constants = 0.0, steps = 0.0;
  };
  std::vector<Left> left[2];
  for (const std::size_t group : groups) {
    std::vector<MeasuredDeployment> rest, out;
    for (const auto& one : measured) (one.group == group ? out : rest).push_back(one);
    if (std::all_of(rest.begin(), rest.end(), [](const auto& one) { return one.steps.empty(); })) continue;
    const LlmCalibration others = fit(rest, inner);
    for (const bool decode : {false, true}) {
      if (others.processes_[decode ? 1 : 0].at.empty()) continue;
      Left own;
      for (const auto& one : distinct(out, decode))
        for (const auto& step : one.steps) {
          const Parts parts = others.parts_of(one.of->deployment, step);
          if (parts.measured) continue;
          const double off = std::log(step.seconds / parts.seconds);
          own.off += off * off;
          own.process += parts.process;
          own.constants += parts.constants;
          own.steps += 1.0;
        }
      if (own.steps > 0.0)
        left[decode ? 1 : 0].push_back(
            {own.off / own.steps, own.process / own.steps, own.constants / own.steps, own.steps});
    }
  }
  for (const bool decode : {false, true}) {
    const auto& all = left[decode ? 1 : 0];
    if (all.size() < kFewGroups) continue;
    const auto held = [&](double widening) {  // how wide the groups are, in standard deviations
      std::vector<double> sizes;
      for (const Left& one : all)
        sizes.push_back(std::sqrt(one.off / (widening * widening * one.process + one.constants)));
      return predict::quantile(sizes, kWithin);
    };
    double low = kLeastWidening, high = kMostWidening;
    for (int halving = 0; halving < 40; ++halving) {
      const double middle = std::sqrt(low * high);
      (held(middle) > 1.0 ? low : high) = middle;
    }
    const double count = static_cast<double>(all.size());
    processes_[decode ? 1 : 0].widening = std::pow(high, count / (count + kBelievedGroups));
  }
}

LlmCalibration::Parts LlmCalibration::parts_of(const LlmDeployment& deployment,
                                               const LlmStepMeasure& at) const {
  const Process& process = processes_[at.decode ? 1 : 0];
  Parts parts{llm_step(adjusted(deployment), stack_, at).seconds};
  if (covariance_.size() == 0) return parts;
  parts.process = covariance(at, at, true, true) + kNoise * kNoise;
  Eigen::VectorXd slopes = sensitivity(deployment, at);
  if (!process.at.empty()) {
    const std::string model = model_key(deployment), own = deployment_key(deployment);
    Eigen::VectorXd k(process.weights.size());
    for (Eigen::Index i = 0; i < k.size(); ++i) {
      const auto a = static_cast<std::size_t>(i);
      const bool same = process.deployment[a] == own;
      parts.measured = parts.measured || same;
      k[i] = covariance(at, process.at[a], process.model[a] == model, same);
    }
    parts.seconds *= std::exp(k.dot(process.weights));
    const Eigen::VectorXd solved = process.factor.triangularView<Eigen::Lower>().solve(k);
    parts.process = std::max(0.0, parts.process - solved.squaredNorm());
    // Where the constants are off, so are the residuals of the steps that this one is told from: only the
    // difference is left.
    const Eigen::VectorXd told = process.factor.transpose().triangularView<Eigen::Upper>().solve(solved);
    slopes -= process.sensitivities.transpose() * told;
  }
  parts.constants = std::max(0.0, slopes.dot(covariance_ * slopes));
  return parts;
}

LlmCalibration::Prediction LlmCalibration::predict(const LlmDeployment& deployment,
                                                   const LlmStepMeasure& at) const {
  const Parts parts = parts_of(deployment, at);
  const double widening = parts.measured ? 1.0 : processes_[at.decode ? 1 : 0].widening;
  return {parts.seconds, std::sqrt(widening * widening * parts.process + parts.constants)};
}

LlmRuntime LlmCalibration::runtime(const LlmDeployment& deployment, double batch,
                                   const std::vector<double>& prompts, double context) const {
  LlmRuntime runtime;
  runtime.name = deployment.model.name;
  runtime.batch = batch;
  runtime.origin = "estimated";
  const Prediction token = predict(deployment, {true, batch, context});
  runtime.token_s = token.seconds;
  for (const double prompt : prompts) {
    runtime.prompt_tokens.push_back(prompt);
    runtime.prompt_s.push_back(predict(deployment, {false, batch, prompt}).seconds);
  }
  runtime.provenance = {{"calibrated", !processes_[0].at.empty() || !processes_[1].at.empty()},
                        {"relative_spread_of_token_s", token.spread}};
  return runtime;
}

Json LlmCalibration::json() const {
  Json constants = Json::object(), profiles = Json::object();
  const auto values = stack_.values();
  for (std::size_t i = 0; i < values.size(); ++i) constants[LlmStack::names()[i]] = values[i];
  for (const auto& [name, profile] : profiles_)
    profiles[name] = {{"host_factor", profile.host_factor}, {"matrix_share", profile.matrix_share}};
  return {{"constants", constants},
          {"times_the_profile", profiles},
          {"times_the_spread", {{"prompt_s", processes_[0].widening}, {"token_s", processes_[1].widening}}}};
}

}  // namespace hone::cost
