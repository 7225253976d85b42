// hone cost llms: language models side by side.
#include <cstdio>
#include <tuple>

#include "cost_llm.h"
#include "hone/run/summary.h"

namespace hone::cli {
namespace {

struct CostLlmsArguments {
  std::vector<std::string> files, compared;
  std::string raw, quality, rule = "tiled", on = "a100-80gb";
  double prompt = 512.0, output = 128.0;
  cost::LlmRates rates;
  bool json = false;
};

/// Files whose models have an overhead were measured at an API.
void sort_in(const std::string& path, cost::LlmComparison& comparison) {
  auto runtimes = cost::read_llm_runtimes(path);
  const bool api =
      std::any_of(runtimes.begin(), runtimes.end(), [](const auto& one) { return one.overhead_s > 0.0; });
  auto& list = api ? comparison.denoised : comparison.idealized;
  for (auto& one : runtimes) {
    for (const auto& other : list)
      if (other.name == one.name)
        throw Error(fmt::format("'{}' has {} runtime in another file too", one.name,
                                api ? "a denoised" : "an idealized"),
                    Place{path, 0, ""}, "--compare puts two stacks side by side");
    list.push_back(std::move(one));
  }
}

int compare_two(const CostLlmsArguments& arguments) {
  const auto first = cost::read_llm_runtimes(arguments.compared[0]);
  const auto second = cost::read_llm_runtimes(arguments.compared[1]);
  const auto ratios = cost::compare_stacks(first, second, arguments.prompt, arguments.output,
                                           cost::prompt_rule_named(arguments.rule));
  if (ratios.empty())
    throw Error(
        "the two have no model in common", Place{arguments.compared[1], 0, ""},
        "models are matched by name; two files of one model each are compared whatever they are called");
  // Of one request, with one accelerator where nobody says how many.
  const auto price = [&](double seconds, double accelerators, double batch) {
    cost::LlmRates rates = arguments.rates;
    rates.accelerators = std::max(1.0, accelerators);
    rates.batch = batch;
    return cost::llm_price(seconds, rates);
  };
  std::vector<std::pair<cost::LlmPrice, cost::LlmPrice>> prices;
  for (const auto& ratio : ratios)
    prices.emplace_back(price(ratio.first_s, ratio.first_accelerators, ratio.first_batch),
                        price(ratio.second_s, ratio.second_accelerators, ratio.second_batch));
  if (arguments.json) {
    Json list = Json::array();
    for (std::size_t i = 0; i < ratios.size(); ++i) {
      const auto& ratio = ratios[i];
      list.push_back({{"name", ratio.name},
                      {"first_s", ratio.first_s},
                      {"second_s", ratio.second_s},
                      {"first_batch", ratio.first_batch},
                      {"second_batch", ratio.second_batch},
                      {"first_accelerators", ratio.first_accelerators},
                      {"second_accelerators", ratio.second_accelerators},
                      {"request", ratio.request},
                      {"token", real_to_json(ratio.token)},
                      {"prompt", real_to_json(ratio.prompt)},
                      {"cost", real_to_json(ratio.cost)},
                      {"first", price_json(prices[i].first)},
                      {"second", price_json(prices[i].second)}});
    }
    print_json(list);
    return kDone;
  }
  std::printf("%s relative to %s, %.0f prompt and %.0f output tokens\n\n", arguments.compared[1].c_str(),
              arguments.compared[0].c_str(), arguments.prompt, arguments.output);
  std::vector<std::string> head{"model",  "first",   "second", "request", "token",
                                "prompt", "batches", "gpus",   "cost"};
  const std::tuple<const char*, double cost::LlmPrice::*> columns[]{{"USD", &cost::LlmPrice::dollars},
                                                                    {"J", &cost::LlmPrice::joules},
                                                                    {"g CO2", &cost::LlmPrice::grams_co2}};
  for (const auto& [unit, part] : columns)
    if (std::isfinite(prices.front().first.*part)) head.emplace_back(unit);
  const auto gpus = [](double count) {
    return count > 0.0 ? fmt::format("{:.0f}", count) : std::string("?");
  };
  std::vector<std::vector<std::string>> rows{head};
  bool batches = false, unknown = false;
  for (std::size_t i = 0; i < ratios.size(); ++i) {
    const auto& ratio = ratios[i];
    batches = batches || ratio.first_batch != ratio.second_batch;
    unknown = unknown || std::min(ratio.first_accelerators, ratio.second_accelerators) < 1.0;
    rows.push_back({ratio.name, seconds_text(ratio.first_s), seconds_text(ratio.second_s),
                    fmt::format("{:.2f}x", ratio.request), fmt::format("{:.2f}x", ratio.token),
                    fmt::format("{:.2f}x", ratio.prompt),
                    fmt::format("{:.0f} / {:.0f}", ratio.first_batch, ratio.second_batch),
                    fmt::format("{} / {}", gpus(ratio.first_accelerators), gpus(ratio.second_accelerators)),
                    std::isfinite(ratio.cost) ? fmt::format("{:.2f}x", ratio.cost) : "-"});
    for (const auto& [unit, part] : columns)
      if (std::isfinite(prices[i].first.*part))
        rows.back().push_back(
            fmt::format("{} / {}", figure(prices[i].first.*part, 3), figure(prices[i].second.*part, 3)));
  }
  std::printf("%s\ncost: of the accelerators' time for one request: time x accelerators / batch\n",
              run::table_text(rows, output_columns()).c_str());
  if (batches) std::printf("the batches differ: the times are of whole batches\n");
  if (unknown)
    std::printf("?: not known; both are taken to have as many%s\n",
                head.size() > 9 ? ", and money, energy and carbon are of one" : "");
  return kDone;
}

Json row_json(const cost::LlmRow& row) {
  return {{"name", row.name},
          {"assumed", row.assumed},
          {"raw_s", real_to_json(row.raw_s)},
          {"denoised_s", real_to_json(row.denoised_s)},
          {"idealized_s", real_to_json(row.idealized_s)},
          {"raw_over_denoised", real_to_json(row.contention)},
          {"denoised_over_idealized", real_to_json(row.api)},
          {"accelerators", row.accelerators},
          {"accelerators_derived", row.derived},
          {"dollars", real_to_json(row.price.dollars)},
          {"energy_j", real_to_json(row.price.joules)},
          {"co2_g", real_to_json(row.price.grams_co2)},
          {"quality", real_to_json(row.quality)},
          {"front", row.front}};
}

/// The columns that say something.
std::string table_of(const std::vector<cost::LlmRow>& rows) {
  struct Column {
    const char* head;
    std::function<std::string(const cost::LlmRow&)> cell;
  };
  const auto ratio = [](double value) { return std::isfinite(value) ? fmt::format("{:.2f}", value) : "-"; };
  const std::vector<Column> columns{
      {"model", [](const auto& row) { return row.name + (row.assumed ? " (size assumed)" : ""); }},
      {"raw", [](const auto& row) { return seconds_text(row.raw_s); }},
      {"denoised", [](const auto& row) { return seconds_text(row.denoised_s); }},
      {"idealized", [](const auto& row) { return seconds_text(row.idealized_s); }},
      {"raw/denoised", [=](const auto& row) { return ratio(row.contention); }},
      {"api/idealized", [=](const auto& row) { return ratio(row.api); }},
      {"gpus",
       [](const auto& row) {
         return row.accelerators > 0.0 ? fmt::format("{}{:.0f}", row.derived ? ">=" : "", row.accelerators)
                                       : "-";
       }},
      {"USD", [](const auto& row) { return figure(row.price.dollars, 3); }},
      {"J", [](const auto& row) { return figure(row.price.joules, 3); }},
      {"g CO2", [](const auto& row) { return figure(row.price.grams_co2, 3); }},
      {"quality", [](const auto& row) { return figure(row.quality, 4); }},
      {"front", [](const auto& row) { return std::string(row.front ? "*" : "-"); }}};
  std::vector<std::vector<std::string>> cells(rows.size() + 1);
  for (const Column& column : columns) {
    bool says = false;
    for (const auto& row : rows) says = says || column.cell(row) != "-";
    if (!says) continue;
    cells[0].emplace_back(column.head);
    for (std::size_t i = 0; i < rows.size(); ++i) cells[i + 1].push_back(column.cell(rows[i]));
  }
  return run::table_text(cells, output_columns());
}

int llms(const CostLlmsArguments& arguments) {
  if (!arguments.compared.empty()) return compare_two(arguments);
  if (arguments.files.empty() && arguments.raw.empty())
    throw Error("there is nothing to compare", {}, "name files of runtimes, or two with --compare");
  cost::LlmComparison comparison;
  for (const std::string& file : arguments.files) sort_in(file, comparison);
  if (!arguments.raw.empty()) {
    comparison.raw = cost::read_llm_points(arguments.raw);
    for (const auto& point : comparison.raw)
      if (point.model.empty())
        throw Error("the raw points must name their model", Place{arguments.raw, point.line, "model"});
  }
  if (!arguments.quality.empty()) comparison.quality = cost::read_llm_quality(arguments.quality);
  comparison.prompt_tokens = arguments.prompt;
  comparison.output_tokens = arguments.output;
  comparison.rule = cost::prompt_rule_named(arguments.rule);
  comparison.rates = arguments.rates;
  comparison.accelerator = arguments.on;
  auto rows = cost::compare_llms(comparison);
  std::vector<std::string> unmatched;
  for (const auto& [name, quality] : comparison.quality)
    if (std::none_of(rows.begin(), rows.end(), [&](const auto& row) { return row.name == name; }))
      unmatched.push_back(name);
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    const auto key = [](const auto& row) {
      return std::isfinite(row.idealized_s)  ? row.idealized_s
             : std::isfinite(row.denoised_s) ? row.denoised_s + 1e6
                                             : 1e9;
    };
    return key(a) < key(b);
  });
  if (arguments.json) {
    Json list = Json::array();
    for (const auto& row : rows) list.push_back(row_json(row));
    print_json({{"prompt_tokens", arguments.prompt},
                {"output_tokens", arguments.output},
                {"models", list},
                {"quality_without_model", unmatched}});
    return kDone;
  }
  std::printf("%.0f prompt and %.0f output tokens", arguments.prompt, arguments.output);
  if (!arguments.raw.empty()) std::printf("; raw: the median of the requests that were measured");
  std::printf("\n\n%s", table_of(rows).c_str());
  if (!unmatched.empty())
    std::printf("\n%s has models of which no runtime is known: %s\n", arguments.quality.c_str(),
                fmt::format("{}", fmt::join(unmatched, ", ")).c_str());
  return kDone;
}

}  // namespace

