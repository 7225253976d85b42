#pragma once

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "hone/base/rng.h"
#include "hone/run/study_file.h"
#include "hone/study/study.h"

namespace hone::test {

/// A task that only says what it measures.
class MadeTask final : public task::Task {
 public:
  std::vector<task::MeasureInfo> measures() const override {
    return {{"bits_per_char", "validation loss in bits"},
            {"latency_s", "one token, one core", true, true, true},
            {"energy_j", "one token", true, true, false, true},
            {"parameters", "trainable numbers", true, false, true},
            {"latency_s_predicted", "one token, by a model", true, false, true},
            {"memory_bytes", "peak while training", true, true, false, true},
            {"grad_norm", "of the last step"}};
  }
  std::string fidelity_unit() const override { return "steps"; }
  void check(const space::Space&) const override {}
};

/// A study whose trials look like those of a small language model: wider and deeper is better and slower, the
/// learning rate has an optimum, most trials stop early, some diverge or break the latency limit; trial 0 is
/// the defaults'. It was never run: its journal was written by hand, in memory.
struct MadeStudy {
  run::StudyFile file;
  std::unique_ptr<study::Study> study;
};

inline space::Space made_space(const std::string& first = "attention") {
  const auto text = [](const char* word) { return Value(std::string(word)); };
  const auto whole = [](std::int64_t n) { return Value(n); };
  return space::Space::Builder()
      .choice("mixer", {Value(first), text("pattention")})
      .integer("layers", 1, 4)
      .integer("width", 32, 128, {.step = 32})
      .choice("heads", {whole(1), whole(2), whole(4), whole(8)})
      .real("lr", 1e-4, 3e-2, {.log = true})
      .flag("tied")
      .choice("optimiser", {text("adamw")})
      .integer("tokens", 32, 1024, {.log = true, .when = "mixer == 'pattention'"})
      .build();
}

inline MadeStudy made_study(int n, std::size_t n_objectives, const std::string& name = "licences",
                            const std::string& first_mixer = "attention") {
  MadeStudy made;
  made.file.name = name;
  made.file.path = "/made/" + name + ".toml";
  made.file.task_kind = "text";
  made.file.task = std::make_shared<MadeTask>();
  made.file.space = made_space(first_mixer);
  const std::vector<study::Objective> all{{"bits_per_char"}, {"latency_s"}, {"energy_j"}};
  made.file.objectives.assign(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(n_objectives));
  made.file.limits = {{"latency_s", 1e-3, {}}};
  made.file.searcher = "tpe";
  made.file.scheduler = "asha";
  made.file.scheduler_options =
      Options(methods().need("scheduler", "asha").info.options, Json{{"steps", {20, 180}}, {"eta", 3}});
  made.file.seed = 1;
  made.file.budget.trials = n;
  const std::vector<std::int64_t> rungs{20, 60, 180};

  auto store = study::open_store("memory:");
  study::Study::create(*store, {name, made.file.path, "", 1, made.file.objectives, 180, "", {}});
  made.study = std::make_unique<study::Study>(store);
  std::vector<study::Record> records{study::SessionRecord{2, "as many as needed"}};
  for (int id = 0; id < n; ++id) {
    Rng rng(1, "made", static_cast<std::uint64_t>(id));
    space::Config config = made.file.space.sample(rng);
    if (id == 0)
      config = space::Config({{"mixer", Value(first_mixer)},
                              {"layers", Value(std::int64_t{2})},
                              {"width", Value(std::int64_t{64})},
                              {"heads", Value(std::int64_t{4})},
                              {"lr", Value(3e-4)},
                              {"tied", Value(false)},
                              {"optimiser", Value(std::string("adamw"))}});
    const bool pattention = config.text("mixer") == "pattention";
    const auto layers = static_cast<double>(config.integer("layers"));
    const auto width = static_cast<double>(config.integer("width"));
    const double lr = config.real("lr"), parameters = 12.0 * layers * width * width + 96.0 * width;
    const double predicted = 6e-5 * layers * std::pow(width / 32.0, 1.3) * (pattention ? 1.2 : 1.0);
    const double latency = predicted * std::exp(0.05 * rng.normal());
    const double off = std::log(lr / 4e-3);
    const double floor = 1.75 + 4.0 / std::pow(parameters, 0.16) + 0.05 * off * off +
                         (config.flag("tied") ? 0.0 : 0.05) + 0.03 * std::abs(rng.normal());
    const auto loss_at = [&](double step) {
      return floor + (6.5 - floor) * std::exp(-std::pow(step / 14.0, 0.6));
    };
    study::Measures costs{
        {"latency_s", latency}, {"parameters", parameters}, {"latency_s_predicted", predicted}};

    const bool infeasible = latency > 1e-3, failed = !infeasible && lr > 1.8e-2 && rng.below(2) == 0;
    const std::uint64_t luck = id == 0 ? 0 : rng.below(9);
    const std::size_t n_rungs = infeasible || failed ? 0 : luck == 0 ? 3 : luck < 4 ? 2 : 1;
    const bool same = id > 10 && id % 23 == 0 && n_rungs > 0;
    records.push_back(study::TrialRecord{id, config, id == 0 ? "default" : "tpe", 7, id % 40 == 0 ? 1 : 0});
    records.push_back(
        study::StartRecord{id, 1, fmt::format("w{}.77", id % 2), n_rungs ? rungs[n_rungs - 1] : 20});
    records.push_back(
        study::KeysRecord{id, {hash_key(fmt::format("s{}", id)), hash_key(fmt::format("f{}", id))}, costs});
    study::EndRecord end;
    end.trial = id;
    end.attempt = 1;
    for (std::size_t k = 0; k < n_rungs && !same; ++k) {
      study::Measures measures = costs;
      measures.set("bits_per_char", loss_at(static_cast<double>(rungs[k])));
      measures.set("energy_j", latency * 14.0 * (1.0 + 0.1 * rng.uniform()));
      measures.set("memory_bytes", 1.4e7 + 26.0 * parameters * (1.0 + 0.2 * rng.uniform()));
      if (id % 7 == 0) measures.set("grad_norm", std::numeric_limits<double>::quiet_NaN());
      records.push_back(study::ResultRecord{id, 1, {rungs[k], measures}});
    }
    const std::int64_t last = n_rungs ? rungs[n_rungs - 1] : failed ? 30 : 0;
    for (std::int64_t step = 0; step <= last; step += 2)
      end.curve.emplace_back(
          static_cast<double>(step),
          failed && step == 30 ? std::nan("") : loss_at(static_cast<double>(step)) + 0.05 * rng.normal());
    end.spent_s = 0.02 * static_cast<double>(last) + 0.01;
    end.state = infeasible     ? study::TrialState::infeasible
                : failed       ? study::TrialState::failed
                : n_rungs == 3 ? study::TrialState::completed
                               : study::TrialState::paused;
    if (same) {
      end.same_as = id - 10;
      end.state = study::TrialState::completed;
    }
    if (infeasible) {
      end.reason = fmt::format("latency_s is {:.2f} ms, over the limit of 1.00 ms", latency * 1e3);
      end.untrained = true;
    }
    if (failed) {
      end.reason = fmt::format("diverged: loss is nan at step {}", 20 + id % 10);
      end.cause = "diverged";
    }
    if (id % 997 == 500) {
      end.state = study::TrialState::stale;
      end.reason = "its worker died 3 times";
      end.lost = true;
    }
    records.push_back(end);
    if (records.size() > 500) {
      made.study->commit(records);
      records.clear();
    }
  }
  records.push_back(study::EndedRecord{"the trial budget is spent"});
  made.study->commit(records);
  made.study->sync();
  return made;
}

}  // namespace hone::test
