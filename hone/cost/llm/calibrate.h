#pragma once

#include <Eigen/Core>
#include <map>
#include <string>
#include <vector>

#include "hone/cost/llm/estimate.h"
#include "hone/cost/llm/runtime.h"

namespace hone::cost {

/// One measured step of a deployment: decoding at `tokens` of context, or prompts of `tokens` each.
struct LlmStepMeasure {
  bool decode = true;
  double batch = 1.0;
  double tokens = 1.0;
  double seconds = 0.0;
  double prompt = 0.0;  ///< tokens of the prompt that it belongs to; 0: not known

  bool operator==(const LlmStepMeasure&) const = default;
};

/// A deployment and what was measured on it.
struct MeasuredDeployment {
  std::string name;
  LlmDeployment deployment;
  std::vector<LlmStepMeasure> steps;
  std::size_t group = 0;  ///< deployments of one group are copies of one measurement
};

/// The step that the constants alone predict.
LlmStep llm_step(const LlmDeployment& deployment, const LlmStack& stack, const LlmStepMeasure& at);

/// A stack learned from measured deployments, in three levels: the stack's constants, kept near where they
/// start unless measurements say otherwise; for each accelerator how fast its host launches and how much of
/// its rate products attain, kept near its profile; and what is left, a Gaussian process over the logarithms
/// of batch and tokens with a part that all deployments share and parts of a model on an accelerator and of a
/// deployment's own. A deployment that was measured is therefore predicted close to its measurements, another
/// one of the same stack by the constants and what all have in common. Copies (one group) count once. One
/// that was never fitted predicts by the constants where they start.
/// A plain value; const members may be called from several threads.
class LlmCalibration {
 public:
  struct Options {
    LlmStack start = {};
    bool residuals = true;  ///< the Gaussian process too; false: the constants alone
    /// Learns how far deployments that were not measured are off by leaving measured ones out, one fit for
    /// each group; false: the spread of their predictions stays as it is believed before.
    bool spreads = true;
  };
  /// Throws Error where nothing positive was measured.
  static LlmCalibration fit(const std::vector<MeasuredDeployment>& measured, const Options& options);
  static LlmCalibration fit(const std::vector<MeasuredDeployment>& measured) { return fit(measured, {}); }

  LlmCalibration() = default;
  /// Never fitted: predicts by these constants.
  explicit LlmCalibration(const LlmStack& stack) : stack_(stack) {}

  const LlmStack& stack() const { return stack_; }
  /// The deployment with its accelerator's profile as it was learned.
  LlmDeployment adjusted(LlmDeployment deployment) const;

  struct Prediction {
    double seconds = 0.0;
    /// Relative standard deviation: of what the Gaussian process leaves open, and of the constants that the
    /// measurements do not tell as far as the step depends on them. Of a deployment that was not measured the
    /// first part is as wide as four or more measured groups show, each predicted by the others. 0 where
    /// nothing was fitted.
    double spread = 0.0;
  };
  Prediction predict(const LlmDeployment& deployment, const LlmStepMeasure& at) const;
  /// T(p, o) of a deployment: prompts at the sizes given, steps of decoding at the context given.
  LlmRuntime runtime(const LlmDeployment& deployment, double batch, const std::vector<double>& prompts,
                     double context) const;
  Json json() const;

 private:
  struct Profile {
    double host_factor = 1.0, matrix_share = 1.0;  ///< times the accelerator's own
  };
  struct Process {
    std::vector<LlmStepMeasure> at;
    std::vector<std::string> model, deployment;  ///< keys of the levels
    /// Times the standard deviation of deployments that were not measured, as leaving groups out shows.
    double widening = 1.0;
    Eigen::VectorXd weights;
    Eigen::MatrixXd factor;         ///< Cholesky factor, lower
    Eigen::MatrixXd sensitivities;  ///< a row a step
  };
  /// The loss at its end. `turns`: whether the overlap of host and device is learned too.
  double fit_constants(const std::vector<MeasuredDeployment>& measured, const Options& options, bool decode,
                       bool turns);
  void fit_residuals(const std::vector<MeasuredDeployment>& measured, bool decode);
  void fit_spreads(const std::vector<MeasuredDeployment>& measured, const Options& options);
  /// A prediction's seconds, and the variances of their logarithm.
  struct Parts {
    double seconds = 0.0;
    double process = 0.0, constants = 0.0;  ///< what the Gaussian process and what the constants leave open
    bool measured = false;                  ///< whether the deployment has steps of this kind
  };
  Parts parts_of(const LlmDeployment& deployment, const LlmStepMeasure& at) const;
  /// Where an accelerator's host stands among the unknowns, its products' rate behind it.
  Eigen::Index place_of(const std::string& accelerator) const;
  /// How the logarithm of a step's time changes with those of the unknowns.
  Eigen::VectorXd sensitivity(const LlmDeployment& deployment, const LlmStepMeasure& at) const;

  LlmStack stack_;
  std::map<std::string, Profile> profiles_;
  Process processes_[2];  ///< of prompts, of decoding
  /// Of the logarithms of the unknowns: the stack's constants, host and products of every measured
  /// accelerator, and of one that was not measured. Empty where nothing was fitted.
  Eigen::MatrixXd covariance_;
  std::vector<std::string> accelerators_;  ///< that were measured
};

}  // namespace hone::cost