void add_cost_llms(CLI::App& cost, Action& action) {
  auto* command =
      cost.add_subcommand("llms", "Compare language models: raw, denoised and idealized time, cost, quality");
  command->footer(
      "Files whose models have an overhead are denoised (an API's best), the others idealized. Below 1,\n"
      "api/idealized says that the API runs better than the idealized measurement; raw/denoised is "
      "contention.\n"
      "Examples:\n"
      "  hone cost llms idealized_runtimes.json -p 512 -o 32 --price-per-hour 4.096 --power-w 400 --carbon "
      "400\n"
      "  hone cost llms idealized_runtimes.json denoised_runtimes.json --raw requests.csv\n"
      "  hone cost llms idealized_runtimes.json --quality quality.csv --price-per-hour 4.096\n"
      "  hone cost llms --compare fp16.json int8.json");
  auto arguments = std::make_shared<CostLlmsArguments>();
  auto* files = command->add_option("FILES", arguments->files, "Files of runtimes");
  auto* raw = command->add_option("--raw", arguments->raw,
                                  "Measured requests, with a column model: CSV or lines of JSON");
  auto* quality = command->add_option("--quality", arguments->quality,
                                      "CSV file with the columns model,quality; more is better");
  command->add_option("--compare", arguments->compared, "Two stacks: the second relative to the first")
      ->expected(2)
      ->excludes(files)
      ->excludes(raw)
      ->excludes(quality);
  command->add_option("-p,--prompt", arguments->prompt, "Prompt tokens")
      ->check(between(1.0, 1e9))
      ->capture_default_str();
  command->add_option("-o,--output", arguments->output, "Output tokens")
      ->check(between(1.0, 1e9))
      ->capture_default_str();
  command->add_option("--rule", arguments->rule, "tiled, linear or published")->capture_default_str();
  command->add_option("--on", arguments->on, "Accelerator whose memory decides how many are needed")
      ->capture_default_str();
  add_rates(command, arguments->rates);
  command->add_flag("--json", arguments->json, "Print one JSON document");
  command->callback([=, &action] { action = [=] { return llms(*arguments); }; });
}

}  // namespace hone::cli
