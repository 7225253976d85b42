// hone cost tune: hands the kernel to hone-label, which is linked to the compiler.
#include "cost.h"
#include "hone/base/files.h"
#include "label_program.h"
#include "tune_options.h"

namespace hone::cli {
namespace {

int tune(const TuneArguments& arguments) {
  (void)read_file(arguments.file);  // told here where it cannot be read
  if (!arguments.out.empty()) {
    need_writable(arguments.out);
    need_other_file(arguments.out, {arguments.file, arguments.model});
  }
  std::vector<std::string> words{"tune",           arguments.file,
                                 "--compilations", fmt::format("{}", arguments.compilations),
                                 "--tolerance",    fmt::format("{}", arguments.tolerance),
                                 "--call-seconds", fmt::format("{}", arguments.call_seconds),
                                 "--seed",         fmt::format("{}", arguments.seed)};
  if (!arguments.out.empty()) words.insert(words.end(), {"--out", arguments.out});
  if (!arguments.model.empty()) words.insert(words.end(), {"--model", arguments.model});
  if (arguments.json) words.emplace_back("--json");
  if (arguments.quiet) words.emplace_back("--quiet");
  become_label(std::move(words), "tuning");
}

}  // namespace

void add_cost_tune(CLI::App& cost, Action& action) {
  auto* command = cost.add_subcommand(
      "tune", "Make a kernel in MLIR faster on this machine by search over the compiler's transformations");
  auto arguments = std::make_shared<TuneArguments>();
  add_tuned_file(command, *arguments,
                 "  hone cost tune gemm.mlir --out faster.mlir\n"
                 "  hone cost tune gemm.mlir --model costs.json\n"
                 "  hone cost tune gemm.mlir --tolerance 1e-12 --compilations 40 --json");
  add_tuning(command, *arguments);
  command->callback([arguments, &action] { action = [arguments] { return tune(*arguments); }; });
}

}  // namespace hone::cli
