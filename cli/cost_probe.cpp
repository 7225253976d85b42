// hone cost probe: measured requests from an API, within a spending limit.
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "cost_llm.h"
#include "hone/cost/llm/probe.h"
#include "progress_line.h"

namespace hone::cli {
namespace {

struct CostProbeArguments {
  cost::ProbeOptions options;
  std::string budget, key_variable = "OPENAI_API_KEY";
  bool completions = false, json = false, quiet = false;
};

/// "1 USD", "0.5 dollars", "$2", "3".
double dollars_of(const std::string& text) {
  std::string number = text;
  if (number.starts_with("$")) number.erase(0, 1);
  char* end = nullptr;
  const double value = std::strtod(number.c_str(), &end);
  std::string unit = end;
  while (!unit.empty() && unit.front() == ' ') unit.erase(0, 1);
  if (end == number.c_str() || !(value > 0.0) || !std::isfinite(value) ||
      !(unit.empty() || unit == "USD" || unit == "usd" || unit == "dollar" || unit == "dollars"))
    throw Error(fmt::format("--budget: '{}' is no sum of money", text), {}, "such as '1 USD'");
  return value;
}

int probe(CostProbeArguments arguments) {
  cost::ProbeOptions& options = arguments.options;
  options.chat = !arguments.completions &&
                 !(options.url.ends_with("/completions") && !options.url.ends_with("/chat/completions"));
  if (!arguments.budget.empty()) options.budget_dollars = dollars_of(arguments.budget);
  if (const char* key = std::getenv(arguments.key_variable.c_str()); key != nullptr) options.key = key;
  catch_interrupts();
  ProgressLine progress(arguments.quiet);
  options.progress = [&](const std::string& what) { progress.show(what); };
  options.interrupted = interrupted;
  const cost::ProbeResult result = cost::probe_llm(options);
  progress.clear();
  if (arguments.json) {
    Json json = result.json();
    json["file"] = std::filesystem::absolute(options.file).string();
    print_json(json);
  } else {
    std::printf("%lld requests measured, %lld failed, %lld retried; %lld tokens",
                static_cast<long long>(result.measured), static_cast<long long>(result.failed),
                static_cast<long long>(result.retried), static_cast<long long>(result.tokens));
    if (std::isfinite(result.dollars)) std::printf(", at most %.4f USD", result.dollars);
    std::printf(" in all\n");
    if (result.untimed > 0)
      std::printf(
          "%lld answers came all at once or after thinking that was not streamed: the time of their "
          "first token is left out\n",
          static_cast<long long>(result.untimed));
    if (!result.stopped.empty())
      std::printf("stopped with %lld requests left: %s\n", static_cast<long long>(result.left),
                  result.stopped.c_str());
    else if (result.failed > 0)
      std::printf("%lld requests are left, the last failed: %s\n", static_cast<long long>(result.left),
                  result.last_failure.c_str());
    std::printf("%s\n", std::filesystem::absolute(options.file).c_str());
  }
  return result.stopped.empty() && result.failed == 0 ? kDone : kStopped;
}

}  // namespace

void add_cost_probe(CLI::App& cost, Action& action) {
  auto* command = cost.add_subcommand(
      "probe", "Measure a model behind an OpenAI-compatible API, within a spending limit");
  command->footer(
      "URL is the API's base, such as https://HOST/v1. The key comes from the environment variable that "
      "--key-env "
      "names\nand is never printed or stored. A request whose worst case could pass the limit is not made. "
      "The same "
      "command\ngoes on where it was stopped.\n"
      "Examples:\n"
      "  hone cost probe http://localhost:8000/v1 --model llama --max-tokens 50000 --file llama.jsonl\n"
      "  hone cost probe https://HOST/v1 --model NAME --budget '1 USD' --price-in 0.0005 --price-out 0.0015\n"
      "  hone cost fit llama.jsonl -o llama.json");
  auto arguments = std::make_shared<CostProbeArguments>();
  cost::ProbeOptions& options = arguments->options;
  options.file = "probe.jsonl";
  command->add_option("URL", options.url, "The API's base URL")->required();
  command->add_option("--model", options.model, "The model's name there")->required();
  command->add_option("--budget", arguments->budget,
                      "Most money to spend, such as '1 USD'; needs both prices");
  command->add_option("--price-in", options.dollars_per_1k_in, "Dollars per 1000 prompt tokens")
      ->check(not_negative());
  command->add_option("--price-out", options.dollars_per_1k_out, "Dollars per 1000 output tokens")
      ->check(not_negative());
  command
      ->add_option("--max-tokens", options.budget_tokens,
                   "Most tokens to spend, prompts and outputs together")
      ->check(whole_number(1, 1000000000));
  command->add_option("--prompts", options.prompts, "Prompt sizes to aim at, in tokens")
      ->delimiter(',')
      ->capture_default_str();
  command->add_option("--outputs", options.outputs, "Output sizes to ask for")
      ->delimiter(',')
      ->capture_default_str();
  command->add_option("--repeats", options.repeats, "Times that each is asked")
      ->check(whole_number(1, 1000))
      ->capture_default_str();
  command->add_option("--file", options.file, "Where the points go, a JSON line a request; appended")
      ->capture_default_str();
  command->add_option("--key-env", arguments->key_variable, "Environment variable that holds the key")
      ->capture_default_str();
  command->add_option("--timeout", options.timeout_s, "Seconds for one request")
      ->check(between(0.1, 36000.0))
      ->capture_default_str();
  command->add_option("--retries", options.retries, "Of one request, after 429, 5xx and broken connections")
      ->check(whole_number(0, 100))
      ->capture_default_str();
  command->add_option("--ca", options.ca_file, "File of certificates to trust");
  command->add_flag("--completions", arguments->completions, "The API of plain completions instead of chat");
  command->add_flag(
      "--ignore-eos", options.ignore_eos,
      "Ask for exactly so many output tokens, where the server knows ignore_eos and min_tokens");
  command->add_flag("--json", arguments->json, "Print one JSON document");
  command->add_flag("--quiet", arguments->quiet, "No progress");
  command->callback([=, &action] { action = [=] { return probe(*arguments); }; });
}

}  // namespace hone::cli
