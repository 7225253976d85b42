#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "hone/predict/final_value.h"
#include "hone/schedule/one_fidelity.h"
#include "hone/study/front.h"

namespace hone::schedule {
namespace {

/// Early stopping by performance prediction (Baker et al., 2017): from a trial's curve so far (its values,
/// first and second differences) and its config, a regression predicts the final value; the trial is stopped
/// where that is worse than the best so far with probability `confidence` or more, under a Gaussian whose
/// deviation is the regression's in cross-validation. The regression is nu-support vector regression
/// (predict::FinalValue), one for every point of the curve and every objective.
///
/// It learns from the first n_train complete curves, and anew whenever their number has grown by a quarter
/// (the latest 200 of them, so that learning stays cheap); the paper trains once. Only reports at the same
/// fidelities as those of the present trial teach anything, so it needs tasks that report on their way, all
/// alike. Several objectives: stopped where that holds for every one of them against one complete trial of
/// the front, which would dominate it. A trial with a value that is not finite is left alone.
class CurvePrediction : public StoppingRule {
 public:
  CurvePrediction(const Problem& problem, const Options& options)
      : StoppingRule(options),
        objectives_(problem.objectives),
        n_train_(static_cast<std::size_t>(options.integer("n_train"))),
        confidence_(options.real("confidence")) {
    if (problem.space != nullptr) space_ = *problem.space;
  }

  void update(const study::Change& change) override {
    StoppingRule::update(change);
    const study::Trial& trial = *change.trial;
    const bool counts = trial.state == study::TrialState::completed && trial.same_as < 0;
    const bool known = order_.contains(trial.id);
    if (counts && (!known || change.kind == study::Change::Kind::result)) {
      if (!known) order_[trial.id] = next_place_++;
      Complete complete{trial.id, known_of(trial), {}};
      for (const study::Result& result : trial.results)
        complete.curve[result.fidelity] = study::oriented(objectives_, result.measures);
      if (known) {
        models_.clear();
        count_final(complete_.at(order_.at(trial.id)), false);
      }
      count_final(complete, true);
      complete_[order_[trial.id]] = std::move(complete);
    } else if (!counts && known) {
      count_final(complete_.at(order_.at(trial.id)), false);
      complete_.erase(order_.at(trial.id));
      order_.erase(trial.id);
      models_.clear();
    }
  }

  Verdict judge(const study::Trial& trial, std::int64_t fidelity) override {
    if (!begins_at(fidelity) || complete_.size() < n_train_) return Verdict::go_on;
    std::vector<std::int64_t> at;
    std::vector<std::vector<double>> curve(objectives_.size());
    for (const study::Result& result : trial.results) {
      if (result.fidelity > fidelity) break;
      at.push_back(result.fidelity);
      const auto values = study::oriented(objectives_, result.measures);
      for (std::size_t i = 0; i < values.size(); ++i) {
        if (!std::isfinite(values[i])) return Verdict::go_on;
        curve[i].push_back(values[i]);
      }
    }
    if (at.empty()) return Verdict::go_on;
    const Model& model = model_at(at);
    if (model.by_objective.empty()) return Verdict::go_on;
    std::vector<predict::FinalValue::Prediction> finals;
    for (std::size_t i = 0; i < objectives_.size(); ++i)
      finals.push_back(model.by_objective[i].predict(predict::curve_features(curve[i], known_of(trial))));
    const auto stops = [&](const study::Front::Member& member) {
      for (std::size_t i = 0; i < objectives_.size(); ++i) {
        const double deviation = std::max(finals[i].deviation, 1e-12);
        // P(the final value is worse than the member's), less being better.
        const double worse =
            0.5 * std::erfc(-(finals[i].mean - member.values[i]) / (deviation * std::sqrt(2.0)));
        if (!(worse >= confidence_)) return false;  // also where the prediction is not finite
      }
      return true;
    };
    const auto& members = front().members();
    return std::any_of(members.begin(), members.end(), stops) ? Verdict::stop : Verdict::go_on;
  }

 private:
  static constexpr std::size_t kMostCurves = 200;
  static constexpr std::size_t kMostModels = 1000;
  static constexpr std::size_t kFewest = 6;  // curves that a model can be made of

  struct Complete {
    std::int64_t trial = 0;
    std::vector<double> known;
    std::map<std::int64_t, std::vector<double>> curve;
  };
  struct Model {
    std::size_t curves = 0;                         // complete ones when it was made
    std::vector<predict::FinalValue> by_objective;  // empty: too few curves with these reports
  };

  std::vector<double> known_of(const study::Trial& trial) const {
    if (!space_) return {};
    std::vector<double> known;
    for (const double entry : space_->encode(trial.config)) known.push_back(std::isnan(entry) ? -1.0 : entry);
    return known;
  }

