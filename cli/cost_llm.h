#pragma once

#include "command.h"
#include "hone/cost/llm/compare.h"

namespace hone::cli {

// The subcommands of `cost` about language models, a file each.
void add_cost_fit(CLI::App& cost, Action& action);
void add_cost_request(CLI::App& cost, Action& action);   ///< llm
void add_cost_llms(CLI::App& cost, Action& action);      ///< llms
void add_cost_estimate(CLI::App& cost, Action& action);  ///< estimate
void add_cost_probe(CLI::App& cost, Action& action);     ///< probe

/// --price-per-hour, --power-w, --carbon of a command.
void add_rates(CLI::App* command, cost::LlmRates& rates);
/// "0.0031 USD", "12.3 J", "0.4 g CO2": those that are known, by name.
std::vector<std::pair<std::string, std::string>> price_texts(const cost::LlmPrice& price);
Json price_json(const cost::LlmPrice& price);
/// A number with so many digits as matter; "-" for NaN.
std::string figure(double value, int digits = 4);
std::string seconds_text(double seconds);

}  // namespace hone::cli
