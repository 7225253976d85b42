#pragma once

#include <string>
#include <vector>

#include "hone/task/task.h"

namespace hone::task {

/// A task of one's own as its program describes it. A plain value.
struct ProgramDescription {
  std::string name;
  std::string summary;
  std::vector<OptionSpec> options;
  /// Whether the rest holds for any options; else it is known once the program was told them.
  bool complete = false;
  std::vector<MeasureInfo> measures;
  bool any_measure = false;
  std::string fidelity_unit;
  std::string fidelity_note;
  Task::Needs needs;
  std::string identity;  ///< "": the program's file

  Json json() const;
  static ProgramDescription from_json(const Json& json);  ///< throws Error
};

/// {"message", "hint", "file", "line", "key"}: how a program answers what is wrong.
Json error_to_json(const Error& error);
Error error_from_json(const Json& json);

/// What a program prints on standard output when run with these arguments: one JSON object of this version of
/// hone. It is killed after 10 s (HONE_DESCRIBE_TIME, "30 s", sets another limit). Throws Error at `place`
/// where it cannot be run, crashes, hangs, prints anything else, or was built with another version; and the
/// error that the program answers with, at the place it names.
Json ask_program(const std::string& path, const std::vector<std::string>& arguments, const Place& place);

/// The hash of a file's content as an identity: "program HEX". Throws Error where it cannot be read.
std::string program_identity(const std::string& path);

/// The task kind "program" where the program is another one than this: what the program says of itself.
/// Options: those of the kind.
std::shared_ptr<const Task> make_described_task(const Options& options, const std::string& folder);

/// The program's absolute path. Throws Error at the option where there is no such program.
std::string program_path(const Options& options, const std::string& folder);

}  // namespace hone::task
