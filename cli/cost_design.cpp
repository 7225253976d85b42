// hone cost design: what a design of a study costs on a device, with no run.
#include <cstdio>
#include <memory>

#include "cost.h"
#include "hone/run/design_cost.h"
#include "hone/run/trial_edits.h"

namespace hone::cli {
namespace {

struct CostDesignArguments {
  std::string file, store, config, device = "this", array;
  std::vector<std::string> words;
  std::int64_t trial = -1;
  run::DesignCostOptions options;
  bool json = false;
};

/// "128x128" or "128x128x4".
cost::SystolicArray parse_array(const std::string& text) {
  cost::SystolicArray array;
  char rest = '\0';
  const int read = std::sscanf(text.c_str(), "%dx%dx%d%c", &array.rows, &array.columns, &array.arrays, &rest);
  if ((read != 2 && read != 3) || array.rows < 1 || array.columns < 1 || array.arrays < 1)
    throw Error(fmt::format("'{}' is no array", text), Place{"", 0, "--array"},
                "write ROWSxCOLUMNS, as 128x128");
  return array;
}

int design(const CostDesignArguments& arguments) {
  const cost::DeviceProfile device = cost::find_device(arguments.device);
  run::DesignCostOptions options = arguments.options;
  if (!arguments.array.empty()) options.array = parse_array(arguments.array);
  space::Config config;
  std::optional<run::StudyFile> file;
  if (arguments.trial >= 0) {
    Opened opened = open_study(arguments.file, arguments.store);
    config = opened.study->trial(arguments.trial).config;
    file = std::move(opened.file);
  } else {
    file = run::StudyFile::read(arguments.file);
    std::vector<space::Config::Entry> entries;
    if (!arguments.config.empty())
      entries = run::parse_assignments(file->space, parse_json(arguments.config, "--config"));
    for (const std::string& word : arguments.words) {
      const auto more = run::parse_assignment(file->space, word);
      entries.insert(entries.end(), more.begin(), more.end());
    }
    if (entries.empty() && !file->space.default_config())
      throw Error("no values are given", {}, "write NAME=VALUE, --config or --trial");
    config = run::config_of(file->space, entries);
  }
  const run::DesignCost cost = run::design_cost(*file, config, device, options);
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
      "traffic by passes.\n"
      "Examples:\n"
      "  hone cost design licences.toml width=64 heads=4 mixer=attention,attention lr=0.01 norm=rms\n"
      "  hone cost design licences.toml --trial 12 --device a100-sxm-80gb --type f16\n"
      "  hone cost design cells.toml --config '{\"op_0_1\": \"nor_conv_3x3\"}' --array 64x64 --json");
  auto arguments = std::make_shared<CostDesignArguments>();
  command->add_option("FILE", arguments->file, "The study file")->required();
  command->add_option("VALUES", arguments->words, "NAME=VALUE of parameters; others take their defaults");
  command->add_option("--config", arguments->config, "A JSON object of parameters");
  command->add_option("--trial", arguments->trial, "The design of this trial")->check(CLI::NonNegativeNumber);
  command->add_option("--store", arguments->store, "Where the study is kept, if not beside the file");
  command
      ->add_option("--device", arguments->device, "'this', a name that 'hone cost devices' lists, or a file")
      ->capture_default_str();
  command->add_option("--type", arguments->options.type, "What inference stores and computes in")
      ->check(CLI::IsMember({"f64", "f32", "f16", "bf16", "i8"}))
      ->capture_default_str();
  command->add_option("--batch", arguments->options.batch, "Of inference")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  command->add_flag("--one-thread", arguments->options.one_thread, "One thread of a calibrated machine");
  command
      ->add_option("--alpha", arguments->options.alpha,
                   "Weight of parameters against activations in the weighted intensity")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command->add_option("--array", arguments->array,
                      "A systolic array, ROWSxCOLUMNS[xARRAYS], where the device has none");
  command->add_flag("--json", arguments->json, "Print one JSON document");
  command->callback([=, &action] { action = [=] { return design(*arguments); }; });
}

}  // namespace hone::cli
