#pragma once

#include "../../program.h"
#include "api.h"
#include "hone/cost/llm/probe.h"

namespace hone::test {

/// Two prompt sizes, two output sizes, two repeats; no wait is waited for.
inline cost::ProbeOptions probe_options(const SmallServer& server, const Folder& folder) {
  cost::ProbeOptions options;
  options.url = server.url();
  options.model = "m";
  options.prompts = {16, 64};
  options.outputs = {1, 4};
  options.repeats = 2;
  options.budget_tokens = 1000000;
  options.file = folder.file("probe.jsonl");
  options.sleep = [](double) {};
  return options;
}

}  // namespace hone::test