  /// Of how many complete curves the present model is made: n_train, then a quarter more each time.
  std::size_t curves_now() const {
    std::size_t curves = n_train_;
    while (curves + (curves + 3) / 4 <= complete_.size()) curves += (curves + 3) / 4;
    return curves;
  }

  const Model& model_at(const std::vector<std::int64_t>& at) {
    // Tasks that report at ever other fidelities would fill it without end; what is dropped is made again.
    if (models_.size() > kMostModels) models_.clear();
    Model& model = models_[at];
    const std::size_t curves = curves_now();
    if (model.curves == curves) return model;
    model = Model{curves, {}};
    std::vector<const Complete*> usable;
    std::size_t seen = 0;
    for (const auto& [place, complete] : complete_) {
      if (seen++ == curves) break;
      if (fits(complete, at)) usable.push_back(&complete);
    }
    if (usable.size() > kMostCurves) usable.erase(usable.begin(), usable.end() - kMostCurves);
    if (usable.size() < kFewest) return model;
    for (std::size_t i = 0; i < objectives_.size(); ++i) {
      std::vector<std::vector<double>> rows;
      std::vector<double> finals;
      for (const Complete* complete : usable) {
        std::vector<double> curve;
        for (const std::int64_t fidelity : at) curve.push_back(complete->curve.at(fidelity)[i]);
        rows.push_back(predict::curve_features(curve, complete->known));
        finals.push_back(complete->curve.at(horizon())[i]);
      }
      model.by_objective.emplace_back(std::move(rows), finals);
    }
    return model;
  }

  /// Whether a complete curve has finite reports at these fidelities, and none between them.
  bool fits(const Complete& complete, const std::vector<std::int64_t>& at) const {
    const auto finite = [](const std::vector<double>& values) {
      return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
    };
    const auto final = complete.curve.find(horizon());
    if (final == complete.curve.end() || !finite(final->second)) return false;
    auto report = complete.curve.begin();
    for (const std::int64_t fidelity : at) {
      if (report == complete.curve.end() || report->first != fidelity || !finite(report->second))
        return false;
      ++report;
    }
    return true;
  }

  void count_final(const Complete& complete, bool add) {
    const auto final = complete.curve.find(horizon());
    if (final == complete.curve.end()) return;
    if (!add)
      stale_ = true;
    else if (!stale_ && std::all_of(final->second.begin(), final->second.end(),
                                    [](double value) { return std::isfinite(value); }))
      front_.insert(complete.trial, final->second);
  }

  /// Of complete trials' final values.
  const study::Front& front() {
    if (stale_) {
      front_.clear();
      stale_ = false;
      for (const auto& [place, complete] : complete_) count_final(complete, true);
    }
    return front_;
  }

  std::vector<study::Objective> objectives_;
  std::size_t n_train_;
  double confidence_;
  study::Front front_;
  bool stale_ = false;  // something that it was made of is gone
  std::optional<space::Space> space_;
  std::map<std::int64_t, Complete> complete_;   // by the order in which they completed
  std::map<std::int64_t, std::int64_t> order_;  // of trials
  std::int64_t next_place_ = 0;
  std::map<std::vector<std::int64_t>, Model> models_;
};

}  // namespace
}  // namespace hone::schedule

HONE_REGISTER(scheduler, curve_prediction) {
  using namespace hone;
  using Type = OptionSpec::Type;
  auto options = schedule::StoppingRule::options();
  options.push_back({.name = "n_train",
                     .type = Type::integer,
                     .fallback = 100,
                     .summary = "complete curves before the first prediction",
                     .low = 6,
                     .high = 1e6});
  options.push_back({.name = "confidence",
                     .type = Type::real,
                     .fallback = 0.95,
                     .summary = "probability of ending worse than the best from which a trial is stopped",
                     .low = 0.5,
                     .high = 1.0});
  registry.add(
      "scheduler",
      MethodInfo{
          .name = "curve_prediction",
          .summary =
              "Stops a trial whose final value, predicted from its curve so far, will not be the best.",
          .paper = "Accelerating Neural Architecture Search using Performance Prediction",
          .options = std::move(options),
          .traits = "learns from the latest 200 complete curves",
          .abilities = {.objectives = "several",
                        .constraints = "ignored",
                        .batch = "independent",
                        .fidelity = "every report",
                        .ask = "O(1)",
                        .trials = "n_train and more"}},
      schedule::MakeScheduler([](const schedule::Problem& problem, const Options& options) {
        return std::make_unique<schedule::CurvePrediction>(problem, options);
      }));
}
