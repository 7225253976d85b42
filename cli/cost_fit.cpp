// hone cost fit: T(p, o) from measured requests.
#include <cstdio>
#include <filesystem>

#include "cost_llm.h"
#include "hone/base/files.h"
#include "hone/run/summary.h"

namespace hone::cli {
namespace {

struct CostFitArguments {
  std::string points, output = "model.json", name, model, hardware;
  double batch = 0.0;
  bool median = false, overhead = false, json = false;
};

std::string share(double value) { return std::isfinite(value) ? fmt::format("{:.1f}%", 100.0 * value) : "-"; }

Json rules_json(const cost::RuleErrors& errors) {
  return {{"tiled", real_to_json(errors.tiled)},
          {"linear", real_to_json(errors.linear)},
          {"published", real_to_json(errors.published)},
          {"published_below_256", real_to_json(errors.published_short)}};
}

/// What the fit could not be sure of, a line each.
std::vector<std::string> doubts_of(const cost::LlmFit& fitted) {
  // Noise of more than this hides outliers among the others.
  constexpr double kNoisy = 0.15;
  std::vector<std::string> doubts;
  if (fitted.runtime.token_s == 0.0)
    doubts.push_back(
        "all output sizes took the same time: the clock is too coarse, or the output size was not heeded");
  if (fitted.scale > kNoisy)
    doubts.push_back(fmt::format(
        "times of one prompt size differ by {} from the fit even without the outliers: too much to "
        "tell which were disturbed; measure more output sizes or repeats",
        share(fitted.scale)));
  for (const double size : fitted.left_out_prompts)
    doubts.push_back(fmt::format(
        "{:.0f} prompt tokens: the only time is far above what the neighbours say, and left out", size));
  for (const double size : fitted.doubted_prompts)
    doubts.push_back(fmt::format(
        "{:.0f} prompt tokens: the only time is far below what the neighbours say; measure it again", size));
  return doubts;
}

int fit(const CostFitArguments& arguments) {
  need_writable(arguments.output);
  need_other_file(arguments.output, {arguments.points});
  cost::LlmFitOptions options;
  options.name = !arguments.name.empty()    ? arguments.name
                 : !arguments.model.empty() ? arguments.model
                                            : std::filesystem::path(arguments.points).stem().string();
  options.fastest = !arguments.median;
  options.separate_overhead = arguments.overhead;
  options.batch = arguments.batch;
  options.model = arguments.model;
  options.hardware = arguments.hardware;
  cost::LlmFit fitted;
  try {
    fitted = cost::fit_llm_runtime(cost::read_llm_points(arguments.points), options);
  } catch (const Error& error) {
    if (!error.place().file.empty()) throw;
    throw Error(error.message(), Place{arguments.points, error.place().line, error.place().key},
                error.hint());
  }
  cost::LlmRuntime& runtime = fitted.runtime;
  runtime.provenance["file"] = arguments.points;
  const cost::RuleErrors errors = cost::rule_errors(runtime);
  runtime.provenance["prompt_size_left_out"] = rules_json(errors);
  write_file_atomic(arguments.output, runtime.json().dump(2) + "\n");
  if (arguments.json) {
    Json json = runtime.json();
    json["file"] = std::filesystem::absolute(arguments.output).string();
    print_json(json);
    return kDone;
  }
  std::printf("%s: %lld points in %lld cells of prompt and output size, %lld of them outliers\n",
              runtime.name.c_str(), static_cast<long long>(fitted.points),
              static_cast<long long>(fitted.cells), static_cast<long long>(fitted.outliers));
  std::printf("  output token  %s +- %s\n", seconds_text(runtime.token_s).c_str(),
              seconds_text(fitted.token_error_s).c_str());
  if (runtime.overhead_s > 0.0) std::printf("  overhead      %s\n", seconds_text(runtime.overhead_s).c_str());
  std::printf("  error in sample %s, R^2 %s", share(fitted.mape).c_str(), figure(fitted.r2, 5).c_str());
  if (std::isfinite(fitted.spread))
    std::printf(", repeats spread %s at the median", share(fitted.spread).c_str());
  std::printf("\n");
  for (const std::string& doubt : doubts_of(fitted)) std::printf("  %s\n", doubt.c_str());
  std::printf("\n");
  std::vector<std::vector<std::string>> rows{{"prompt tokens", "time", "+-"}};
  for (std::size_t i = 0; i < runtime.prompt_tokens.size(); ++i)
    rows.push_back({fmt::format("{:.0f}", runtime.prompt_tokens[i]), seconds_text(runtime.prompt_s[i]),
                    seconds_text(fitted.prompt_error_s[i])});
  std::printf("%s", run::table_text(rows).c_str());
  if (std::isfinite(errors.linear)) {
    std::printf("\nprompt sizes left out in turn: error %s interpolated", share(errors.linear).c_str());
    if (runtime.tile > 0.0) std::printf(", %s by tiles of %.0f", share(errors.tiled).c_str(), runtime.tile);
    std::printf(", %s by the published scaling rule", share(errors.published).c_str());
    if (std::isfinite(errors.published_short))
      std::printf(" (%s below %.0f tokens)", share(errors.published_short).c_str(), cost::kShortPrompt);
    std::printf("\n");
  }
  std::printf("\n%s\n", std::filesystem::absolute(arguments.output).c_str());
  return kDone;
}

}  // namespace

void add_cost_fit(CLI::App& cost, Action& action) {
  auto* command = cost.add_subcommand("fit", "Fit a language model's runtime to measured requests");
  command->footer(
      "POINTS is a CSV file with the columns prompt_tokens, output_tokens and seconds (first_token_s, "
      "batch,\nmodel and hardware where known), or lines of JSON with these keys, as `hone cost probe` "
      "writes them.\n"
      "Examples:\n"
      "  hone cost fit points.csv -o model.json\n"
      "  hone cost fit probe.jsonl --overhead -o api.json");
  auto arguments = std::make_shared<CostFitArguments>();
  command->add_option("POINTS", arguments->points, "Measured requests")->required();
  command->add_option("-o,--output", arguments->output, "The model's file")->capture_default_str();
  command->add_option("--name", arguments->name, "The model's name; default: --model, else the file's");
  command->add_option("--model", arguments->model, "Only points of this model, where they are of several");
  command->add_option("--hardware", arguments->hardware, "Only points measured on this hardware");
  command->add_option("--batch", arguments->batch, "Only points of this batch")->check(between(1.0, 1e9));
  command->add_flag("--median", arguments->median,
                    "Repeats as their median; default: the fastest, without contention");
  command->add_flag("--overhead", arguments->overhead,
                    "Tell apart what a request costs beyond its tokens, as denoised runtimes of APIs do");
  command->add_flag("--json", arguments->json, "Print one JSON document");
  command->callback([=, &action] { action = [=] { return fit(*arguments); }; });
}

}  // namespace hone::cli
