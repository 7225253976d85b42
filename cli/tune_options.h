#pragma once

#include <cstdint>
#include <string>

#include "command.h"

namespace hone::cli {

/// What `hone cost tune` and hone-label's subcommands that tune have in common.
struct TuneArguments {
  std::string file, out;
  std::string model;  ///< file of learned costs; "": none
  int compilations = 20;
  double tolerance = 0.0, call_seconds = 60.0;
  std::uint64_t seed = 1;
  bool json = false, quiet = false;
};

/// FILE, --out and what is to be known of them.
inline void add_tuned_file(CLI::App* command, TuneArguments& arguments, const std::string& examples) {
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
      "Examples:\n" +
      examples);
  command->add_option("FILE", arguments.file, "MLIR text")->required();
  command->add_option(
      "--out", arguments.out,
      "Write the faster function here, on buffers also where FILE is on tensors; where none is "
      "faster, the original");
}

/// The options of the search.
inline void add_tuning(CLI::App* command, TuneArguments& arguments) {
  command
      ->add_option("--compilations", arguments.compilations,
                   "Compile and run so many functions at most, the original among them; default: 20")
      ->check(whole_number(2, 100000));
  command
      ->add_option("--tolerance", arguments.tolerance,
                   "Largest relative difference of an output element; default: 0, bit for bit the same")
      ->check(between(0.0, 1.0));
  command
      ->add_option("--call-seconds", arguments.call_seconds,
                   "Give the function up where one call of the original takes longer; default: 60")
      ->check(between(0.1, 86400.0));
  command->add_option("--model", arguments.model,
                      "Costs learned on this machine (hone cost learn): they help the analytic model choose");
  command->add_option("--seed", arguments.seed, "Of the random inputs; default: 1")->check(not_negative());
  command->add_flag("--json", arguments.json, "Print one JSON document");
  command->add_flag("--quiet", arguments.quiet, "No progress");
}

}  // namespace hone::cli
