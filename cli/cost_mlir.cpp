// hone cost mlir, features: a design as MLIR, and what is read from MLIR text.
#include <cstdio>
#include <iostream>
#include <iterator>

#include "cost.h"
#include "given_design.h"
#include "hone/base/files.h"
#include "hone/cost/mlir/features.h"
#include "hone/graph/mlir.h"
#include "hone/run/worker_main.h"

namespace hone::cli {
namespace {

struct MlirArguments {
  GivenDesign design;
  std::string form = "linalg", function = "main", out;
  bool training = false, json = false;
};

int mlir(const MlirArguments& arguments) {
  if (!arguments.out.empty()) {
    need_writable(arguments.out);
    need_other_file(arguments.out, {arguments.design.file});
  }
  const run::StudyFile file = run::StudyFile::read(arguments.design.file);
  run::prepare_task(file);
  const space::Config config = arguments.design.of(file);
  const auto graph = file.task->graph(config);
  if (!graph)
    throw Error(fmt::format("task '{}' has no graphs", file.task_kind),
                Place{arguments.design.file, 0, "task.kind"});
  graph::MlirOptions options;
  options.form = arguments.form == "affine" ? graph::MlirForm::affine : graph::MlirForm::linalg;
  options.function = arguments.function;
  options.training = arguments.training;
  const std::string text = graph::to_mlir(*graph, options);
  if (!arguments.out.empty()) write_file_atomic(arguments.out, text);
  if (arguments.json) {
    Json json{{"study", file.path}, {"config", config.json()}, {"form", arguments.form}};
    Json& list = json["arguments"] = Json::array();
    static constexpr const char* kKinds[] = {"input", "parameter", "moment", "output"};
    for (const graph::MlirArgument& argument : graph::mlir_arguments(*graph, options))
      list.push_back({{"kind", kKinds[static_cast<std::size_t>(argument.kind)]},
                      {"name", argument.name},
                      {"shape", argument.shape},
                      {"type", argument.type == graph::DataType::float32 ? "float32" : "int64"}});
    if (arguments.out.empty()) json["mlir"] = text;
    print_json(json);
  } else if (arguments.out.empty()) {
    std::fputs(text.c_str(), stdout);
  }
  return kDone;
}

int features(const std::string& file, bool as_json) {
  const cost::mlir::Module module = read_functions(file);
  Json list = Json::array();
  for (const int function : module.functions()) {
    const cost::mlir::Features all = cost::mlir::features(module, function);
    if (as_json) {
      list.push_back(cost::mlir::features_json(all));
      continue;
    }
    std::printf("%s\n", all.function.empty() ? "(no name)" : all.function.c_str());
    for (std::size_t i = 0; i < all.values.size(); ++i)
      if (all.values[i] != 0.0)
        std::printf("  %-32s %.6g\n", cost::mlir::feature_names()[i].c_str(), all.values[i]);
    for (const cost::mlir::LoopFeatures& loop : all.loops)
      std::printf("  %*sloop: %.6g trips, entered %.6g times, %.6g bytes touched in one run%s%s%s\n",
                  2 * loop.depth, "", loop.trips, loop.entries, loop.working_set_bytes,
                  loop.innermost ? ", innermost" : "", loop.reduces ? ", reduces" : "",
                  loop.known ? "" : ", bounds unknown");
  }
  if (as_json) print_json(list);
  return kDone;
}

}  // namespace

cost::mlir::Module read_functions(const std::string& file) {
  cost::mlir::Module module =
      file == "-" ? cost::mlir::parse({std::istreambuf_iterator<char>(std::cin), {}}, "standard input")
                  : cost::mlir::read(file);
  if (module.functions().empty())
    throw Error("it holds no function", Place{file, 0, ""}, "a func.func with a body");
  return module;
}

void add_cost_mlir(CLI::App& cost, Action& action) {
  auto* mlir_command = cost.add_subcommand("mlir", "Print a design's graph as MLIR");
  mlir_command->footer(
      "mlir-opt 19 accepts the text; compiled it gives the numbers that the design gives. Parameters, and "
      "the moments of norms, are arguments after the inputs.\n"
      "Examples:\n"
      "  hone cost mlir licences.toml\n"
      "  hone cost mlir licences.toml width=64 heads=4 --form affine\n"
      "  hone cost mlir licences.toml --trial 12 --out trial12.mlir\n"
      "  hone cost mlir licences.toml --config '{\"width\": 64}' --json");
  auto arguments = std::make_shared<MlirArguments>();
  mlir_command->add_option("FILE", arguments->design.file, "The study file")->required();
  arguments->design.add_to(*mlir_command);
  mlir_command
      ->add_option("--form", arguments->form,
                   "linalg (on tensors) or affine (loops on buffers); default: linalg")
      ->check(CLI::IsMember({"linalg", "affine"}));
  mlir_command->add_option("--function", arguments->function, "Name of the function; default: main");
  mlir_command->add_flag("--training", arguments->training,
                         "Norms by the batch at hand rather than by stored moments");
  mlir_command->add_option("--out", arguments->out, "Write the text here");
  mlir_command->add_flag("--json", arguments->json, "Print one JSON document");
  mlir_command->callback([arguments, &action] { action = [arguments] { return mlir(*arguments); }; });

  auto* features_command = cost.add_subcommand("features", "Print what is read from an MLIR file");
  features_command->footer(
      "Counts are weighted by how often loops run; costs are predicted from these. Dialects that are not "
      "known go by names and shapes.\n"
      "Examples:\n"
      "  hone cost features kernel.mlir\n"
      "  hone cost mlir licences.toml | hone cost features - --json");
  auto file = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  features_command->add_option("FILE", *file, "MLIR text; -: standard input")->required();
  features_command->add_flag("--json", *json, "Print one JSON document");
  features_command->callback(
      [file, json, &action] { action = [file, json] { return features(*file, *json); }; });
}

}  // namespace hone::cli
