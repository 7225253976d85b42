#pragma once

#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "hone/run/worker_arguments.h"

namespace hone::cli {

/// Gives a command the flags of a worker. What was given is in the result after parsing, as
/// read_worker_arguments takes it.
inline std::shared_ptr<std::vector<std::string>> add_worker_flags(CLI::App& command) {
  auto words = std::make_shared<std::vector<std::string>>();
  for (const auto& flag : run::worker_flags())
    command
        .add_option_function<std::string>(
            flag.name,
            [words, name = flag.name](const std::string& text) {
              words->push_back(name);
              words->push_back(text);
            },
            flag.summary)
        ->required(flag.required);
  return words;
}

}  // namespace hone::cli
