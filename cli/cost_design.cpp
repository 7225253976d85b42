// hone cost design: what a design of a study costs on a device, with no run.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <memory>

#include "cost.h"
#include "given_design.h"
#include "hone/run/design_cost.h"

namespace hone::cli {
namespace {

struct CostDesignArguments {
  GivenDesign design;
  std::string device = "this", array;
  run::DesignCostOptions options;
  bool json = false;
};

/// "128x128" or "128x128x4".
cost::SystolicArray parse_array(const std::string& text) {
  std::vector<int> sides;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('x', at), text.size());
    int side = 0;
    const auto [stop, code] = std::from_chars(text.data() + at, text.data() + end, side);
    sides.push_back(code == std::errc() && stop == text.data() + end && side <= 1000000 ? side : 0);
    at = end + 1;
  }
  if (sides.size() < 2 || sides.size() > 3 || *std::min_element(sides.begin(), sides.end()) < 1)
    throw Error(fmt::format("'{}' is no array", text), Place{"", 0, "--array"},
                "write ROWSxCOLUMNS, as 128x128");
  return {sides[0], sides[1], sides.size() == 3 ? sides[2] : 1};
}

int design(const CostDesignArguments& arguments) {
  const cost::DeviceProfile device = cost::find_device(arguments.device);
  run::DesignCostOptions options = arguments.options;
  if (!arguments.array.empty()) options.array = parse_array(arguments.array);
  const run::StudyFile file = run::StudyFile::read(arguments.design.file);
  const run::DesignCost cost = run::design_cost(file, arguments.design.of(file), device, options);
  if (arguments.json)
    print_json(cost.json());
  else
    std::printf("%s", cost.text().c_str());
  return kDone;
}

}  // namespace

void add_cost_design(CLI::App& cost, Action& action) {
  auto* command = cost.add_subcommand("design", "What a design of a study costs on a device, with no run");
  command->footer(
      "\nParameters, FLOPs, bytes, the roofline's latency, memory of training and inference, energy, "
      "operator by\n"
      "operator; on a systolic array its use, and which change of shape would raise it; attention's least\n"
      "traffic by passes. FLOPs, bytes, latency and energy are of one forward pass of a whole batch (of a "
      "text "
      "task\n"
      "whole sequences, where a trial's latency_s and flops are of one generated token).\n"
      "Examples:\n"
      "  hone cost design licences.toml width=64 heads=4 mixer=attention,attention lr=0.01 norm=rms\n"
      "  hone cost design licences.toml --trial 12 --device a100-sxm-80gb --type f16\n"
      "  hone cost design cells.toml --config '{\"op_0_1\": \"nor_conv_3x3\"}' --array 64x64 --json");
  auto arguments = std::make_shared<CostDesignArguments>();
  command->add_option("FILE", arguments->design.file, "The study file")->required();
  arguments->design.add_to(*command);
  command
      ->add_option("--device", arguments->device, "'this', a name that 'hone cost devices' lists, or a file")
      ->capture_default_str();
  command->add_option("--type", arguments->options.type, "What inference stores and computes in")
      ->check(CLI::IsMember({"f64", "f32", "f16", "bf16", "i8"}))
      ->capture_default_str();
  command->add_option("--batch", arguments->options.batch, "Of inference")
      ->check(whole_number(1, 1000000))
      ->capture_default_str();
  command->add_flag("--one-thread", arguments->options.one_thread, "One thread of a calibrated machine");
  command
      ->add_option("--alpha", arguments->options.alpha,
                   "Weight of parameters against activations in the weighted intensity")
      ->check(between(0.0, 1.0))
      ->capture_default_str();
  command->add_option("--array", arguments->array,
                      "A systolic array, ROWSxCOLUMNS[xARRAYS], in place of the device's own");
  command->add_flag("--json", arguments->json, "Print one JSON document");
  command->callback([=, &action] { action = [=] { return design(*arguments); }; });
}

}  // namespace hone::cli
