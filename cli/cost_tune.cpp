// hone cost tune: hands the kernel to hone-label, which is linked to the compiler.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include <unistd.h>

#include "cost.h"
#include "hone/base/files.h"

namespace hone::cli {
namespace {

struct CostTuneArguments {
  std::string file, out;
  int compilations = 20;
  double tolerance = 0.0;
  std::uint64_t seed = 1;
  bool json = false, quiet = false;
};

/// hone-label beside this program, else in PATH.
std::string find_label() {
  std::error_code code;
  const std::filesystem::path own = std::filesystem::read_symlink("/proc/self/exe", code);
  if (!code) {
    const std::string beside = (own.parent_path() / "hone-label").string();
    if (::access(beside.c_str(), X_OK) == 0) return beside;
  }
  const std::string found = program_on_path("hone-label");
  if (found.empty())
    throw Error("tuning needs the program hone-label, which is not built here", {},
                "./dev build --all builds it (it needs MLIR 19: mlir-19-tools, libmlir-19-dev, llvm-19-dev)");
  return found;
}

int tune(const CostTuneArguments& arguments) {
  (void)read_file(arguments.file);  // told here where it cannot be read
  const std::string program = find_label();
  std::vector<std::string> words = {program,
                                    "tune",
                                    arguments.file,
                                    "--compilations",
                                    fmt::format("{}", arguments.compilations),
                                    "--tolerance",
                                    fmt::format("{}", arguments.tolerance),
                                    "--seed",
                                    fmt::format("{}", arguments.seed)};
  if (!arguments.out.empty()) words.insert(words.end(), {"--out", arguments.out});
  if (arguments.json) words.emplace_back("--json");
  if (arguments.quiet) words.emplace_back("--quiet");
  std::vector<char*> list;
  for (auto& word : words) list.push_back(word.data());
  list.push_back(nullptr);
  std::fflush(nullptr);
  ::execv(program.c_str(), list.data());
  throw environment_error(fmt::format("cannot start {}: {}", program, std::strerror(errno)));
}

}  // namespace

void add_cost_tune(CLI::App& cost, Action& action) {
  auto* command = cost.add_subcommand(
      "tune", "Make a kernel in MLIR faster on this machine by search over the compiler's transformations");
  command->footer(
      "FILE holds one func.func of affine loops on buffers of fixed shape (buffers of different arguments "
      "must not overlap),\n"
      "or of linalg on tensors. Distribution, fusion, loop order, tiling, unroll-and-jam and transposed "
      "copies are tried;\n"
      "a model says which first. Each candidate is run on random inputs and compared with the original at "
      "-O3; what is\n"
      "slower or different is never returned. With --tolerance, sums may be taken in another order and "
      "multiplications\n"
      "fused with additions.\n"
      "Examples:\n"
      "  hone cost tune gemm.mlir --out faster.mlir\n"
      "  hone cost tune gemm.mlir --tolerance 1e-12 --compilations 40 --json");
  auto arguments = std::make_shared<CostTuneArguments>();
  command->add_option("FILE", arguments->file, "MLIR text")->required();
  command->add_option("--out", arguments->out,
                      "Write the faster function here; where none is faster, the original");
  command
      ->add_option("--compilations", arguments->compilations,
                   "Compile and run so many functions at most, the original among them; default: 20")
      ->check(CLI::Range(2, 100000));
  command
      ->add_option("--tolerance", arguments->tolerance,
                   "Largest relative difference of an output element; default: 0, bit for bit the same")
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--seed", arguments->seed, "Of the random inputs; default: 1");
  command->add_flag("--json", arguments->json, "Print one JSON document");
  command->add_flag("--quiet", arguments->quiet, "No progress");
  command->callback([arguments, &action] { action = [arguments] { return tune(*arguments); }; });
}

}  // namespace hone::cli
