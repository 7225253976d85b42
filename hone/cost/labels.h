#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hone/base/json.h"
#include "hone/base/key.h"
#include "hone/cost/mlir/target.h"

namespace hone::cost {

/// What a data set says first of itself: {"format": "hone-labels", ...
constexpr const char* kLabelFormat = "hone-labels";

/// One function and what it cost where it was measured (docs/formats.md, "Labels").
struct Label {
  std::uint64_t id = 0;  ///< the generator's number, or the place in a list of files
  std::string family, group, schedule;
  std::string text;                       ///< MLIR: one function, as it was compiled
  Key structure;                          ///< hash of structure_text(text)
  std::map<std::string, double> targets;  ///< by name with unit: "run_s", "instructions", ...
  double spread = 0.0;                    ///< of run_s: (q80 - q20) / q20 of the repeats
  bool disturbed = false;                 ///< the repeats disagree: trust run_s less
  int visits = 1;                         ///< how often it was measured, some time apart
  std::string failed;                     ///< why there are no targets; "" where there are

  double target(const std::string& name) const;  ///< NaN where it is not there
  Json json() const;
  /// Of its JSON. Throws Error where it is none, or no label's.
  static Label from_text(std::string_view json);
};

/// What two visits to the same function say together: an undisturbed one is believed; of two disturbed ones
/// the shorter time stands, which is trusted where they agree within a twentieth: what disturbs comes and
/// goes, so that it hardly makes both late by the same. Visits add up.
Label joined(const Label& before, const Label& again);

/// Where labels come from: machine, compiler, generator, date. The first line of a data set.
struct LabelProvenance {
  std::string machine, cpu, compiler, flags, date;  ///< date: UTC, ISO 8601
  std::uint64_t seed = 0;
  int generator = 0;
  std::optional<mlir::CodeTarget> code_target;  ///< not in old files
  std::vector<std::string> families;            ///< those asked for; empty: all
  std::map<std::string, double> measured;  ///< the machine's own rates: "f32_flops_per_s", "bytes_per_s", ...

  Json json() const;
  static LabelProvenance from_json(const Json& json);
  /// What the labels were compiled for; where the file does not say, by the name of the processor.
  mlir::CodeTarget target() const;
  /// Whether labels of the other may be appended: the same machine, compiler and generator.
  bool same_source(const LabelProvenance& other) const;
};

struct LabelSet {
  LabelProvenance provenance;
  std::vector<Label> labels;  ///< in the file's order, the failed ones among them
  std::string file;           ///< that they were read from; "": none
};

/// What a model learned from labels is for, by what it says of them: "code_target", else "cpu".
mlir::CodeTarget code_target_of(const Json& provenance);
Json code_target_json(const mlir::CodeTarget& target);

/// Reads a data set. A last line that was cut off is not there; a function that was visited again has the
/// last line that says so. Throws Error with the line where the file is none or broken elsewhere.
LabelSet read_labels(const std::string& path);

/// The text with what has no meaning taken out: names of values, functions and aliases numbered in the order
/// in which they appear, comments and spaces reduced. Two functions of the same structure have the same.
std::string structure_text(const std::string& text);

enum class Split { train, validation, test };

/// How to part a data set so that related kernels stay together.
struct SplitOptions {
  double validation = 0.1, test = 0.1;  ///< shares of the groups
  std::vector<std::string>
      held_out;  ///< families that are all test; the other groups are then train or validation
  std::uint64_t seed = 1;
};

/// Where a label belongs: by the hash of its group, or by its family where some are held out.
Split split_of(const Label& label, const SplitOptions& options = {});

/// Whether a target depends on the run's time, which disturbed labels measure badly: "run_s", "flops_per_s",
/// "utilisation".
bool is_timed(const std::string& target);

}  // namespace hone::cost
