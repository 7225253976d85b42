// hone cost llm: what one request of a measured language model takes and costs.
#include "cost_llm.h"

#include <cstdio>
#include <tuple>

#include "cost.h"
#include "hone/cost/llm/measured.h"

namespace hone::cli {

void add_rates(CLI::App* command, cost::LlmRates& rates) {
  command->add_option("--price-per-hour", rates.dollars_per_hour, "Dollars an hour of one accelerator")
      ->check(not_negative());
  auto* power =
      command
          ->add_option(
              "--power-w", rates.power_w,
              "Watts of one accelerator with its share of the host: energy is modelled as power x time")
          ->check(not_negative());
  command
      ->add_option("--carbon", rates.grams_per_kwh, "Grams of CO2 a kWh of the electricity; needs --power-w")
      ->check(not_negative())
      ->needs(power);
}

std::string figure(double value, int digits) {
  return std::isfinite(value) ? fmt::format("{:.{}g}", value, digits) : "-";
}

std::string seconds_text(double seconds) {
  if (!std::isfinite(seconds)) return "-";
  return seconds < 1.0 ? fmt::format("{:.4g} ms", 1e3 * seconds) : fmt::format("{:.4g} s", seconds);
}

std::vector<std::pair<std::string, std::string>> price_texts(const cost::LlmPrice& price) {
  std::vector<std::pair<std::string, std::string>> texts;
  if (std::isfinite(price.dollars)) texts.emplace_back("money", figure(price.dollars) + " USD");
  if (std::isfinite(price.joules)) texts.emplace_back("energy (modelled)", figure(price.joules) + " J");
  if (std::isfinite(price.grams_co2))
    texts.emplace_back("carbon (modelled)", figure(price.grams_co2) + " g CO2");
  return texts;
}

Json price_json(const cost::LlmPrice& price) {
  return {{"seconds", real_to_json(price.seconds)},
          {"dollars", real_to_json(price.dollars)},
          {"energy_j", real_to_json(price.joules)},
          {"energy_source", std::isfinite(price.joules) ? Json("modelled: stated power x time") : Json()},
          {"co2_g", real_to_json(price.grams_co2)}};
}

namespace {

struct CostLlmArguments {
  std::string file, name, rule = "tiled";
  double prompt = 0.0, output = 0.0, gpus = 0.0;
  cost::LlmRates rates;
  bool json = false;
};

/// How many accelerators serve a request, and who says so.
std::pair<double, std::string> accelerators_of(const cost::LlmRuntime& runtime, double stated) {
  if (stated > 0.0) return {stated, "stated"};
  if (const double known = cost::llm_accelerators(runtime); known > 0.0)
    return {known, runtime.provenance.contains("accelerators") ? "of the estimate" : "as published"};
  return {1.0, "assumed; --gpus tells"};
}

int request(const CostLlmArguments& arguments) {
  const auto all = cost::read_llm_runtimes(arguments.file);
  const cost::LlmRuntime* runtime = all.size() == 1 ? &all.front() : nullptr;
  std::vector<std::string> names;
  for (const auto& one : all) {
    names.push_back(one.name);
    if (one.name == arguments.name) runtime = &one;
  }
  if (!arguments.name.empty() && std::find(names.begin(), names.end(), arguments.name) == names.end())
    throw Error(fmt::format("there is no model '{}'", arguments.name), Place{arguments.file, 0, ""},
                suggest(arguments.name, names));
  if (runtime == nullptr)
    throw Error("it holds several models", Place{arguments.file, 0, ""},
                fmt::format("choose one with --name: {}", fmt::join(names, ", ")));
  const cost::PromptRule rule = cost::prompt_rule_named(arguments.rule);
  const double seconds = runtime->seconds(arguments.prompt, arguments.output, rule);
  cost::LlmRates rates = arguments.rates;
  std::string who;
  std::tie(rates.accelerators, who) = accelerators_of(*runtime, arguments.gpus);
  rates.batch = runtime->batch;
  const cost::LlmPrice price = cost::llm_price(seconds, rates);
  const std::string beyond = runtime->extrapolation(arguments.prompt);
  if (arguments.json) {
    Json json = price_json(price);
    json["name"] = runtime->name;
    json["origin"] = runtime->origin;
    json["prompt_tokens"] = arguments.prompt;
    json["output_tokens"] = arguments.output;
    json["prompt_s"] = runtime->prompt_cost(arguments.prompt, rule);
    json["token_s"] = runtime->token_s;
    json["overhead_s"] = runtime->overhead_s;
    json["batch"] = runtime->batch;
    json["accelerators"] = rates.accelerators;
    json["accelerators_from"] = who;
    json["rule"] = arguments.rule;
    json["extrapolated"] = beyond;
    json["provenance"] = runtime->provenance;
    print_json(json);
    return kDone;
  }
  std::printf("%s (%s): %.0f prompt and %.0f output tokens\n", runtime->name.c_str(), runtime->origin.c_str(),
              arguments.prompt, arguments.output);
  std::printf("  time    %s", seconds_text(seconds).c_str());
  std::printf("  = %s prompt + %s x %.0f tokens",
              seconds_text(runtime->prompt_cost(arguments.prompt, rule)).c_str(),
              seconds_text(runtime->token_s).c_str(), arguments.output - 1.0);
  if (runtime->overhead_s > 0.0) std::printf(" + %s overhead", seconds_text(runtime->overhead_s).c_str());
  std::printf("\n");
  const auto texts = price_texts(price);
  for (const auto& [what, text] : texts) std::printf("  %s  %s\n", what.c_str(), text.c_str());
  if (!texts.empty()) {
    std::printf("  on %.0f accelerator%s (%s)", rates.accelerators, rates.accelerators == 1.0 ? "" : "s",
                who.c_str());
    if (rates.batch > 1.0) std::printf(", the share of one of %.0f requests at once", rates.batch);
    std::printf("\n");
  }
  if (!beyond.empty()) std::printf("  the prompt is %s\n", beyond.c_str());
  return kDone;
}

}  // namespace

void add_cost_request(CLI::App& cost, Action& action) {
  auto* command = cost.add_subcommand(
      "llm", "Time, money, energy and carbon of one request to a measured language model");
  command->footer(
      "T(p, o) = overhead + alpha(p) + beta (o - 1). MODEL is what `hone cost fit` wrote, or a file of many "
      "models in\nthe published form, of which --name chooses one.\n"
      "Examples:\n"
      "  hone cost llm model.json -p 512 -o 128\n"
      "  hone cost llm runtimes.json --name together/bloom -p 512 -o 128 --gpus 8 --price-per-hour 4.096 "
      "--power-w 400 --carbon 400");
  auto arguments = std::make_shared<CostLlmArguments>();
  command->add_option("MODEL", arguments->file, "File with the model, or with several")->required();
  command->add_option("--name", arguments->name, "Which of several");
  command->add_option("-p,--prompt", arguments->prompt, "Prompt tokens")
      ->required()
      ->check(between(1.0, 1e9));
  command->add_option("-o,--output", arguments->output, "Output tokens")
      ->required()
      ->check(between(1.0, 1e9));
  command->add_option("--rule", arguments->rule,
                      "Prompts between measured sizes: tiled, linear, or the published scaling rule");
  command
      ->add_option("--gpus", arguments->gpus,
                   "Accelerators that serve the request; default: what the estimate or the publication says, "
                   "else 1")
      ->check(between(1.0, 1e6));
  add_rates(command, arguments->rates);
  command->add_flag("--json", arguments->json, "Print one JSON document");
  command->callback([=, &action] { action = [=] { return request(*arguments); }; });
}

void add_cost_llm(CLI::App& cost, Action& action) {
  add_cost_fit(cost, action);
  add_cost_request(cost, action);
  add_cost_llms(cost, action);
  add_cost_estimate(cost, action);
  add_cost_probe(cost, action);
}

}  // namespace hone::cli
