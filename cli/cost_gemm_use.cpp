// hone cost gemm predict, choose: what was learned of matrix products, asked.
#include <cmath>
#include <cstdio>
#include <memory>

#include "cost_gemm.h"
#include "hone/base/clock.h"
#include "hone/base/units.h"
#include "hone/cost/gemm/measure.h"
#include "hone/run/summary.h"
#include "progress_line.h"

namespace hone::cli {
namespace {

struct GemmUseArguments {
  std::string model, type, config, fixed, goal = "time";
  cost::GemmRun shape;
  std::int64_t batch = 1, top = 5;
  double weight = 0.5;
  bool json = false, verify = false, any_layout = false;
};

cost::GemmRun gemm_run_of(const GemmUseArguments& arguments, const cost::GemmForest::Kernel& kernel) {
  cost::GemmRun run = arguments.shape;
  run.batch = static_cast<double>(arguments.batch);
  run.config = kernel.config;
  run.type = kernel.type;
  run.sum_type = kernel.sum_type;
  run.out_type = kernel.out_type;
  return run;
}

/// A kernel with what `config` says of it in its place; "": nothing.
cost::GemmForest::Kernel gemm_with(cost::GemmForest::Kernel kernel, const std::string& config,
                                   const std::string& what) {
  if (!config.empty())
    for (const auto& [field, value] : cost::GemmConfig::parse_fields(config, what))
      kernel.config.*field.value = value;
  return kernel;
}

using GemmFixed = std::vector<std::pair<cost::GemmConfig::Field, std::int64_t>>;
constexpr std::int64_t cost::GemmConfig::*kGemmLayout[]{
    &cost::GemmConfig::column_a, &cost::GemmConfig::column_b, &cost::GemmConfig::column_c};

bool of_layout(const cost::GemmConfig::Field& field) {
  return std::find(std::begin(kGemmLayout), std::end(kGemmLayout), field.value) != std::end(kGemmLayout);
}

/// What is compared with: the first kernel of the type and of the layouts that --fixed asks for, with what
/// --baseline says in its place.
cost::GemmForest::Kernel gemm_baseline_of(const GemmUseArguments& arguments, const cost::GemmForest& forest,
                                          const GemmFixed& fixed) {
  cost::GemmForest::Kernel baseline = forest.baseline(arguments.type, Place{arguments.model, 0, ""});
  const auto alike = [&](const cost::GemmForest::Kernel& kernel) {
    return kernel.type == baseline.type && kernel.sum_type == baseline.sum_type &&
           kernel.out_type == baseline.out_type &&
           std::all_of(fixed.begin(), fixed.end(), [&](const auto& one) {
             return !of_layout(one.first) || kernel.config.*one.first.value == one.second;
           });
  };
  const auto found = std::find_if(forest.kernels().begin(), forest.kernels().end(), alike);
  if (found != forest.kernels().end()) baseline = *found;
  return gemm_with(baseline, arguments.config, "--baseline");
}

/// The caller's data lie as they lie: where --fixed says nothing of a layout, it is the baseline's.
void fix_layout(const cost::GemmConfig& baseline, GemmFixed& fixed) {
  for (const auto& field : cost::GemmConfig::fields()) {
    const bool said = std::any_of(fixed.begin(), fixed.end(),
                                  [&](const auto& one) { return one.first.value == field.value; });
    if (of_layout(field) && !said) fixed.emplace_back(field, baseline.*field.value);
  }
}

std::string gemm_config_text(const cost::GemmForest::Kernel& kernel) {
  const std::string text = kernel.config.text();
  return text.empty() ? "nothing known" : text;
}

std::string gemm_watts(double value) { return std::isfinite(value) ? fmt::format("{:.4g} W", value) : "-"; }
std::string gemm_joules(double value) { return std::isfinite(value) ? fmt::format("{:.4g} J", value) : "-"; }
std::string gemm_seconds(double value) { return std::isfinite(value) ? seconds_text(value) : "-"; }

Json gemm_json(const cost::GemmPrediction& prediction) {
  return {{"runtime_s", prediction.runtime_s.json()},
          {"power_w", prediction.power_w.json()},
          {"energy_j", prediction.energy_j.json()},
          {"flops_per_s", prediction.flops_per_s}};
}

/// What error bars are of: "shapes" or "rows" that were held out; null where there are none.
Json gemm_held_out(const cost::GemmForest& forest) {
  if (forest.scores().empty()) return nullptr;
  return forest.rows_held_out() ? "rows" : "shapes";
}

void say_beyond(std::vector<std::string> beyond) {
  if (std::erase(beyond, "configuration") > 0)
    std::fprintf(stderr, "this configuration was not measured; the forest tells of it by those that were\n");
  if (!beyond.empty())
    std::fprintf(
        stderr,
        "this product lies beyond those that were measured in %s; trees do not know where that leads\n",
        fmt::format("{}", fmt::join(beyond, ", ")).c_str());
}

int gemm_predict(const GemmUseArguments& arguments) {
  const auto forest = cost::GemmForest::load(arguments.model);
  const auto kernel =
      gemm_with(forest.baseline(arguments.type, Place{arguments.model, 0, ""}), arguments.config, "--config");
  const cost::GemmRun run = gemm_run_of(arguments, kernel);
  const cost::GemmPrediction found = forest.predict(run);
  const std::vector<std::string> beyond = forest.beyond(run);
  const cost::GemmShape& shape = arguments.shape.shape;
  if (arguments.json) {
    Json json = gemm_json(found);
    json["m"] = shape.m;
    json["n"] = shape.n;
    json["k"] = shape.k;
    json["type"] = kernel.type;
    json["config"] = kernel.config.text();
    json["within_measured"] = beyond.empty();
    json["beyond"] = beyond;
    json["device"] = forest.device();
    json["held_out"] = gemm_held_out(forest);
    print_json(json);
    return kDone;
  }
  std::printf("%lld x %lld x %lld, %s, %s%s\n\n", static_cast<long long>(shape.m),
              static_cast<long long>(shape.n), static_cast<long long>(shape.k), kernel.type.c_str(),
              gemm_config_text(kernel).c_str(),
              arguments.config.empty() ? " (the model's baseline: --config names another)" : "");
  std::vector<std::vector<std::string>> rows{{"", "predicted", "9 of 10 lie from", "to"}};
  const auto add = [&](const char* name, const cost::GemmFigure& figure, auto text) {
    rows.push_back({name, text(figure.value), text(figure.low), text(figure.high)});
  };
  add("time", found.runtime_s, gemm_seconds);
  if (forest.power()) {
    add("power", found.power_w, gemm_watts);
    add("energy", found.energy_j, gemm_joules);
  }
  std::printf("%s\n%.4g GFLOP/s\n", run::table_text(rows, output_columns()).c_str(), found.flops_per_s / 1e9);
  if (!forest.power()) std::printf("power and energy are not known: none was measured\n");
  if (gemm_held_out(forest) == "rows")
    std::fprintf(
        stderr,
        "9 of 10 lie there of shapes that were learned from with other configurations: new shapes do "
        "worse\n");
  say_beyond(beyond);
  return kDone;
}

/// What --verify measures: nothing where it was interrupted.
std::vector<cost::GemmRun> gemm_verify(const cost::GemmShape& shape, const cost::GemmForest::Kernel& best,
                                       const cost::GemmForest::Kernel& baseline) {
  cost::GemmMeasureOptions options;
  options.type = baseline.type;
  options.repeats = 15;
  ProgressLine progress(false);
  const double began = monotonic_s();
  auto measured = cost::measure_gemm(shape, {best.config, baseline.config}, options, nullptr, [&] {
    progress.show(
        fmt::format("measuring the best one and the baseline: {}", duration_text(monotonic_s() - began)));
    return interrupted();
  });
  progress.clear();
  if (measured.size() != 2) std::fprintf(stderr, "stopped before both were measured\n");
  return measured;
}

int gemm_choose(const GemmUseArguments& arguments) {
  const auto forest = cost::GemmForest::load(arguments.model);
  const cost::GemmGoal goal = arguments.goal == "time"     ? cost::GemmGoal::time
                              : arguments.goal == "energy" ? cost::GemmGoal::energy
                                                           : cost::GemmGoal::weighted;
  GemmFixed fixed;
  if (!arguments.fixed.empty()) fixed = cost::GemmConfig::parse_fields(arguments.fixed, "--fixed");
  const auto baseline = gemm_baseline_of(arguments, forest, fixed);
  if (!arguments.any_layout) fix_layout(baseline.config, fixed);
  if (arguments.verify && (arguments.batch != 1 || arguments.shape.beta != 0.0))
    throw Error("one product without beta is what --verify measures, and not what is asked for",
                Place{"", 0, "--verify"}, "leave out --verify, or --batch and --beta");
  if (arguments.verify && forest.device() != cost::cpu_gemm_device())
    throw Error(
        fmt::format("the model is of '{}', and this machine is '{}'",
                    forest.device().empty() ? "a device that its table does not name" : forest.device(),
                    cost::cpu_gemm_device()),
        Place{arguments.model, 0, ""}, "--verify measures only where the table was measured");
  cost::GemmRun shape = arguments.shape;
  shape.batch = static_cast<double>(arguments.batch);
  const auto list = forest.choose(shape, goal, arguments.weight, [&](const auto& kernel) {
    if (kernel.type != baseline.type || kernel.sum_type != baseline.sum_type ||
        kernel.out_type != baseline.out_type)
      return false;
    return std::all_of(fixed.begin(), fixed.end(),
                       [&](const auto& one) { return kernel.config.*one.first.value == one.second; });
  });
  const cost::GemmForest::Candidate& best = list.front();
  const cost::GemmPrediction usual = forest.predict(gemm_run_of(arguments, baseline));
  const std::vector<std::string> beyond = forest.beyond(gemm_run_of(arguments, best.kernel));
  const std::vector<std::string> usual_beyond = forest.beyond(gemm_run_of(arguments, baseline));
  const double faster = usual.runtime_s.value / best.predicted.runtime_s.value;
  const double power = best.predicted.power_w.value / usual.power_w.value;
  const double energy = best.predicted.energy_j.value / usual.energy_j.value;
  if (arguments.verify) {
    // Told before anything is printed.
    for (const auto& kernel : {best.kernel, baseline})
      cost::need_cpu_gemm(shape.shape, kernel.config, kernel.type);
    catch_interrupts();
  }
  if (arguments.json) {
    std::vector<cost::GemmRun> measured;
    if (arguments.verify) measured = gemm_verify(shape.shape, best.kernel, baseline);
    Json json{{"m", shape.shape.m},
              {"n", shape.shape.n},
              {"k", shape.shape.k},
              {"type", baseline.type},
              {"goal", arguments.goal},
              {"config", best.kernel.config.text()},
              {"predicted", gemm_json(best.predicted)},
              {"baseline",
               {{"config", baseline.config.text()},
                {"predicted", gemm_json(usual)},
                {"within_measured", usual_beyond.empty()},
                {"beyond", usual_beyond}}},
              {"times_as_fast", faster},
              {"power_ratio", finite_or_null(power)},
              {"energy_ratio", finite_or_null(energy)},
              {"within_measured", beyond.empty()},
              {"beyond", beyond},
              {"held_out", gemm_held_out(forest)}};
    if (measured.size() == 2)
      json["measured"] = {{"runtime_s", measured[0].runtime_s},
                          {"baseline_runtime_s", measured[1].runtime_s},
                          {"times_as_fast", measured[1].runtime_s / measured[0].runtime_s}};
    Json others = Json::array();
    for (std::size_t i = 1; i < list.size() && i < static_cast<std::size_t>(arguments.top); ++i)
      others.push_back({{"config", list[i].kernel.config.text()},
                        {"score", list[i].score},
                        {"predicted", gemm_json(list[i].predicted)}});
    json["next"] = others;
    print_json(json);
    return arguments.verify && measured.size() != 2 ? kStopped : kDone;
  }
  std::printf("%lld x %lld x %lld, %s, the least %s of %zu configurations\n\n",
              static_cast<long long>(shape.shape.m), static_cast<long long>(shape.shape.n),
              static_cast<long long>(shape.shape.k), baseline.type.c_str(),
              arguments.goal == "weighted"
                  ? fmt::format("time^{:g} x energy^{:g}", arguments.weight, 1.0 - arguments.weight).c_str()
                  : arguments.goal.c_str(),
              list.size());
  std::vector<std::vector<std::string>> rows{{"", "time", "power", "energy", "configuration"}};
  const auto add = [&](const std::string& name, const cost::GemmPrediction& prediction,
                       const cost::GemmForest::Kernel& kernel) {
    rows.push_back({name, gemm_seconds(prediction.runtime_s.value), gemm_watts(prediction.power_w.value),
                    gemm_joules(prediction.energy_j.value), gemm_config_text(kernel)});
    if (!forest.power()) rows.back().erase(rows.back().begin() + 2, rows.back().begin() + 4);
  };
  if (!forest.power()) rows[0].erase(rows[0].begin() + 2, rows[0].begin() + 4);
  for (std::size_t i = 0; i < list.size() && i < static_cast<std::size_t>(arguments.top); ++i)
    add(i == 0 ? "best" : fmt::format("{}", i + 1), list[i].predicted, list[i].kernel);
  add("baseline", usual, baseline);
  std::printf("%s\npredicted: %.2f times as fast as the baseline",
              run::table_text(rows, output_columns()).c_str(), faster);
  if (forest.power()) std::printf(", with %.2f times its power and %.2f times its energy", power, energy);
  std::printf("\n");
  say_beyond(beyond);
  // Else it lies beyond in what the best one does, for the product is the same.
  if (std::find(usual_beyond.begin(), usual_beyond.end(), "configuration") != usual_beyond.end())
    std::fprintf(stderr, "the baseline was not measured; the forest tells of it by those that were\n");
  if (std::any_of(std::begin(kGemmLayout), std::end(kGemmLayout),
                  [&](const auto field) { return best.kernel.config.*field != baseline.config.*field; }))
    std::fprintf(stderr, "the best one wants the data in another layout than the baseline has them in\n");
  if (!arguments.verify) return kDone;
  std::fflush(stdout);
  const auto measured = gemm_verify(shape.shape, best.kernel, baseline);
  if (measured.size() != 2) return kStopped;
  std::printf("measured: %s against the baseline's %s: %.2f times as fast\n",
              gemm_seconds(measured[0].runtime_s).c_str(), gemm_seconds(measured[1].runtime_s).c_str(),
              measured[1].runtime_s / measured[0].runtime_s);
  return kDone;
}

void add_gemm_shape(CLI::App* command, GemmUseArguments& arguments) {
  command->add_option("MODEL", arguments.model, "What hone cost gemm learn wrote")->required();
  command->add_option("-m,--m", arguments.shape.shape.m, "Rows of A and C")
      ->required()
      ->check(whole_number(1, 1000000000));
  command->add_option("-n,--n", arguments.shape.shape.n, "Columns of B and C")
      ->required()
      ->check(whole_number(1, 1000000000));
  command->add_option("-k,--k", arguments.shape.shape.k, "Columns of A, rows of B")
      ->required()
      ->check(whole_number(1, 1000000000));
  command->add_option("--type", arguments.type, "Of A and B; otherwise that of most rows of the table");
  command->add_option("--batch", arguments.batch, "Products of that shape at once")
      ->check(whole_number(1, 1000000))
      ->capture_default_str();
  command->add_option("--beta", arguments.shape.beta, "C = A B + beta C")
      ->check(between(-1e30, 1e30))
      ->capture_default_str();
  command->add_flag("--json", arguments.json, "Print one JSON document");
}

}  // namespace

void add_cost_gemm_use(CLI::App& gemm, Action& action) {
  auto* predict = gemm.add_subcommand("predict", "Time, power and energy of a product, with error bars");
  predict->footer(
      "\nFrom and to: where 9 of 10 products lay that learning held out: of whole shapes, so that this one "
      "may "
      "be new,\nor with --hold-out rows of shapes that it had seen.\n"
      "Examples:\n"
      "  hone cost gemm predict cpu.json -m 300 -n 500 -k 700\n"
      "  hone cost gemm predict rtx4070.json -m 4096 -n 4096 -k 4096 --config "
      "tile_m=128,tile_n=128,tile_k=8,stages=2,warps_m=4,warps_n=2,warps_k=1,inst_m=1,inst_n=1,inst_k=1");
  auto asked = std::make_shared<GemmUseArguments>();
  add_gemm_shape(predict, *asked);
  predict->add_option("--config", asked->config,
                      "tile_m=..,tile_n=..; what is not named is the model's baseline's");
  predict->callback([=, &action] { action = [=] { return gemm_predict(*asked); }; });

  auto* choose = gemm.add_subcommand("choose", "The best configuration of a product, of those measured");
  choose->footer(
      "\nThe baseline is the configuration that was measured most often; --baseline names another. Only\n"
      "configurations of its layouts are chosen from, for the data lie as they lie: --fixed says which they\n"
      "are, --any-layout that they may be any.\n"
      "Examples:\n"
      "  hone cost gemm choose cpu.json -m 300 -n 500 -k 700 --verify\n"
      "  hone cost gemm choose rtx4070.json -m 4096 -n 512 -k 512 --goal energy --fixed "
      "column_a=1,column_b=1\n"
      "  hone cost gemm choose rtx4070.json -m 4096 -n 512 -k 512 --goal weighted --weight 0.8 --json");
  auto chosen = std::make_shared<GemmUseArguments>();
  add_gemm_shape(choose, *chosen);
  choose->add_option("--goal", chosen->goal, "time, energy, or weighted: time^w x energy^(1-w)")
      ->check(CLI::IsMember({"time", "energy", "weighted"}))
      ->capture_default_str();
  choose->add_option("--weight", chosen->weight, "w: 1 is all time, 0 all energy")
      ->check(between(0.0, 1.0))
      ->capture_default_str();
  choose->add_option("--fixed", chosen->fixed, "What a configuration must have: column_a=1,tensor=0");
  choose->add_flag("--any-layout", chosen->any_layout,
                   "Also other layouts of A, B and C than the baseline's (column_a, column_b, column_c)");
  choose->add_option(
      "--baseline", chosen->config,
      "Compare with this configuration: tile_m=..,tile_n=..; what is not named is the model's");
  choose->add_option("--top", chosen->top, "So many of the best are listed")
      ->check(whole_number(1, 1000))
      ->capture_default_str();
  choose->add_flag("--verify", chosen->verify, "Measure the best one and the baseline on this machine");
  choose->callback([=, &action] { action = [=] { return gemm_choose(*chosen); }; });
}

}  // namespace hone::cli
