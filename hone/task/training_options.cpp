#include "hone/task/training_options.h"

#include <utility>

namespace hone::task {

OptionSpec batch_option(int fallback, const std::string& what, double low, double high) {
  return {.name = "batch",
          .type = OptionSpec::Type::integer,
          .fallback = fallback,
          .summary = what + " a step",
          .low = low,
          .high = high};
}

OptionSpec lr_option(double fallback, const std::string& summary) {
  return {.name = "lr",
          .type = OptionSpec::Type::real,
          .fallback = fallback,
          .summary = summary,
          .low = 1e-8,
          .high = 10.0};
}

OptionSpec weight_decay_option(double fallback, const std::string& summary) {
  return {.name = "weight_decay",
          .type = OptionSpec::Type::real,
          .fallback = fallback,
          .summary = summary,
          .low = 0.0,
          .high = 10.0};
}

std::vector<OptionSpec> schedule_options(double warmup, double final_lr) {
  return {
      {.name = "warmup",
       .type = OptionSpec::Type::real,
       .fallback = warmup,
       .summary = "linear warm-up, as a share of the largest number of steps",
       .low = 0.0,
       .high = 0.9},
      {.name = "decay",
       .type = OptionSpec::Type::text,
       .fallback = "cosine",
       .summary = "learning rate from its peak to the study's largest number of steps",
       .allowed = {"cosine", "linear", "constant"}},
      {.name = "final_lr",
       .type = OptionSpec::Type::real,
       .fallback = final_lr,
       .summary = "learning rate at the end over its peak",
       .low = 0.0,
       .high = 1.0},
  };
}

std::vector<OptionSpec> all_options(std::vector<std::vector<OptionSpec>> tables) {
  std::vector<OptionSpec> all;
  for (std::vector<OptionSpec>& table : tables)
    for (OptionSpec& spec : table) all.push_back(std::move(spec));
  return all;
}

}  // namespace hone::task
