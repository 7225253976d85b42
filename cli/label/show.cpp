// hone-label show: what one function is made of and what it costs on this machine.
#include <cstdio>

#include "hone/base/files.h"
#include "hone/base/units.h"
#include "hone/label/labeller.h"
#include "label.h"

namespace hone::cli {
namespace {

struct Arguments {
  std::string file, pipeline, emit;
  double call_seconds = label::kCallSeconds;
  bool json = false;
};

int show(const Arguments& arguments) {
  const label::Labeller labeller(std::map<std::string, double>{});
  const std::string text =
      labeller.frontend().transform(read_file(arguments.file), arguments.pipeline, arguments.file);
  if (arguments.emit == "mlir") {
    std::fputs(text.c_str(), stdout);
    return kDone;
  }
  if (arguments.emit == "affine") {
    std::fputs(labeller.frontend().to_affine(text, arguments.file).c_str(), stdout);
    return kDone;
  }
  if (arguments.emit == "llvm") {
    const auto program = labeller.backend().compile(labeller.frontend().lower(text, arguments.file));
    std::fputs(program->llvm_text().c_str(), stdout);
    return kDone;
  }
  {
    const auto program = labeller.backend().compile(labeller.frontend().lower(text, arguments.file));
    label::need_memory(program->arguments(), arguments.file);
    label::need_runnable(*program, label::Memory(program->arguments(), 1), arguments.file, {},
                         arguments.call_seconds);
  }
  const label::Labeller measuring(label::measure_yardsticks(labeller.backend()));
  cost::Label label;
  label.text = text;
  measuring.measure(label);
  if (arguments.json) {
    Json json = {
        {"file", arguments.file}, {"cpu", labeller.backend().cpu()}, {"compiler", label::compiler_version()}};
    for (const auto& [name, what] : label::target_names())
      json["targets"][name] = real_to_json(label.target(name));
    json["spread"] = label.spread;
    json["disturbed"] = label.disturbed;
    print_json(json);
    return kDone;
  }
  std::printf("%s on %s, %s -O3\n", arguments.file.c_str(), labeller.backend().cpu().c_str(),
              label::compiler_version().c_str());
  for (const auto& [name, what] : label::target_names())
    std::printf("%-26s %12s  %s\n", name.c_str(),
                name == "run_s" ? quantity_text(name, label.target(name)).c_str()
                                : fmt::format("{:.4g}", label.target(name)).c_str(),
                what.c_str());
  std::printf("%-26s %11.1f%%%s\n", "spread of run_s", 100.0 * label.spread,
              label.disturbed ? "  (neighbours disturbed it)" : "");
  return kDone;
}

}  // namespace

void add_label_show(CLI::App& app, Action& action) {
  auto arguments = std::make_shared<Arguments>();
  auto* command = app.add_subcommand("show", "Compile one function at -O3, look at its code, run it");
  command->footer(
      "FILE holds one func.func of affine loops on buffers of fixed shape, or of linalg on tensors.\n"
      "Examples:\n"
      "  hone-label show kernel.mlir\n"
      "  hone-label show kernel.mlir --passes 'func.func(affine-loop-tile{tile-size=32})'\n"
      "  hone-label show kernel.mlir --emit llvm");
  command->add_option("FILE", arguments->file, "MLIR text")->required();
  command->add_option("--passes", arguments->pipeline, "Passes to apply first, as mlir-opt takes them");
  command
      ->add_option("--emit", arguments->emit,
                   "Print the function instead: mlir, affine (on buffers) or llvm (optimised)")
      ->check(CLI::IsMember({"mlir", "affine", "llvm"}));
  command
      ->add_option("--call-seconds", arguments->call_seconds,
                   "Give the function up where one call takes longer; default: 60")
      ->check(between(0.1, 86400.0));
  command->add_flag("--json", arguments->json, "Print one JSON document");
  command->callback([arguments, &action] { action = [arguments] { return show(*arguments); }; });
}

}  // namespace hone::cli
